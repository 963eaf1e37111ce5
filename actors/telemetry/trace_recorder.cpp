#include "actors/telemetry/trace_recorder.hpp"

#include "actors/call_trace.hpp"
#include "actors/log.hpp"
#include "observability/trace/calls.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <unistd.h>

namespace actord {

namespace {

double seconds_of(auto duration) {
  return std::chrono::duration<double>(duration).count();
}

// <temporary files>/lmcache-trace-<pid>-<UTC time>.lct
std::string minted_path() {
  const char* folder = std::getenv("TMPDIR");
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  return std::string{folder && *folder ? folder : "/tmp"} + "/lmcache-trace-"
         + std::to_string(::getpid()) + '-' + stamp + ".lct";
}

} // namespace

trace_recorder::trace_recorder(std::unique_ptr<trace_file> file, identity who,
                               std::shared_ptr<metric_registry> metrics)
  : file_(std::move(file)), who_(std::move(who)), metrics_(std::move(metrics)),
    records_(metrics_->counter(metric::trace_records)),
    dropped_records_(metrics_->counter(metric::trace_dropped_records)),
    bytes_(metrics_->counter(metric::trace_bytes)), expected_(who_.first_number) {
  bytes_.add(static_cast<double>(file_->bytes()));
}

trace_recorder::~trace_recorder() = default;

std::string_view trace_recorder::name() const {
  return "StorageTraceRecorder";
}

event_mask trace_recorder::interests() const {
  return {event_type::trace_call};
}

void trace_recorder::handle(const event& what) {
  const auto& details = std::get<trace_call_details>(what.details);
  if (details.number < who_.first_number)
    return; // of a recording before this one
  if (missed_)
    tell_gap(last_mono_, last_wall_);
  ++received_;
  expected_ = std::max(expected_, details.number + 1);
  last_mono_ = std::max(0.0, details.t_mono - who_.t_mono_start);
  last_wall_ = what.time_s;
  write(trace::encode(trace::to_record(last_mono_, last_wall_, details.call->what)), 1);
}

void trace_recorder::missed_events() {
  missed_ = true; // the numbers of the calls that still come say how many
}

// Calls that publishers numbered and that never came here.
void trace_recorder::tell_gap(double t_mono, double t_wall) {
  missed_ = false;
  const auto numbered = expected_ - who_.first_number;
  if (numbered <= received_ + told_)
    return;
  const auto lost = numbered - received_ - told_;
  told_ += lost;
  lose(lost);
  write(trace::encode(trace::gap{t_mono, t_wall, static_cast<int64_t>(lost)}), 0);
}

void trace_recorder::write(const std::string& frame, uint64_t records) {
  if (!file_->is_open())
    return lose(records);
  const auto before = file_->bytes();
  if (const auto fault = file_->append(frame); !fault.empty()) {
    log_warn(log_part::trace, "trace recorder: write failed; recording ends: {}", fault);
    return lose(records);
  }
  records_.add(static_cast<double>(records));
  bytes_.add(static_cast<double>(file_->bytes() - before));
}

void trace_recorder::lose(uint64_t records) {
  dropped_ += records;
  dropped_records_.add(static_cast<double>(records));
}

void trace_recorder::shut_down() {
  if (std::exchange(closed_, true))
    return;
  expected_ = std::max(expected_, next_call_number());
  tell_gap(last_mono_, last_wall_);
  if (const auto fault = file_->close(); !fault.empty())
    log_error(log_part::trace, "trace recorder: fsync failed: {}", fault);
  if (dropped_ > 0)
    log_warn(log_part::trace, "trace recorder closed; {} record(s) dropped", dropped_);
  else
    log_info(log_part::trace, "trace recorder closed cleanly: {}", file_->path());
}

std::unique_ptr<event_subscriber>
open_trace_recorder(const daemon_options& options, std::shared_ptr<metric_registry> metrics) {
  const auto& wanted = options.observability;
  if (wanted.trace_level.empty())
    return nullptr;
  if (!wanted.enabled) {
    log_warn(log_part::trace, "nothing is recorded: calls come over the event bus, which "
                              "--disable-observability switches off");
    return nullptr;
  }
  auto path = wanted.trace_output;
  if (path.empty()) {
    path = minted_path();
    log_info(log_part::trace,
             "trace recording enabled (level={}); no --trace-output given, writing to {}",
             wanted.trace_level, path);
  }
  trace_recorder::identity who{wanted.trace_level,
                               seconds_of(std::chrono::steady_clock::now().time_since_epoch()),
                               next_call_number()};
  const auto wall = seconds_of(std::chrono::system_clock::now().time_since_epoch());
  auto file = trace_file::open(path, trace::encode(trace_header(options, who.t_mono_start, wall)),
                               {wanted.trace_max_bytes, wanted.trace_max_files});
  if (auto* fault = std::get_if<std::string>(&file))
    throw std::runtime_error("--trace-output: " + *fault
                             + "; choose a file that the daemon may write");
  log_info(log_part::trace, "trace recorder writing to {} (level={})", path, wanted.trace_level);
  return std::make_unique<trace_recorder>(std::get<std::unique_ptr<trace_file>>(std::move(file)),
                                          std::move(who), std::move(metrics));
}

} // namespace actord
