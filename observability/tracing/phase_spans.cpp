#include "observability/tracing/phase_spans.hpp"

#include "observability/tracing/request_spans.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace actord {

namespace {

constexpr double longest_copy_s = 120;
constexpr double bytes_per_gb = 1e9;

bool is_valid(const phase_sample& of) {
  return std::isfinite(of.start_s) && std::isfinite(of.end_s) && std::isfinite(of.elapsed_ms)
         && of.start_s > 0 && of.end_s >= of.start_s && of.elapsed_ms >= 0 && of.bytes >= 0;
}

} // namespace

phase_spans::phase_spans(std::shared_ptr<span_registry> spans)
  : span_maker("TransferPhaseTracingSubscriber",
               {event_type::mp_store_start, event_type::mp_store_end, event_type::mp_retrieve_start,
                event_type::mp_retrieve_end, event_type::mp_transfer_phase_samples},
               std::move(spans)) {
}

void phase_spans::handle(const event& what) {
  using enum event_type;
  if (what.type == mp_transfer_phase_samples)
    return fold(what);
  if (what.type == mp_store_start || what.type == mp_retrieve_start)
    return begin(what);
  if (auto* known = copies_.find(std::get<transfer_details>(what.details).what->transfer_key))
    known->ended = true;
}

void phase_spans::begin(const event& what) {
  const auto& of = *std::get<transfer_details>(what.details).what;
  const bool is_store = what.type == event_type::mp_store_start;
  const auto* parent
    = spans_->find({what.session_id, is_store ? "mp.store" : "mp.retrieve", copy_sequence(of)});
  // Copies in memory are not timed phase by phase.
  if (!parent || what.session_id.empty() || of.transfer_key.empty() || of.device == "cpu")
    return;
  copies_.put(of.transfer_key, {what.session_id,
                                parent->record.context(),
                                is_store ? phase_sample::way::d2h : phase_sample::way::h2d,
                                what.time_s,
                                false,
                                {}});
}

void phase_spans::fold(const event& what) {
  const auto& told = std::get<phase_samples_details>(what.details);
  copies_.erase_if([&](const std::string&, const copy& old) {
    return what.time_s - old.began_s > longest_copy_s;
  });
  std::set<std::string> touched{told.ended_transfer_key};
  for (const auto& sample : told.samples) {
    auto* of = is_valid(sample) ? copies_.find(sample.transfer_key) : nullptr;
    if (!of || of->direction != sample.direction)
      continue;
    auto& to = of->phases[sample.phase];
    to.first_s = to.steps == 0 ? sample.start_s : std::min(to.first_s, sample.start_s);
    to.last_s = std::max(to.last_s, sample.end_s);
    to.elapsed_s += sample.elapsed_ms / 1e3;
    to.bytes += sample.bytes;
    to.device_index = sample.device_index;
    ++to.steps;
    touched.insert(sample.transfer_key);
  }
  for (const auto& key : touched)
    if (const auto* of = copies_.find(key); of && of->ended) {
      emit(*of);
      copies_.take(key);
    }
}

void phase_spans::emit(const copy& of) {
  std::vector<std::pair<phase_sample::kind, phase>> order{of.phases.begin(), of.phases.end()};
  std::ranges::stable_sort(order, {}, [](const auto& x) { return x.second.first_s; });
  double at_s = order.empty() ? 0 : order.front().second.first_s;
  for (const auto& [kind, each] : order) {
    const bool staging = kind == phase_sample::kind::staging;
    auto span = spans_->make(of.session, staging ? "transfer.staging" : "transfer.kernel_interval",
                             "lmcache_mp.transfer", at_s, of.parent);
    at_s += each.elapsed_s;
    span.end_ns = to_span_ns(at_s);
    span.set("device_index", each.device_index);
    span.set("num_steps", static_cast<int64_t>(each.steps));
    span.set("nbytes", each.bytes);
    span.set("elapsed_seconds", each.elapsed_s);
    span.set("first_start_s", each.first_s);
    span.set("last_end_s", each.last_s);
    if (staging)
      span.set("throughput_GB_per_second",
               each.elapsed_s > 0 ? static_cast<double>(each.bytes) / each.elapsed_s / bytes_per_gb
                                  : 0.0);
    spans_->add(of.session, std::move(span));
  }
}

void phase_spans::shut_down() {
  while (auto oldest = copies_.take_oldest())
    emit(oldest->second);
}

} // namespace actord
