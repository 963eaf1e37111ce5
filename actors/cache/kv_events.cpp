#include "actors/cache/kv_events.hpp"

#include "actors/clock.hpp"

#include <algorithm>
#include <chrono>
#include <span>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::seconds(10);

} // namespace

kv_events_state::kv_events_state(kv_events_actor::pointer self) : self_(self) {
}

void kv_events_state::init(const kv_events_options& options) {
  options_ = options;
  log_ = kv_event_log{options.log_size};
  if (options.log_size > 0) // without a log there is no depth to tell
    options.metrics->add_source([depth = depth_](gauge_sink& to) {
      to.set(metric::kv_events_log_depth, {},
             static_cast<double>(depth->load(std::memory_order_relaxed)));
    });
}

size_t kv_events_state::append_stored(std::span<const chunk_news> news, const store_origin& origin,
                                      size_t& hint) {
  // The news come in the order of the range, mostly without a gap.
  const auto& range = origin.range;
  const auto hashes = range.hashes();
  auto from = hashes.begin() + static_cast<ptrdiff_t>(std::min(hint, hashes.size()));
  auto found = std::find(from, hashes.end(), news.front().hash);
  if (found == hashes.end())
    found = std::find(hashes.begin(), from, news.front().hash);
  if (found == hashes.end() || *found != news.front().hash) {
    ++unbound_stores_;
    return 1;
  }
  const auto place = static_cast<size_t>(found - hashes.begin());
  size_t run = 1;
  while (run < news.size() && place + run < hashes.size() && news[run].stored
         && news[run].hash == hashes[place + run] && news[run].space == news.front().space)
    ++run;
  hint = place + run;
  const auto chunk = range.first + place;
  const auto tokens = std::span{origin.key->token_ids}.subspan(chunk * options_.chunk_tokens,
                                                               run * options_.chunk_tokens);
  log_.append_stored(news.front().space->model_name, hashes.subspan(place, run),
                     chunk > 0 ? &(*range.chain)[chunk - 1] : nullptr, tokens);
  return run;
}

void kv_events_state::record(const chunk_news_batch& batch) {
  if (options_.log_size == 0)
    return;
  // What left in one step is one record per model.
  std::map<std::string, std::vector<chunk_hash>> removed;
  size_t hint = 0;
  for (std::span news{batch.news}; !news.empty();) {
    size_t told = 1;
    if (!news.front().stored)
      removed[news.front().space->model_name].push_back(news.front().hash);
    else if (batch.origin)
      told = append_stored(news, *batch.origin, hint);
    else
      ++unbound_stores_;
    news = news.subspan(told);
  }
  for (const auto& [model_name, hashes] : removed)
    log_.append_removed(model_name, hashes);
  depth_->store(log_.size(), std::memory_order_relaxed);
  serve_all();
}

wire::kv_event_batch kv_events_state::page(const kv_subscription& wish) const {
  auto result = log_.page(wish.model_name, static_cast<uint64_t>(wish.cursor),
                          static_cast<size_t>(wish.max_events));
  result.enabled = options_.log_size > 0;
  result.incarnation = static_cast<uint64_t>(options_.incarnation_ns);
  return result;
}

void kv_events_state::serve(stream_state& stream) {
  if (!stream.credit)
    return;
  auto batch = page(stream.wish);
  stream.wish.cursor = static_cast<int64_t>(batch.next_cursor);
  if (!stream.first && batch.events.empty() && !batch.lost)
    return; // nothing for this model; the cursor has moved on
  stream.first = false;
  stream.credit = false;
  self_->send(gateway, atom::stored_v, stream.wish.stream, box(std::move(batch)));
}

void kv_events_state::serve_all() {
  for (auto& [id, stream] : streams_)
    serve(stream);
}

void kv_events_state::subscribe(const kv_subscription& wish) {
  close(wish.instance_id); // the newer one goes on
  auto& stream = streams_[wish.stream];
  stream.wish = wish;
  stream.last_seen_ms = now_ms(*self_);
  serve(stream);
}

void kv_events_state::grant(uint64_t id) {
  auto i = streams_.find(id);
  if (i == streams_.end())
    return;
  i->second.credit = true;
  i->second.last_seen_ms = now_ms(*self_);
  if (options_.log_size == 0)
    end(id, true); // one page said that the channel is off
  else
    serve(i->second);
}

void kv_events_state::end(uint64_t id, bool tell) {
  if (streams_.erase(id) > 0 && tell)
    self_->send(gateway, atom::end_v, id);
}

void kv_events_state::seen(int64_t instance_id) {
  for (auto& [id, stream] : streams_)
    if (stream.wish.instance_id == instance_id)
      stream.last_seen_ms = now_ms(*self_);
}

void kv_events_state::close(int64_t instance_id) {
  auto i = std::ranges::find_if(streams_, [&](const auto& entry) {
    return entry.second.wish.instance_id == instance_id;
  });
  if (i != streams_.end())
    end(i->first, true);
}

void kv_events_state::tick() {
  if (options_.reap_timeout_ms == 0)
    return;
  const auto limit = now_ms(*self_) - options_.reap_timeout_ms;
  std::vector<uint64_t> silent;
  for (const auto& [id, stream] : streams_)
    if (stream.last_seen_ms < limit)
      silent.push_back(id);
  for (auto id : silent)
    end(id, true);
}

kv_event_status kv_events_state::status() const {
  kv_event_status result;
  result.enabled = options_.log_size > 0;
  result.incarnation = options_.incarnation_ns;
  result.next_seq = static_cast<int64_t>(log_.next_seq());
  result.log_depth = log_.size();
  result.log_capacity = options_.log_size;
  result.unbound_stores = unbound_stores_;
  result.subscribers = streams_.size();
  return result;
}

kv_events_actor::behavior_type kv_events(kv_events_actor::stateful_pointer<kv_events_state> self,
                                         const kv_events_options& options) {
  self->state.init(options);
  self->delayed_send(self, tick_period, atom::tick_v);
  return {
    [self](atom::stored, const boxed<chunk_news_batch>& batch) { self->state.record(*batch); },
    [self](atom::open, const zmq_gateway_actor& gateway) { self->state.gateway = gateway; },
    [self](atom::subscribe, const kv_subscription& wish) { self->state.subscribe(wish); },
    [self](atom::ack, uint64_t stream) { self->state.grant(stream); },
    [self](atom::cancel, uint64_t stream) { self->state.end(stream, true); },
    [self](atom::lost, uint64_t stream) { self->state.end(stream, false); },
    [self](atom::seen, int64_t instance_id) { self->state.seen(instance_id); },
    [self](atom::close, int64_t instance_id) { self->state.close(instance_id); },
    [self](atom::status) { return self->state.status(); },
    [self](atom::tick) {
      self->state.tick();
      self->delayed_send(self, tick_period, atom::tick_v);
    },
  };
}

} // namespace actord
