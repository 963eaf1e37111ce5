// What the subscribers that make spans have in common.
#pragma once

#include "observability/event_subscriber.hpp"
#include "observability/tracing/span_registry.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// Turns events into spans. All of them share one registry and therefore one actor (spec
/// observability §1.9, B2); one that a test or another part brings is as good as these.
class span_maker : public event_subscriber {
public:
  std::string_view name() const final {
    return name_;
  }
  event_mask interests() const final {
    return interests_;
  }

protected:
  /// @param name static storage
  span_maker(std::string_view name, event_mask interests, std::shared_ptr<span_registry> spans)
    : spans_(std::move(spans)), name_(name), interests_(interests) {
  }

  std::shared_ptr<span_registry> spans_;

private:
  std::string_view name_;
  event_mask interests_;
};

struct tracing_options {
  double idle_limit_s = 600;   // of a session, --session-ttl-seconds
  std::function<double()> now; // Unix time in seconds
};

/// The subscriber that hands each event to every span maker that wants it, in their order (spec
/// observability §1.6). One that throws keeps it from none of the others; what it threw counts once
/// they are done. Closes what is forgotten, and at the end everything.
class tracing_subscriber final : public event_subscriber {
public:
  /// @param makers at least one; the first lends its name
  tracing_subscriber(std::shared_ptr<span_registry> spans,
                     std::vector<std::unique_ptr<event_subscriber>> makers,
                     tracing_options options);

  std::string_view name() const override {
    return makers_.front()->name();
  }
  event_mask interests() const override;
  void handle(const event& what) override;
  void missed_events() override;
  void shut_down() override;

private:
  std::shared_ptr<span_registry> spans_;
  std::vector<std::unique_ptr<event_subscriber>> makers_;
  std::vector<event_mask> wanted_; // by maker
  tracing_options options_;
  double next_sweep_s_ = 0;
};

/// The daemon's own makers in the order of spec observability §1.6.
std::vector<std::unique_ptr<event_subscriber>>
daemon_span_makers(const std::shared_ptr<span_registry>& spans);

} // namespace actord
