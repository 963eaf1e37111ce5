// Records calls in a trace file.
#pragma once

#include "actors/telemetry/trace_file.hpp"
#include "observability/event_subscriber.hpp"
#include "observability/metric_registry.hpp"
#include "observability/trace/format.hpp"
#include "runtime/options/daemon_options.hpp"

#include <memory>
#include <string>

namespace actord {

/// Writes each call that is published (spec observability §6.1), on the thread that hands the
/// events in. What is lost on the way, because the bus or the recorder was overrun, is told in the
/// file by a gap; a disk that takes no more ends the recording, and nothing else.
class trace_recorder final : public event_subscriber {
public:
  /// What the commands of operators and the log say of it.
  struct identity {
    std::string level = "storage";
    double t_mono_start = 0;   // seconds of the clock that calls carry
    uint64_t first_number = 0; // of the calls that are to be recorded
  };

  trace_recorder(std::unique_ptr<trace_file> file, identity who,
                 std::shared_ptr<metric_registry> metrics);
  ~trace_recorder() override;

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;
  void missed_events() override;
  void shut_down() override;

  uint64_t dropped() const noexcept {
    return dropped_;
  }

private:
  void tell_gap(double t_mono, double t_wall);
  void write(const std::string& frame, uint64_t records);
  void lose(uint64_t records);

  std::unique_ptr<trace_file> file_;
  identity who_;
  std::shared_ptr<metric_registry> metrics_;
  counter_cell &records_, &dropped_records_, &bytes_;
  uint64_t expected_;     // number of the next call
  uint64_t received_ = 0; // calls
  uint64_t told_ = 0;     // calls that never came and stand in a gap, or in none for want of a file
  uint64_t dropped_ = 0;  // not in the file, for any reason
  double last_mono_ = 0, last_wall_ = 0;
  bool missed_ = false, closed_ = false;
};

/// The recorder that the options ask for, null when they ask for none or there is no bus for it.
/// Writes to the log which file it is. Throws std::runtime_error when the file cannot be made.
std::unique_ptr<event_subscriber>
open_trace_recorder(const daemon_options& options, std::shared_ptr<metric_registry> metrics);

/// The header of a recording with these options (spec observability §6.2): the storage options as
/// the Python server spells them, and digests of them, one without what differs from run to run.
trace::header trace_header(const daemon_options& options, double t_mono_start, double t_wall_start);

/// The digest of a header's storage options without what differs from run to run; "": unknown.
std::string normal_digest(const trace::header& of);

} // namespace actord
