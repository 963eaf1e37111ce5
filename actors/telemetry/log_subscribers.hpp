// The subscribers that turn events into lines of the log.
#pragma once

#include "actors/telemetry/log_control.hpp"
#include "observability/log_lines.hpp"

#include <functional>
#include <string_view>

namespace actord {

/// Writes the lines that a function makes of events.
class log_subscriber final : public event_subscriber {
public:
  using line_maker = std::function<std::vector<log_line>(const event&)>;

  /// @param name static
  log_subscriber(std::string_view name, log_part part, event_mask interests, line_maker lines);

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;

private:
  std::string_view name_;
  log_part part_;
  event_mask interests_;
  line_maker lines_;
};

/// Attaches the subscribers of spec observability §4.2 (not with --disable-logging) and of §4.3, in
/// the order of §1.6.
void attach_log_subscribers(log_control& to, bool steps);

/// The figures of spec observability §4.7, every `interval_s`.
void attach_extra_stats(log_control& to, double interval_s);

} // namespace actord
