#include "actors/event_publisher.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace actord {

event_publisher::event_publisher(size_t capacity, std::function<double()> now,
                                 std::function<void(wake)> wake_bus)
  : inbox_(capacity), wake_at_(std::clamp<size_t>(capacity / 2, 1, batch_size)),
    now_(std::move(now)), wake_bus_(std::move(wake_bus)) {
}

std::shared_ptr<event_publisher> event_publisher::none() {
  static const auto nobody = std::make_shared<event_publisher>(
    1, [] { return 0.0; }, [](wake) {});
  return nobody;
}

void event_publisher::publish(event_type type, std::string_view session_id, event_details details) {
  if (!wants(type))
    return;
  const auto time_s = now_();
  const auto waiting
    = inbox_.push(event{type, time_s, std::string{session_id}, std::move(details)});
  if (waiting == 1)
    oldest_s_.store(time_s, std::memory_order_relaxed);
  if (waiting == wake_at_)
    wake_bus_(wake::now);
  else if (waiting == 1)
    wake_bus_(wake::soon);
}

void event_publisher::listen_to(const event_mask& types) {
  for (size_t i = 0; i < event_type_count; ++i)
    wanted_[i].store(types.has(static_cast<event_type>(i)), std::memory_order_relaxed);
}

std::vector<event> event_publisher::take_all() {
  return inbox_.take_all();
}

void event_publisher::close() noexcept {
  inbox_.close();
}

runtime::inbox_counts event_publisher::counts() const noexcept {
  return inbox_.counts();
}

double event_publisher::lag_s() const {
  return counts().waiting == 0 ? 0
                               : std::max(0.0, now_() - oldest_s_.load(std::memory_order_relaxed));
}

double event_publisher::now() const {
  return now_();
}

} // namespace actord
