// Who listens to events.
#pragma once

#include "observability/event.hpp"

#include <bitset>
#include <initializer_list>
#include <string_view>

namespace actord {

/// A set of event types.
class event_mask {
public:
  event_mask() = default;
  event_mask(std::initializer_list<event_type> types) {
    for (auto type : types)
      bits_.set(static_cast<size_t>(type));
  }

  bool has(event_type type) const {
    return bits_.test(static_cast<size_t>(type));
  }
  event_mask& operator|=(const event_mask& other) {
    bits_ |= other.bits_;
    return *this;
  }
  bool operator==(const event_mask&) const = default;

private:
  std::bitset<event_type_count> bits_;
};

/// Takes the events of some types, one at a time, in the order of their publication. Belongs to one
/// actor, which counts what `handle` throws.
class event_subscriber {
public:
  virtual ~event_subscriber() = default;

  /// The class of LMCache 0.5.6 that does the same: dashboards tell subscribers by it.
  virtual std::string_view name() const = 0;
  virtual event_mask interests() const = 0;
  virtual void handle(const event& what) = 0;
  /// Some events never came: what was concluded from their absence is in doubt.
  virtual void missed_events() {
  }
  /// No more events will come.
  virtual void shut_down() {
  }
};

} // namespace actord
