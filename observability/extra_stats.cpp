#include "observability/extra_stats.hpp"

#include "observability/text_format.hpp"

namespace actord {

namespace {

constexpr double gb = 1e9, gib = 1024.0 * 1024 * 1024;

std::string usage_text(const eviction_tick_details& of) {
  const auto used = static_cast<double>(of.used_bytes);
  const auto total = static_cast<double>(of.total_bytes);
  return text_format("L1 memory usage: %.2f/%.2f GiB (%.1f%%)", used / gib, total / gib,
                     total > 0 ? used / total * 100 : 0);
}

} // namespace

void extra_stats::way_sums::add(const way_sums& other) {
  operations += other.operations;
  tokens += other.tokens;
  bytes += other.bytes;
  timed_bytes += other.timed_bytes;
  timed_s += other.timed_s;
}

std::string extra_stats::way_sums::text() const {
  return "ops=" + std::to_string(operations) + " tokens=" + std::to_string(tokens)
         + text_format(" size=%.2fGB avg_copy=", static_cast<double>(bytes) / gb)
         + (timed_s > 0 ? text_format("%.2fGB/s", timed_bytes / timed_s / gb) : "n/a");
}

std::string extra_stats::device_sums::text() const {
  return "store " + stores.text() + " | retrieve " + retrieves.text();
}

extra_stats::extra_stats(double interval_s, size_t pending)
  : interval_s_(interval_s), starts_(pending) {
}

std::vector<std::string> extra_stats::take(const event& what) {
  std::vector<std::string> result;
  switch (what.type) {
    case event_type::mp_store_start:
    case event_type::mp_retrieve_start:
      starts_.put(std::get<transfer_details>(what.details).what->transfer_key, what.time_s);
      break;
    case event_type::mp_store_end: count(what, true); break;
    case event_type::mp_retrieve_end: count(what, false); break;
    case event_type::l1_eviction_loop_tick:
      if (!usage_said_s_ || what.time_s - *usage_said_s_ >= interval_s_) {
        usage_said_s_ = what.time_s;
        result.push_back(usage_text(std::get<eviction_tick_details>(what.details)));
      }
      break;
    default: return result;
  }
  if (!flushed_s_)
    flushed_s_ = what.time_s;
  else if (what.time_s - *flushed_s_ >= interval_s_)
    flush(what.time_s, result);
  return result;
}

void extra_stats::count(const event& what, bool store) {
  const auto& of = std::get<transfer_details>(what.details);
  way_sums one{1, of.tokens.value_or(0), of.total_bytes};
  const auto start = starts_.take(of.what->transfer_key);
  if (start && what.time_s > *start && of.total_bytes > 0) {
    one.timed_bytes = static_cast<double>(of.total_bytes);
    one.timed_s = what.time_s - *start;
  }
  for (auto* sums : {&window_, &total_}) {
    auto& device = (*sums)[of.what->device];
    (store ? device.stores : device.retrieves).add(one);
  }
}

void extra_stats::flush(double now, std::vector<std::string>& to) {
  for (const auto& [device, sums] : window_) {
    const auto head = "L0<->L1 stats [" + device + "] ";
    to.push_back(head + text_format("last %.1fs: ", now - *flushed_s_) + sums.text());
    to.push_back(head + "cumulative: " + total_[device].text());
  }
  window_.clear();
  flushed_s_ = now;
  starts_.erase_if(
    [now](const std::string&, double start) { return now - start > pending_limit_s; });
}

} // namespace actord
