// The actor that keeps the log of KV events and the streams that follow it.
#pragma once

#include "actors/cache/kv_event_log.hpp"
#include "actors/interfaces.hpp"
#include "observability/metric_registry.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <span>

namespace actord {

struct kv_events_options {
  uint32_t log_size = 32'768; // records; 0 switches the channel off
  uint32_t chunk_tokens = 256;
  time_ms reap_timeout_ms = 120'000; // 0: silent subscribers are kept
  int64_t incarnation_ns = 0;        // wall clock at start
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
};

/// The state of KV EVENTS (spec wire-protocol §3.7). Fed by the L1 MANAGER, batch by batch, so
/// nothing is dropped on the way. Bounds: those of the log, beyond which a reader that still needs
/// the oldest is told `lost`; one stream per instance.
class kv_events_state {
public:
  static inline const char* name = "kv-events";

  explicit kv_events_state(kv_events_actor::pointer self);

  void init(const kv_events_options& options);
  void record(const chunk_news_batch& batch);
  void subscribe(const kv_subscription& wish);
  /// One more page may go to the stream.
  void grant(uint64_t stream);
  /// Ends a stream, with or without an end frame.
  void end(uint64_t stream, bool tell);
  void seen(int64_t instance_id);
  void close(int64_t instance_id);
  void tick();
  kv_event_status status() const;

  zmq_gateway_actor gateway;

private:
  struct stream_state {
    kv_subscription wish;
    bool credit = true, first = true;
    time_ms last_seen_ms = 0;
  };

  /// Records the first of the news and those after it that follow it in the range; returns how
  /// many.
  /// @param hint where in the range to look first; moved on
  size_t append_stored(std::span<const chunk_news> news, const store_origin& origin, size_t& hint);
  /// Sends what there is to a stream that has credit.
  void serve(stream_state& stream);
  wire::kv_event_batch page(const kv_subscription& wish) const;
  void serve_all();

  kv_events_actor::pointer self_;
  kv_events_options options_;
  kv_event_log log_;
  uint64_t unbound_stores_ = 0;
  std::shared_ptr<std::atomic<uint64_t>> depth_ = std::make_shared<std::atomic<uint64_t>>(0);
  std::map<uint64_t, stream_state> streams_;
};

kv_events_actor::behavior_type kv_events(kv_events_actor::stateful_pointer<kv_events_state> self,
                                         const kv_events_options& options);

} // namespace actord
