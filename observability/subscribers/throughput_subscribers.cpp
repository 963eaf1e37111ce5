#include "observability/subscribers/throughput_subscribers.hpp"

#include <cmath>
#include <string>
#include <utility>

namespace actord {

namespace {

constexpr double bytes_per_gb = 1e9;

std::string text_of(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : std::string{};
}

} // namespace

transfer_throughput_subscriber::transfer_throughput_subscriber(
  std::shared_ptr<metric_registry> registry)
  : metric_subscriber("L0L1ThroughputSubscriber",
                      {event_type::mp_store_start, event_type::mp_store_end,
                       event_type::mp_retrieve_start, event_type::mp_retrieve_end},
                      std::move(registry)) {
}

void transfer_throughput_subscriber::handle(const event& what) {
  const auto& details = std::get<transfer_details>(what.details);
  const auto& of = *details.what;
  const bool store
    = what.type == event_type::mp_store_start || what.type == event_type::mp_store_end;
  auto& pairs = store ? stores_ : retrieves_;
  if (what.type == event_type::mp_store_start || what.type == event_type::mp_retrieve_start) {
    pairs.start(of.transfer_key, what.session_id, of.device, what.time_s);
    return;
  }
  const auto rate = pairs.end(of.transfer_key, what.session_id, of.device,
                              static_cast<int64_t>(details.total_bytes), what.time_s);
  if (rate)
    registry()
      .histogram(store ? metric::l0_l1_store_throughput : metric::l0_l1_load_throughput,
                 {of.device, text_of(of.engine_id), of.model_name})
      .observe(*rate);
}

l2_throughput_subscriber::l2_throughput_subscriber(std::shared_ptr<metric_registry> registry)
  : metric_subscriber("L2ThroughputSubscriber",
                      {event_type::l2_store_submitted, event_type::l2_store_completed,
                       event_type::l2_load_task_submitted, event_type::l2_load_task_completed},
                      std::move(registry)) {
}

void l2_throughput_subscriber::handle(const event& what) {
  const auto& details = std::get<l2_details>(what.details);
  auto id = [](const std::optional<int64_t>& number) {
    return static_cast<uint64_t>(number.value_or(0));
  };
  const auto adapter = id(details.adapter_index);
  std::optional<double> rate;
  auto histogram = metric::l2_store_throughput;
  switch (what.type) {
    case event_type::l2_store_submitted:
      stores_.start(adapter, id(details.task_id), details.bytes.value_or(0), what.time_s);
      return;
    case event_type::l2_store_completed:
      rate = stores_.end(adapter, id(details.task_id), details.bytes, what.time_s);
      break;
    case event_type::l2_load_task_submitted:
      loads_.start(id(details.request_id), adapter, details.bytes.value_or(0), what.time_s);
      return;
    default:
      rate = loads_.end(id(details.request_id), adapter, std::nullopt, what.time_s);
      histogram = metric::l2_load_throughput;
  }
  if (rate)
    registry().histogram(histogram, {details.l2_name}).observe(*rate);
}

transfer_phase_subscriber::transfer_phase_subscriber(std::shared_ptr<metric_registry> registry)
  : metric_subscriber("TransferPhaseMetricsSubscriber", {event_type::mp_transfer_phase_samples},
                      std::move(registry)) {
}

void transfer_phase_subscriber::handle(const event& what) {
  for (const auto& sample : std::get<phase_samples_details>(what.details).samples) {
    if (!(sample.elapsed_ms > 0) || !std::isfinite(sample.elapsed_ms) || sample.bytes <= 0)
      continue;
    const auto device = std::to_string(sample.device_index);
    const std::string_view way = sample.direction == phase_sample::way::h2d ? "h2d" : "d2h";
    const bool staging = sample.phase == phase_sample::kind::staging;
    const std::string_view phase = staging ? "staging" : "kernel";
    const auto seconds = sample.elapsed_ms / 1000;
    const auto bytes = static_cast<double>(sample.bytes);
    registry().counter(metric::transfer_phase_bytes, {device, way, phase}).add(bytes);
    registry().counter(metric::transfer_phase_elapsed, {device, way, phase}).add(seconds);
    if (staging)
      registry()
        .histogram(metric::transfer_staging_throughput, {device, way})
        .observe(bytes / seconds / bytes_per_gb);
  }
}

} // namespace actord
