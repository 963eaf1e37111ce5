#include "observability/tracing/span_maker.hpp"

#include "observability/tracing/blend_spans.hpp"
#include "observability/tracing/l2_spans.hpp"
#include "observability/tracing/phase_spans.hpp"
#include "observability/tracing/request_spans.hpp"
#include "observability/tracing/timeout_spans.hpp"

#include <cassert>
#include <exception>
#include <stdexcept>
#include <string>

namespace actord {

namespace {

// How often to look for sessions that are forgotten, as parts of the idle limit.
constexpr double sweeps_per_limit = 10;

} // namespace

tracing_subscriber::tracing_subscriber(std::shared_ptr<span_registry> spans,
                                       std::vector<std::unique_ptr<event_subscriber>> makers,
                                       tracing_options options)
  : spans_(std::move(spans)), makers_(std::move(makers)), options_(std::move(options)) {
  assert(!makers_.empty());
  for (const auto& each : makers_)
    wanted_.push_back(each->interests());
}

event_mask tracing_subscriber::interests() const {
  event_mask result{event_type::l1_eviction_loop_tick}; // our clock
  for (const auto& each : wanted_)
    result |= each;
  return result;
}

void tracing_subscriber::handle(const event& what) {
  std::string failure;
  for (size_t i = 0; i < makers_.size(); ++i) {
    if (!wanted_[i].has(what.type))
      continue;
    try {
      makers_[i]->handle(what);
    } catch (const std::exception& fault) {
      failure += std::string{failure.empty() ? "" : "; "} + std::string{makers_[i]->name()} + ": "
                 + fault.what();
    }
  }
  if (what.type == event_type::l1_eviction_loop_tick && what.time_s >= next_sweep_s_) {
    spans_->sweep(what.time_s, options_.idle_limit_s);
    next_sweep_s_ = what.time_s + options_.idle_limit_s / sweeps_per_limit;
  }
  if (!failure.empty())
    throw std::runtime_error(failure);
}

void tracing_subscriber::missed_events() {
  for (const auto& each : makers_)
    each->missed_events();
}

void tracing_subscriber::shut_down() {
  for (auto last = makers_.rbegin(); last != makers_.rend(); ++last)
    (*last)->shut_down();
  spans_->close_all(options_.now());
}

std::vector<std::unique_ptr<event_subscriber>>
daemon_span_makers(const std::shared_ptr<span_registry>& spans) {
  std::vector<std::unique_ptr<event_subscriber>> result;
  result.push_back(std::make_unique<request_spans>(spans));
  result.push_back(std::make_unique<blend_spans>(spans));
  result.push_back(std::make_unique<timeout_spans>(spans));
  result.push_back(std::make_unique<phase_spans>(spans));
  result.push_back(std::make_unique<l2_spans>(spans));
  return result;
}

} // namespace actord
