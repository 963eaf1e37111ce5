// How every part of the daemon tells what happened.
#pragma once

#include "observability/event_subscriber.hpp"
#include "runtime/bounded_inbox.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string_view>

namespace actord {

/// The way to the EVENT BUS. Any thread publishes; nothing here blocks or waits for the bus. An
/// event is counted as published when somebody listens to its type: then it waits in a bounded
/// inbox, or is dropped and counted when that is full. Without a bus nobody listens to anything.
class event_publisher {
public:
  /// Waiting events that wake the bus at once; fewer wait for company (see `linger`).
  static constexpr size_t batch_size = 2048;

  enum class wake { soon, now };

  /// @param capacity events that may wait, > 0
  /// @param now Unix time in seconds
  /// @param wake_bus called on the publisher's thread, at most twice between two drains
  event_publisher(size_t capacity, std::function<double()> now, std::function<void(wake)> wake_bus);

  /// A publisher that nobody listens to.
  static std::shared_ptr<event_publisher> none();

  /// One relaxed load: ask before anything is collected for an event.
  bool wants(event_type type) const noexcept {
    return wanted_[static_cast<size_t>(type)].load(std::memory_order_relaxed);
  }

  /// Does nothing when nobody listens.
  void publish(event_type type, std::string_view session_id = {}, event_details details = {});

  // -- for the bus

  void listen_to(const event_mask& types);
  /// Everything that waits, oldest first.
  std::vector<event> take_all();
  /// Drops, and counts, whatever comes from now on.
  void close() noexcept;
  runtime::inbox_counts counts() const noexcept;
  /// Age of the oldest event that waits; 0 when none does.
  double lag_s() const;
  double now() const;

private:
  std::array<std::atomic<bool>, event_type_count> wanted_{};
  runtime::bounded_inbox<event> inbox_;
  const size_t wake_at_;
  std::atomic<double> oldest_s_ = 0;
  std::function<double()> now_;
  std::function<void(wake)> wake_bus_;
};

using event_publisher_ptr = std::shared_ptr<event_publisher>;

} // namespace actord
