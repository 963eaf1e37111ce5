#include "actors/transfer/transfer_meters.hpp"

#include "actors/call_trace.hpp"
#include "actors/request_trace.hpp"
#include "observability/failure_counts.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

namespace actord {

namespace {

// "<request id>#<n>", n counted over all transfers of the process (spec observability §1.1).
std::string next_transfer_key(const std::string& request_id) {
  static std::atomic<uint64_t> next = 0;
  return request_id + '#' + std::to_string(next.fetch_add(1, std::memory_order_relaxed));
}

struct event_types {
  event_type submitted, start, end;
};

constexpr event_types types_of(transfer_mark::way direction) {
  if (direction == transfer_mark::way::store)
    return {event_type::mp_store_submitted, event_type::mp_store_start, event_type::mp_store_end};
  return {event_type::mp_retrieve_submitted, event_type::mp_retrieve_start,
          event_type::mp_retrieve_end};
}

} // namespace

transfer_meters::transfer_meters(std::shared_ptr<metric_registry> registry, event_publisher_ptr bus,
                                 worker_name worker)
  : registry_(std::move(registry)), bus_(std::move(bus)), worker_(std::move(worker)) {
  auto cell = [this](metric what) { return &registry_->counter(what, {worker_.device}); };
  stores_ = {cell(metric::num_submitted_stores), cell(metric::num_finished_stores)};
  retrieves_ = {cell(metric::num_submitted_retrieves), cell(metric::num_finished_retrieves)};
  const auto id = std::to_string(worker_.instance_id);
  for (auto rate : {metric::l0_l1_store_throughput, metric::l0_l1_load_throughput})
    registry_->predeclare(rate, {worker_.device, id, worker_.model_name});
}

counter_cell& transfer_meters::loaded(const std::string& salt) {
  auto known = loaded_.find(salt);
  if (known == loaded_.end()) {
    if (loaded_.size() >= max_salts)
      loaded_.clear();
    auto& cell = registry_->counter(metric::num_chunks_loaded, {std::to_string(worker_.instance_id),
                                                                worker_.model_name, salt});
    known = loaded_.emplace(salt, &cell).first;
  }
  return *known->second;
}

void transfer_meters::read_failed(const key_space& space, const chunk_range& range, uint32_t rank,
                                  const std::vector<group_layout>& groups) {
  const auto wanted = static_cast<size_t>(std::ranges::count(groups, false, &group_layout::aux));
  count_read_failure(*registry_, "l1_retrieve", "not_found", worker_.model_name,
                     (range.end - range.first) * wanted);
  if (!bus_->wants(event_type::l1_read_failed))
    return;
  std::vector<event_key> keys;
  const auto shared = std::make_shared<const key_space>(space);
  for (const auto& hash : range.hashes())
    for (uint32_t group = 0; group < groups.size(); ++group)
      if (!groups[group].aux)
        keys.push_back({shared, hash, pack_kv_rank(space.world_size, rank), group, 0});
  bus_->publish(event_type::l1_read_failed, {},
                failure_details{"l1_retrieve", "not_found",
                                std::make_shared<const std::vector<event_key>>(std::move(keys))});
}

transfer_mark::transfer_mark(way direction, transfer_meters_ptr meters, const wire::cache_key& key)
  : transfer_mark(direction, std::move(meters), key.request_id, key.cache_salt, parent_of(key)) {
}

transfer_mark::transfer_mark(way direction, transfer_meters_ptr meters, std::string request_id,
                             std::string cache_salt, std::shared_ptr<const trace_parent> parent)
  : direction_(direction), meters_(std::move(meters)), request_id_(std::move(request_id)),
    cache_salt_(std::move(cache_salt)) {
  (direction_ == way::store ? meters_->stores_ : meters_->retrieves_).submitted->add();
  if (!told())
    return;
  const auto& worker = meters_->worker_;
  name_ = std::make_shared<const transfer_name>(
    transfer_name{worker.device, worker.instance_id, worker.model_name, cache_salt_,
                  next_transfer_key(request_id_), std::move(parent)});
  meters_->bus_->publish(types_of(direction_).submitted, request_id_,
                         transfer_details{name_, 0, 0, std::nullopt, 0});
}

transfer_mark::transfer_mark(transfer_mark&& other) noexcept
  : direction_(other.direction_), meters_(std::exchange(other.meters_, nullptr)),
    request_id_(std::move(other.request_id_)), cache_salt_(std::move(other.cache_salt_)),
    name_(std::move(other.name_)), read_(std::move(other.read_)), began_(other.began_) {
}

transfer_mark& transfer_mark::operator=(transfer_mark&& other) noexcept {
  // What was here ends with `other`.
  std::swap(direction_, other.direction_);
  std::swap(meters_, other.meters_);
  std::swap(request_id_, other.request_id_);
  std::swap(cache_salt_, other.cache_salt_);
  std::swap(name_, other.name_);
  std::swap(read_, other.read_);
  std::swap(began_, other.began_);
  return *this;
}

transfer_mark::~transfer_mark() {
  failed("it was given up before it was done");
}

bool transfer_mark::told() const {
  const auto types = types_of(direction_);
  const auto& bus = *meters_->bus_;
  return bus.wants(types.submitted) || bus.wants(types.start) || bus.wants(types.end);
}

void transfer_mark::reading(const key_space& space, const chunk_range& range,
                            const std::vector<slot>& slots) {
  if (!records_calls(*meters_->bus_))
    return;
  read_ = keys_of(space, range.hashes(), slots);
  trace_read(*meters_->bus_, read_);
}

void transfer_mark::start(time_point now) {
  began_ = now;
  if (name_)
    meters_->bus_->publish(types_of(direction_).start, request_id_,
                           transfer_details{name_, 0, 0, std::nullopt, 0});
}

void transfer_mark::done(uint64_t bytes, uint64_t chunks, time_point now) {
  if (!meters_)
    return;
  if (direction_ == way::retrieve && chunks > 0)
    meters_->loaded(cache_salt_).add(static_cast<double>(chunks));
  const auto seconds = std::chrono::duration<double>(now - began_).count();
  end({name_, chunks, bytes, chunks * meters_->worker_.chunk_tokens, seconds});
}

void transfer_mark::nothing_to_move() {
  if (meters_)
    end({name_, 0, 0, 0, 0});
}

void transfer_mark::failed(std::string why) {
  if (meters_)
    end({name_, 0, 0, 0, 0, false, std::move(why)});
}

void transfer_mark::end(transfer_details details) {
  const auto meters = std::exchange(meters_, nullptr);
  (direction_ == way::store ? meters->stores_ : meters->retrieves_).finished->add();
  if (name_)
    meters->bus_->publish(types_of(direction_).end, request_id_, std::move(details));
  if (read_)
    trace_read_end(*meters->bus_, read_);
}

} // namespace actord
