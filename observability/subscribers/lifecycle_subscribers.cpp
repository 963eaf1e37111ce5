#include "observability/subscribers/lifecycle_subscribers.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace actord {

namespace {

std::vector<reuse_key> reuse_keys(const std::vector<event_key>& keys) {
  std::vector<reuse_key> result;
  result.reserve(keys.size());
  for (const auto& key : keys)
    result.push_back({key.space->cache_salt, key.hash});
  return result;
}

object_key_view view_of(const event_key& key) {
  return {key.hash, key.space->model_name, key.kv_rank, key.object_group_id, key.space->cache_salt};
}

// Marks of keys; those of one event mostly share their space.
class key_marks {
public:
  uint64_t operator()(const event_key& key) {
    if (key.space.get() != space_) {
      space_ = key.space.get();
      space_mark_ = pair_identity(space_->model_name, space_->cache_salt).second;
    }
    constexpr uint64_t odd = 0x9e3779b97f4a7c15; // spreads the few bits of ranks and groups
    const auto place = uint64_t{key.kv_rank} << 32 | key.object_group_id;
    return key.hash.word() ^ space_mark_ ^ place * odd;
  }

private:
  const key_space* space_ = nullptr;
  uint64_t space_mark_ = 0;
};

} // namespace

l1_lifecycle_subscriber::l1_lifecycle_subscriber(std::shared_ptr<metric_registry> registry,
                                                 double sample_rate)
  : metric_subscriber("L1LifecycleSubscriber",
                      {event_type::l1_read_finished, event_type::l1_write_finished,
                       event_type::l1_write_finished_and_read_reserved,
                       event_type::l1_keys_evicted},
                      std::move(registry)),
    threshold_(sample_threshold(sample_rate)), lives_(*this, threshold_) {
}

// Nearly no key is followed: what most of the time goes into is finding that out.
void l1_lifecycle_subscriber::handle(const event& what) {
  const auto& details = std::get<l1_keys_details>(what.details);
  std::array<object_key_view, sample_lanes> lanes;
  std::array<uint64_t, sample_lanes> marks;
  size_t count = 0;
  const auto decide = [&] {
    std::fill(lanes.begin() + static_cast<ptrdiff_t>(count), lanes.end(), lanes.front());
    const auto hashes = l1_sample_hashes(lanes);
    for (size_t i = 0; i < count; ++i)
      if (sampled(hashes[i], threshold_))
        take(what.type, details.l1_tag, lanes[i], what.time_s);
      else
        unfollowed_.put(marks[i]);
    count = 0;
  };
  key_marks mark_of;
  for (const auto& key : *details.keys) {
    marks[count] = mark_of(key);
    if (unfollowed_.has(marks[count]))
      continue;
    lanes[count++] = view_of(key);
    if (count == sample_lanes)
      decide();
  }
  if (count > 0)
    decide();
  if (what.type != event_type::l1_read_finished)
    lives_.sweep(what.time_s);
}

void l1_lifecycle_subscriber::take(event_type what, std::string_view l1_tag,
                                   const object_key_view& key, double now) {
  if (what == event_type::l1_read_finished)
    lives_.read_finished(l1_tag, key, now);
  else if (what == event_type::l1_keys_evicted)
    lives_.evicted(l1_tag, key, now);
  else
    lives_.write_finished(l1_tag, key, now);
}

void l1_lifecycle_subscriber::missed_events() {
  lives_.forget_live_unless([](const sample_identity&) { return false; });
}

void l1_lifecycle_subscriber::reuse_gap(std::string_view l1_tag, double seconds) {
  registry().histogram(metric::l1_chunk_reuse_gap, {l1_tag}).observe(seconds);
}

void l1_lifecycle_subscriber::lifetime(std::string_view l1_tag, double seconds) {
  registry().histogram(metric::l1_chunk_lifetime, {l1_tag}).observe(seconds);
}

void l1_lifecycle_subscriber::idle_before_evict(std::string_view l1_tag, double seconds) {
  registry().histogram(metric::l1_chunk_idle_before_evict, {l1_tag}).observe(seconds);
}

void l1_lifecycle_subscriber::evict_reuse_gap(std::string_view l1_tag, double seconds) {
  registry().histogram(metric::l1_chunk_evict_reuse_gap, {l1_tag}).observe(seconds);
}

reuse_subscriber::reuse_subscriber(std::shared_ptr<metric_registry> registry, double sample_rate)
  : metric_subscriber("SMLifecycleSubscriber",
                      {event_type::sm_read_prefetched_finished, event_type::sm_write_finished},
                      std::move(registry)),
    reuses_(*this, sample_threshold(sample_rate)) {
}

void reuse_subscriber::handle(const event& what) {
  const auto keys = reuse_keys(*std::get<sm_keys_details>(what.details).succeeded);
  if (what.type == event_type::sm_write_finished)
    reuses_.write_finished(keys, what.time_s);
  else
    reuses_.read_finished(keys, what.time_s);
}

void reuse_subscriber::reuse(std::string_view cache_salt, double seconds, uint64_t objects) {
  registry().histogram(metric::real_reuse_gap, {cache_salt}).observe(seconds);
  registry()
    .histogram(metric::real_reuse_gap_objects, {cache_salt})
    .observe(static_cast<double>(objects));
}

l0_lifecycle_subscriber::l0_lifecycle_subscriber(std::shared_ptr<metric_registry> registry,
                                                 double sample_rate)
  : metric_subscriber("L0LifecycleSubscriber",
                      {event_type::mp_vllm_block_allocation, event_type::mp_vllm_end_session},
                      std::move(registry)),
    lives_(*this, sample_threshold(sample_rate)) {
}

void l0_lifecycle_subscriber::handle(const event& what) {
  if (const auto* ended = std::get_if<session_end_details>(&what.details)) {
    lives_.session_ended(ended->request_id);
    return;
  }
  const auto& told = std::get<block_allocation_details>(what.details);
  for (const auto& record : *told.records)
    lives_.allocated(told.instance_id, told.model_name, record.request_id, record.block_ids,
                     record.token_ids, what.time_s);
}

void l0_lifecycle_subscriber::lifetime(int64_t instance_id, std::string_view model_name,
                                       double seconds) {
  registry()
    .histogram(metric::l0_block_lifetime, {std::to_string(instance_id), model_name})
    .observe(seconds);
}

void l0_lifecycle_subscriber::idle_before_evict(int64_t instance_id, std::string_view model_name,
                                                double seconds) {
  registry()
    .histogram(metric::l0_block_idle_before_evict, {std::to_string(instance_id), model_name})
    .observe(seconds);
}

void l0_lifecycle_subscriber::reuse_gap(int64_t instance_id, std::string_view model_name,
                                        double seconds) {
  registry()
    .histogram(metric::l0_block_reuse_gap, {std::to_string(instance_id), model_name})
    .observe(seconds);
}

} // namespace actord
