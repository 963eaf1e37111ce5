#include "actors/telemetry/tracing.hpp"

#include "actors/request_trace.hpp"
#include "actors/telemetry/subscriber.hpp"
#include "observability/tracing/span_maker.hpp"

#include <array>
#include <chrono>
#include <random>
#include <utility>

namespace actord {

namespace {

std::array<uint64_t, 4> random_seed() {
  std::random_device source; // getrandom(2)
  std::array<uint64_t, 4> result{};
  for (auto& word : result)
    word = uint64_t{source()} << 32 | source();
  return result;
}

double unix_time_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Lifts the outbox's bound before everything that is open is closed.
class tracing_to_outbox final : public event_subscriber {
public:
  tracing_to_outbox(std::unique_ptr<event_subscriber> inner, std::shared_ptr<span_outbox> out)
    : inner_(std::move(inner)), out_(std::move(out)) {
  }

  std::string_view name() const override {
    return inner_->name();
  }
  event_mask interests() const override {
    return inner_->interests();
  }
  void handle(const event& what) override {
    inner_->handle(what);
  }
  void missed_events() override {
    inner_->missed_events();
  }
  void shut_down() override {
    out_->lift_bound();
    inner_->shut_down();
  }

private:
  std::unique_ptr<event_subscriber> inner_;
  std::shared_ptr<span_outbox> out_;
};

} // namespace

void attach_tracing(caf::actor_system& system, const event_bus_actor& bus,
                    const daemon_options& options, std::shared_ptr<span_outbox> out) {
  const auto& wanted = options.otlp.tracing;
  auto directory = std::make_shared<trace_directory>(random_seed());
  const span_sampling sampling{wanted.sample_rate, wanted.parent_based, wanted.slow_ms * 1'000'000};
  auto spans = std::make_shared<span_registry>(directory, sampling, [out](span_record span) {
    out->push(std::move(span));
  });
  const auto idle_s = static_cast<double>(options.mp.session_ttl_ms) / 1e3;
  auto makers = std::make_unique<tracing_subscriber>(spans, daemon_span_makers(spans),
                                                     tracing_options{idle_s, unix_time_s});
  trace_requests(directory);
  attach(system, bus, options.observability.event_bus_queue_size,
         std::make_unique<tracing_to_outbox>(std::move(makers), std::move(out)));
}

} // namespace actord
