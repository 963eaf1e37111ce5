#include "actors/telemetry/otlp_exporter.hpp"

#include "actors/log.hpp"
#include "actors/logging.hpp"
#include "observability/otlp/encode_spans.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace actord {

namespace {

using exporter_pointer = otlp_exporter_actor::stateful_pointer<otlp_exporter_state>;
using std::chrono::milliseconds;

constexpr int64_t metrics_period_ms = 10'000; // spec observability §7.1
constexpr auto log_linger = milliseconds(1'000);
constexpr int64_t last_push_ms = 3'000;
constexpr auto stop_time = std::chrono::seconds(5);

// A receiver that is down is told of once, then once a minute.
constexpr int64_t error_period_ms = 60'000;

int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

size_t index_of(otlp::signal which) {
  return static_cast<size_t>(which);
}

// On a thread of its own, whose log lines are not pushed.
otlp_exporter_actor::behavior_type
muted_exporter(exporter_pointer self, const otlp_exporter_options& options) {
  log_outbox::mute_this_thread();
  return otlp_exporter(self, options);
}

} // namespace

otlp_exporter_state::otlp_exporter_state(otlp_exporter_actor::pointer self) : self_(self) {
}

void otlp_exporter_state::init(otlp_exporter_options options) {
  options_ = std::move(options);
  auto& registry = *options_.registry;
  for (auto which : otlp::all_signals) {
    auto& made = lanes_.emplace_back(options_.rules[index_of(which)]);
    const auto name = otlp::to_string(which);
    made.exported = &registry.counter(metric::otlp_exported_points, {name});
    made.dropped = &registry.counter(metric::otlp_dropped_points, {name});
    made.retries = &registry.counter(metric::otlp_retries, {name});
  }
  collect_time_ = &registry.histogram(metric::scrape_duration, {"push"});
  next_metrics_ms_ = now_ms() + metrics_period_ms;
}

int64_t otlp_exporter_state::now_ms() const {
  return std::chrono::duration_cast<milliseconds>(self_->clock().now().time_since_epoch()).count();
}

void otlp_exporter_state::run() {
  if (options_.hurry->load())
    return; // finish() is on its way
  const auto now = now_ms();
  if (armed_ms_ && now >= *armed_ms_)
    armed_ms_.reset();
  if (options_.metrics_enabled && now >= next_metrics_ms_) {
    if (!lanes_[index_of(otlp::signal::metrics)].queue.paused(now))
      load_metrics();
    next_metrics_ms_ = std::max(next_metrics_ms_ + metrics_period_ms, now + 1);
  }
  if (!lanes_[index_of(otlp::signal::logs)].queue.paused(now))
    load_logs();
  send_due(otlp::signal::metrics);
  send_due(otlp::signal::logs);
  send_spans();
  arm();
}

void otlp_exporter_state::load_metrics() {
  const auto began = std::chrono::steady_clock::now();
  const auto read = options_.registry->read();
  auto made = otlp::encode_metrics(read, options_.origin, options_.unix_ns());
  const auto took = std::chrono::steady_clock::now() - began;
  collect_time_->observe(std::chrono::duration<double>(took).count());
  lanes_[index_of(otlp::signal::metrics)].queue.load(std::move(made));
}

// What comes while a batch is under way stays in the outbox, which is bounded.
void otlp_exporter_state::load_logs() {
  auto& queue = lanes_[index_of(otlp::signal::logs)].queue;
  if (options_.logs && queue.empty())
    queue.load(otlp::encode_logs(options_.logs->take(), options_.origin.resource));
}

void otlp_exporter_state::load_spans(size_t most) {
  const auto batch = options_.spans->bounds().batch;
  lanes_[index_of(otlp::signal::traces)].queue.load(
    otlp::encode_spans(options_.spans->take(most), options_.origin.resource, batch));
}

// Full batches at once, fewer spans when their time has come. What comes meanwhile waits in the
// outbox, which is bounded.
void otlp_exporter_state::send_spans() {
  if (!options_.spans)
    return;
  auto& queue = lanes_[index_of(otlp::signal::traces)].queue;
  const auto batch = options_.spans->bounds().batch;
  const auto now = now_ms();
  auto left = options_.spans->waiting();
  if (left > 0 && !spans_due_ms_)
    spans_due_ms_ = now + options_.span_linger_ms;
  const bool all = spans_due_ms_ && now >= *spans_due_ms_;
  send_due(otlp::signal::traces);
  while (queue.empty() && !queue.paused(now_ms()) && !options_.hurry->load()
         && left >= (all ? 1 : batch)) {
    load_spans(batch);
    left -= std::min(left, batch);
    send_due(otlp::signal::traces);
  }
  if (all || options_.spans->waiting() == 0)
    spans_due_ms_.reset();
}

void otlp_exporter_state::send_due(otlp::signal which) {
  auto& queue = lanes_[index_of(which)].queue;
  while (!options_.hurry->load()) {
    const auto* request = queue.due(now_ms());
    if (!request)
      break;
    const auto came = options_.transport->send(which, request->bytes, queue.time_left_ms(now_ms()));
    if (options_.hurry->load())
      break; // it was cut short, which says nothing about the receiver
    const auto spread = std::uniform_real_distribution<double>{0, 1}(random_);
    tell(which, queue.settle(came, now_ms(), spread), came);
  }
  count(which);
}

void otlp_exporter_state::tell(otlp::signal which, otlp::export_lane::news what,
                               const otlp::answer& came) {
  using news = otlp::export_lane::news;
  auto& of = lanes_[index_of(which)];
  const auto name = otlp::to_string(which);
  if (came.what == otlp::verdict::done && std::exchange(of.failing, false))
    log_info(log_part::daemon, "OTLP export of {} to {} works again", name, options_.endpoint);
  if (what == news::none)
    return;
  of.failing = of.failing || what != news::rejected;
  const auto now = now_ms();
  if (what == news::paused) {
    log_warn(log_part::daemon,
             "OTLP export of {} to {}: it does not know them ({}); they are offered again in {} s",
             name, options_.endpoint, came.why, options_.rules[index_of(which)].pause_ms / 1'000);
    return;
  }
  if (of.last_error_ms && now - *of.last_error_ms < error_period_ms)
    return;
  of.last_error_ms = now;
  if (what == news::gave_up)
    log_error(log_part::daemon,
              "OTLP export of {} to {} failed, they are dropped: {}; check the receiver", name,
              options_.endpoint, came.why);
  else
    log_warn(log_part::daemon, "{} did not take {} of the {} it was sent over OTLP: {}",
             options_.endpoint, came.rejected, name, came.why);
}

void otlp_exporter_state::count(otlp::signal which) {
  auto& of = lanes_[index_of(which)];
  const auto now = of.queue.counts();
  of.exported->add(static_cast<double>(now.exported - of.told.exported));
  of.dropped->add(static_cast<double>(now.dropped - of.told.dropped));
  of.retries->add(static_cast<double>(now.retries - of.told.retries));
  of.told = now;
  auto add_lost = [&](uint64_t lost, uint64_t& counted) {
    of.dropped->add(static_cast<double>(lost - std::exchange(counted, lost)));
  };
  if (which == otlp::signal::logs && options_.logs)
    add_lost(options_.logs->counts().dropped, logs_dropped_);
  if (which == otlp::signal::traces && options_.spans)
    add_lost(options_.spans->dropped(), spans_dropped_);
}

std::optional<int64_t> otlp_exporter_state::spans_wish() const {
  const auto& queue = lanes_[index_of(otlp::signal::traces)].queue;
  const auto waiting = options_.spans ? options_.spans->waiting() : 0;
  if (waiting == 0 || !queue.empty())
    return std::nullopt;
  const auto now = now_ms();
  const auto due = spans_due_ms_.value_or(now + options_.span_linger_ms);
  return std::max(waiting >= options_.spans->bounds().batch ? now : due, queue.paused_until_ms());
}

void otlp_exporter_state::arm() {
  auto next = options_.metrics_enabled ? std::optional{next_metrics_ms_} : std::nullopt;
  for (const auto& each : lanes_)
    if (auto wish = each.queue.next_ms())
      next = std::min(next.value_or(*wish), *wish);
  if (auto wish = spans_wish())
    next = std::min(next.value_or(*wish), *wish);
  const auto now = now_ms();
  // Pushes that were under way when the outbox was emptied woke nobody.
  const bool more = options_.logs && options_.logs->counts().waiting > 0
                    && lanes_[index_of(otlp::signal::logs)].queue.empty();
  if (more) {
    const auto& queue = lanes_[index_of(otlp::signal::logs)].queue;
    const auto wish = std::max(now + log_linger.count(), queue.paused_until_ms());
    next = std::min(next.value_or(wish), wish);
  }
  if (!next || (armed_ms_ && *armed_ms_ <= *next))
    return;
  armed_ms_ = *next;
  self_->delayed_send(self_, milliseconds(std::max<int64_t>(*next - now, 0)), atom::run_v);
}

void otlp_exporter_state::finish() {
  const auto deadline = now_ms() + last_push_ms;
  if (options_.metrics_enabled)
    load_metrics();
  if (options_.logs)
    options_.logs->close();
  for (auto which : otlp::all_signals) {
    auto& queue = lanes_[index_of(which)].queue;
    for (bool reached = true; reached && now_ms() < deadline;) {
      if (which == otlp::signal::logs)
        load_logs();
      else if (which == otlp::signal::traces && options_.spans && queue.empty())
        load_spans(options_.spans->waiting());
      queue.try_now();
      const auto* request = queue.due(now_ms());
      if (!request)
        break;
      // 0 would be no limit at all
      const auto left_ms = std::max<int64_t>(deadline - now_ms(), 1);
      const auto came = options_.transport->send(which, request->bytes, left_ms);
      queue.settle(came, now_ms(), 0);
      reached = came.what == otlp::verdict::done;
    }
    if (which == otlp::signal::traces && options_.spans)
      load_spans(options_.spans->waiting()); // to be counted as lost
    queue.drop_all();
    count(which);
  }
}

otlp_exporter_actor::behavior_type
otlp_exporter(exporter_pointer self, otlp_exporter_options options) {
  self->state.init(std::move(options));
  self->send(self, atom::run_v);
  return {
    [self](atom::run) { self->state.run(); },
    [self](atom::stop) {
      self->state.finish();
      self->quit();
      return caf::ok_atom_v;
    },
  };
}

otlp_export::otlp_export(caf::actor_system& system, runtime::actor_census& census,
                         const daemon_options& options, std::shared_ptr<metric_registry> registry,
                         resource_attributes resource)
  : system_(system) {
  // Whoever logs does not keep the exporter alive.
  auto door = std::make_shared<caf::weak_actor_ptr>();
  if (options.otlp.logs_enabled)
    logs_ = std::make_shared<log_outbox>([door](bool full_batch) {
      auto exporter = caf::actor_cast<otlp_exporter_actor>(*door);
      if (exporter && full_batch)
        caf::anon_send(exporter, atom::run_v);
      else if (exporter)
        caf::delayed_anon_send(exporter, log_linger, atom::run_v);
    });
  const auto& tracing = options.otlp.tracing;
  if (tracing.enabled)
    spans_ = std::make_shared<span_outbox>(
      span_outbox::limits{tracing.queue_size, tracing.batch_size}, [door](bool) {
        if (auto exporter = caf::actor_cast<otlp_exporter_actor>(*door))
          caf::anon_send(exporter, atom::run_v);
      });
  otlp_exporter_options made;
  made.endpoint = options.otlp.endpoint;
  made.metrics_enabled = options.observability.metrics_enabled;
  made.origin = {std::move(resource), unix_now_ns(), registry->names()};
  made.registry = std::move(registry);
  made.rules[index_of(otlp::signal::metrics)].total_ms = options.otlp.metrics.timeout_ms;
  made.rules[index_of(otlp::signal::logs)].total_ms = options.otlp.logs.timeout_ms;
  made.rules[index_of(otlp::signal::traces)].total_ms
    = std::min(options.otlp.traces.timeout_ms, tracing.timeout_ms);
  made.logs = logs_;
  made.spans = spans_;
  made.span_linger_ms = tracing.delay_ms;
  made.transport = curl_transport(options.otlp, hurry_);
  made.hurry = hurry_;
  made.unix_ns = unix_now_ns;
  actor_
    = runtime::spawn_named<caf::detached>(system, census, "otlp-exporter", muted_exporter, made);
  *door = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<caf::strong_actor_ptr>(actor_));
  if (logs_)
    add_log_sink(logs_);
}

otlp_export::~otlp_export() {
  if (logs_)
    remove_log_sink(logs_);
  hurry_->store(true);
  caf::scoped_actor self{system_};
  self->request(actor_, stop_time, atom::stop_v)
    .receive([](caf::ok_atom) {},
             [](const caf::error&) {
               log_warn(log_part::daemon, "The last telemetry was not pushed");
             });
  self->wait_for(actor_);
}

} // namespace actord
