#include "actors/l2/fault_backend.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace actord {

struct fault_backend::counters {
  std::atomic<uint64_t> hidden = 0, late = 0, hung = 0, torn = 0, flipped = 0, no_space = 0;
};

namespace {

constexpr auto refused = "no space left: a fault that was asked for (enospc_rate)";

l2_report failed(size_t count, std::string why) {
  return {std::vector<l2_result>(count, l2_result::failed), std::vector<uint64_t>(count, 0),
          std::move(why)};
}

} // namespace

fault_backend::fault_backend(const fault_inject_l2_options& options, const l2_time_limits& limits,
                             std::unique_ptr<l2_backend> inner, std::shared_ptr<l2_timer> timer)
  : plan_(options), limits_(limits), delay_ms_(options.delay_ms),
    counters_(std::make_shared<counters>()), timer_(std::move(timer)), inner_(std::move(inner)) {
}

fault_backend::~fault_backend() = default;

// What a call does once the inner store has answered.
struct fault_backend::late_answer {
  std::shared_ptr<l2_timer> timer; // a handle
  std::shared_ptr<counters> counts;
  l2_timer::time limit;
  std::chrono::milliseconds delay;
  bool hangs;
  size_t objects;
  done answer;

  void operator()(l2_report report) const {
    const auto now = timer->now();
    const bool fails = hangs || now + delay > limit;
    ++(fails ? counts->hung : counts->late);
    if (fails)
      report = failed(objects, "no answer within the time limit: a fault that was asked for ("
                                 + std::string(hangs ? "hang_rate)" : "delay_ms)"));
    // A function must be copyable: what waits for the timer is shared.
    auto late = [told = answer, report = std::make_shared<l2_report>(std::move(report))] {
      told(std::move(*report));
    };
    timer->at(fails ? std::max(now, limit) : now + delay, std::move(late));
  }
};

l2_backend::done
fault_backend::spoil(fault_kind hang, int64_t limit_ms, size_t objects, done answer) {
  const bool hangs = plan_.next(hang);
  if (!hangs && delay_ms_ == 0)
    return answer;
  return late_answer{.timer = timer_->handle(),
                     .counts = counters_,
                     .limit = timer_->now() + std::chrono::milliseconds(limit_ms),
                     .delay = std::chrono::milliseconds(delay_ms_),
                     .hangs = hangs,
                     .objects = objects,
                     .answer = std::move(answer)};
}

void fault_backend::probe(l2_batch batch, done answer) {
  auto late = spoil(fault_kind::hung_probe, limits_.lookup_ms, batch->size(), std::move(answer));
  inner_->probe(std::move(batch), std::move(late));
}

void fault_backend::erase(l2_batch batch, done answer) {
  auto late = spoil(fault_kind::hung_erase, limits_.lookup_ms, batch->size(), std::move(answer));
  inner_->erase(std::move(batch), std::move(late));
}

void fault_backend::load(l2_batch batch, done answer) {
  struct fate {
    bool hidden = false;
    std::optional<uint64_t> flipped_bit;
  };
  const auto count = batch->size();
  std::vector<fate> fates(count);
  for (size_t i = 0; i < count; ++i)
    fates[i] = {plan_.hides((*batch)[i].object, i, count),
                plan_.next_flip((*batch)[i].object.length_bytes)};
  auto late = spoil(fault_kind::hung_load, limits_.load_ms, count, std::move(answer));
  inner_->load(batch, [counts = counters_, batch, fates = std::move(fates),
                       late = std::move(late)](l2_report report) {
    for (size_t i = 0; i < fates.size(); ++i) {
      if (report.results[i] != l2_result::ok)
        continue;
      if (fates[i].hidden) {
        report.results[i] = l2_result::absent;
        ++counts->hidden;
      } else if (const auto bit = fates[i].flipped_bit) {
        (*batch)[i].bytes[*bit / 8] ^= std::byte{1} << *bit % 8;
        ++counts->flipped;
      }
    }
    late(std::move(report));
  });
}

void fault_backend::store(l2_batch batch, done answer) {
  const auto count = batch->size();
  struct part_of_batch {
    size_t place;
    bool torn;
  };
  std::vector<l2_item> stored;
  std::vector<part_of_batch> parts;
  for (size_t i = 0; i < count; ++i) {
    // Both count every object, so that neither depends on the other's rate.
    const bool full = plan_.next(fault_kind::no_space);
    auto item = (*batch)[i];
    const bool torn = plan_.next(fault_kind::torn_write) && item.object.length_bytes > 1;
    if (full) {
      ++counters_->no_space;
      continue;
    }
    if (torn) {
      item.object.length_bytes /= 2;
      ++counters_->torn;
    }
    stored.push_back(std::move(item));
    parts.push_back({i, torn});
  }
  auto late = spoil(fault_kind::hung_store, limits_.store_ms, count, std::move(answer));
  auto whole = [batch, parts = std::move(parts), late = std::move(late)](l2_report told) {
    const auto total = batch->size();
    l2_report report{std::vector<l2_result>(total, l2_result::no_space),
                     std::vector<uint64_t>(total, 0), std::move(told.error)};
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto place = parts[i].place;
      report.results[place] = told.results[i];
      report.stored_bytes[place] = told.stored_bytes[i];
      if (parts[i].torn && told.stored_bytes[i] > 0)
        report.stored_bytes[place] = (*batch)[place].object.length_bytes;
    }
    if (parts.size() < total && report.error.empty())
      report.error = refused;
    late(std::move(report));
  };
  inner_->store(std::make_shared<const std::vector<l2_item>>(std::move(stored)), std::move(whole));
}

std::vector<std::pair<std::string, std::string>> fault_backend::status() const {
  auto result = inner_->status();
  const auto add = [&](const char* name, const std::atomic<uint64_t>& count) {
    result.emplace_back(name, std::to_string(count.load()));
  };
  add("faults_hidden", counters_->hidden);
  add("faults_late", counters_->late);
  add("faults_hung", counters_->hung);
  add("faults_torn", counters_->torn);
  add("faults_flipped", counters_->flipped);
  add("faults_no_space", counters_->no_space);
  return result;
}

} // namespace actord
