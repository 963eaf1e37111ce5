#include "observability/otlp/export_lane.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace actord::otlp {

namespace {

constexpr double spread = 0.2;

/// 1, 2, 4 ... seconds.
int64_t backoff_ms(int tries, double random) {
  const auto base_ms = static_cast<double>(1'000ll << (tries - 1));
  return static_cast<int64_t>(base_ms * (1 - spread + 2 * spread * random));
}

} // namespace

export_lane::export_lane(lane_rules rules) : rules_(rules) {
  assert(rules.tries > 0 && rules.tries <= 20 && rules.total_ms > 0);
}

void export_lane::load(requests fresh) {
  drop_all();
  counts_.dropped += fresh.oversized;
  for (auto& each : fresh.ready)
    waiting_.push_back(std::move(each));
}

const request* export_lane::due(int64_t now_ms) {
  while (!waiting_.empty() && deadline_ms_ && now_ms >= *deadline_ms_)
    drop_front();
  if (waiting_.empty() || now_ms < not_before_ms_ || paused(now_ms))
    return nullptr;
  if (!deadline_ms_)
    deadline_ms_ = now_ms + rules_.total_ms;
  return &waiting_.front();
}

int64_t export_lane::time_left_ms(int64_t now_ms) const {
  return deadline_ms_ ? std::max<int64_t>(*deadline_ms_ - now_ms, 1) : rules_.total_ms;
}

export_lane::news export_lane::settle(const answer& came, int64_t now_ms, double random) {
  assert(!waiting_.empty() && deadline_ms_);
  switch (came.what) {
    case verdict::done: {
      const auto items = waiting_.front().items;
      const auto lost = std::min(items, static_cast<size_t>(std::max<int64_t>(came.rejected, 0)));
      counts_.exported += items - lost;
      counts_.dropped += lost;
      pop();
      return lost > 0 ? news::rejected : news::none;
    }
    case verdict::retry: {
      ++tries_;
      const auto wait_ms = came.retry_after_ms.value_or(backoff_ms(tries_, random));
      if (tries_ >= rules_.tries || now_ms + wait_ms >= *deadline_ms_)
        break;
      ++counts_.retries;
      not_before_ms_ = now_ms + wait_ms;
      return news::none;
    }
    case verdict::drop: break;
    case verdict::unsupported:
      paused_until_ms_ = now_ms + rules_.pause_ms;
      drop_all();
      return news::paused;
  }
  drop_front();
  return news::gave_up;
}

std::optional<int64_t> export_lane::next_ms() const {
  return waiting_.empty() ? std::nullopt
                          : std::optional{std::max(not_before_ms_, paused_until_ms_)};
}

void export_lane::drop_all() {
  while (!waiting_.empty())
    drop_front();
}

void export_lane::drop_front() {
  counts_.dropped += waiting_.front().items;
  pop();
}

void export_lane::pop() {
  waiting_.pop_front();
  deadline_ms_.reset();
  not_before_ms_ = 0;
  tries_ = 0;
}

} // namespace actord::otlp
