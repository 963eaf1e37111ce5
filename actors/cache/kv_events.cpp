#include "actors/cache/kv_events.hpp"

#include "actors/clock.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::seconds(10);

} // namespace

kv_events_state::kv_events_state(kv_events_actor::pointer self) : self_(self) {
}

void kv_events_state::init(const kv_events_options& options) {
  options_ = options;
}

void kv_events_state::append(wire::kv_event_record event) {
  event.seq = next_seq_++;
  tokens_ += event.token_ids.size();
  log_.push_back(std::move(event));
  while (log_.size() > options_.log_size || tokens_ > max_tokens) {
    tokens_ -= log_.front().token_ids.size();
    log_.pop_front();
  }
}

void kv_events_state::append_stored(const chunk_news& news,
                                    const std::optional<store_origin>& origin) {
  if (!origin) {
    ++unbound_stores_;
    return;
  }
  // The range is short: a linear look is cheaper than a table.
  const auto& range = origin->range;
  auto hashes = range.hashes();
  auto found = std::ranges::find(hashes, news.hash);
  if (found == hashes.end()) {
    ++unbound_stores_;
    return;
  }
  const auto chunk = range.first + static_cast<size_t>(found - hashes.begin());
  wire::kv_event_record event;
  event.kind = "stored";
  event.model_name = news.space->model_name;
  event.block_hashes = {news.hash};
  if (chunk > 0)
    event.parent_block_hash = (*range.chain)[chunk - 1];
  const auto& tokens = origin->key->token_ids;
  auto begin = tokens.begin() + static_cast<ptrdiff_t>(chunk * options_.chunk_tokens);
  event.token_ids.assign(begin, begin + options_.chunk_tokens);
  append(std::move(event));
}

void kv_events_state::record(const chunk_news_batch& batch) {
  if (options_.log_size == 0)
    return;
  // What left in one step is one record per model.
  std::map<std::string, std::vector<chunk_hash>> removed;
  for (const auto& news : batch.news) {
    if (news.stored)
      append_stored(news, batch.origin);
    else
      removed[news.space->model_name].push_back(news.hash);
  }
  for (auto& [model_name, hashes] : removed) {
    wire::kv_event_record event;
    event.kind = "removed";
    event.model_name = model_name;
    event.block_hashes = std::move(hashes);
    append(std::move(event));
  }
  serve_all();
}

wire::kv_event_batch kv_events_state::page(const kv_subscription& wish) const {
  wire::kv_event_batch result;
  result.enabled = options_.log_size > 0;
  result.incarnation = static_cast<uint64_t>(options_.incarnation_ns);
  const auto cursor = static_cast<uint64_t>(wish.cursor);
  const auto first_kept = log_.empty() ? next_seq_ : log_.front().seq;
  result.lost = cursor + 1 < first_kept || cursor >= next_seq_;
  result.next_cursor = std::min(std::max(cursor, first_kept - 1), next_seq_ - 1);
  for (auto seq = result.next_cursor + 1; seq < next_seq_; ++seq) {
    const auto& event = log_[seq - first_kept];
    if (result.events.size() >= static_cast<size_t>(wish.max_events))
      break;
    if (event.model_name == wish.model_name)
      result.events.push_back(event);
    result.next_cursor = seq;
  }
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
  result.next_seq = static_cast<int64_t>(next_seq_);
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
