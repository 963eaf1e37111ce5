#include "actors/telemetry/span_outbox.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace actord {

span_outbox::span_outbox(limits bounds, std::function<void(bool)> wake)
  : limits_(bounds), wake_(std::move(wake)) {
}

void span_outbox::push(span_record span) {
  size_t count = 0;
  span_record leaving; // freed outside the lock
  {
    std::lock_guard lock{mutex_};
    if (bounded_ && waiting_.size() >= limits_.capacity) {
      leaving = std::move(waiting_.front());
      waiting_.pop_front();
      ++dropped_;
    }
    waiting_.push_back(std::move(span));
    count = waiting_.size();
  }
  if (count == 1 || count == limits_.batch)
    wake_(count == limits_.batch);
}

std::vector<span_record> span_outbox::take(size_t most) {
  std::lock_guard lock{mutex_};
  const auto count = static_cast<ptrdiff_t>(std::min(most, waiting_.size()));
  std::vector<span_record> result(std::make_move_iterator(waiting_.begin()),
                                  std::make_move_iterator(waiting_.begin() + count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return result;
}

void span_outbox::lift_bound() {
  std::lock_guard lock{mutex_};
  bounded_ = false;
}

size_t span_outbox::waiting() const {
  std::lock_guard lock{mutex_};
  return waiting_.size();
}

uint64_t span_outbox::dropped() const {
  std::lock_guard lock{mutex_};
  return dropped_;
}

} // namespace actord
