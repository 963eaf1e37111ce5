// Pushes metrics, log records and spans to an OTLP receiver.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/telemetry/log_outbox.hpp"
#include "actors/telemetry/otlp_transport.hpp"
#include "actors/telemetry/span_outbox.hpp"
#include "observability/metric_registry.hpp"
#include "observability/otlp/encode_metrics.hpp"
#include "observability/otlp/export_lane.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <random>

namespace actord {

struct otlp_exporter_options {
  std::string endpoint;                      // for log lines
  std::shared_ptr<metric_registry> registry; // counts the exporter itself, too
  bool metrics_enabled = true;
  otlp::metrics_origin origin;
  std::array<otlp::lane_rules, otlp::signal_count> rules; // by signal
  std::shared_ptr<log_outbox> logs;                       // null: no log records are pushed
  std::shared_ptr<span_outbox> spans;                     // null: no spans are pushed
  int64_t span_linger_ms = 5'000;                         // that spans wait for company
  std::shared_ptr<otlp_transport> transport;
  std::shared_ptr<const std::atomic<bool>> hurry; // true: the daemon ends
  std::function<int64_t()> unix_ns;               // the time, since 1970
};

/// Every signal has a lane of its own: one that fails or waits holds no other up beyond the call
/// under way. Calls block this actor, which has a thread of its own, and nobody else.
class otlp_exporter_state {
public:
  explicit otlp_exporter_state(otlp_exporter_actor::pointer self);

  void init(otlp_exporter_options options);

  /// Sends what is due and arms the timer for what is next.
  void run();

  /// The last collection, records and spans, one try each, `last_push_ms` in all.
  void finish();

private:
  struct lane {
    explicit lane(otlp::lane_rules rules) : queue(rules) {
    }
    otlp::export_lane queue;
    otlp::lane_counts told; // what the cells have got
    std::optional<int64_t> last_error_ms;
    bool failing = false;
    counter_cell *exported = nullptr, *dropped = nullptr, *retries = nullptr;
  };

  int64_t now_ms() const;
  void load_metrics();
  void load_logs();
  void load_spans(size_t most);
  void send_spans();
  void send_due(otlp::signal which);
  void tell(otlp::signal which, otlp::export_lane::news what, const otlp::answer& came);
  void count(otlp::signal which);
  void arm();
  std::optional<int64_t> spans_wish() const;

  otlp_exporter_actor::pointer self_;
  otlp_exporter_options options_;
  std::vector<lane> lanes_; // by signal
  int64_t next_metrics_ms_ = 0;
  std::optional<int64_t> armed_ms_;
  uint64_t logs_dropped_ = 0, spans_dropped_ = 0; // by the outboxes, as far as counted
  std::optional<int64_t> spans_due_ms_;           // when those that wait go, even if few
  histogram_cell* collect_time_ = nullptr;
  std::minstd_rand random_{std::random_device{}()};
};

otlp_exporter_actor::behavior_type
otlp_exporter(otlp_exporter_actor::stateful_pointer<otlp_exporter_state> self,
              otlp_exporter_options options);

/// A running exporter.
class otlp_export {
public:
  /// Starts pushing, log records and spans too where the options say so. Throws
  /// std::runtime_error when libcurl cannot be set up.
  otlp_export(caf::actor_system& system, runtime::actor_census& census,
              const daemon_options& options, std::shared_ptr<metric_registry> registry,
              resource_attributes resource);
  otlp_export(const otlp_export&) = delete;

  /// Pushes once more, and ends: five seconds at most.
  ~otlp_export();

  /// Where spans go; null: tracing is off.
  const std::shared_ptr<span_outbox>& spans() const {
    return spans_;
  }

private:
  caf::actor_system& system_;
  std::shared_ptr<std::atomic<bool>> hurry_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<log_outbox> logs_;
  std::shared_ptr<span_outbox> spans_;
  otlp_exporter_actor actor_;
};

} // namespace actord
