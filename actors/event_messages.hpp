// What the event bus and its subscribers tell each other.
#pragma once

#include "observability/event_subscriber.hpp"
#include "runtime/bounded_mailbox.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace actord {

/// What the bus hands to a subscriber: events in the order of their publication, and which of them
/// it listened to when they were handed out.
struct event_batch {
  std::shared_ptr<const std::vector<event>> events;
  event_mask interests;
  uint64_t wanted = 0; // events of these types
};

/// A batch takes as many places of a bounded mailbox as it has events for its subscriber.
inline uint64_t mailbox_weight(const event_batch& batch) {
  return batch.wanted;
}

/// What a subscriber listens to, and where its mailbox counts.
struct subscription {
  std::string name;
  event_mask interests;
  std::shared_ptr<const runtime::mailbox_meter> meter;
};

/// dispatched = handled + thrown + dropped + waiting.
struct subscriber_status {
  std::string name;
  uint64_t dispatched = 0;
  runtime::mailbox_counts mailbox;
};

/// published = dispatched + dropped + waiting.
struct event_bus_status {
  bool enabled = false;
  uint64_t capacity = 0, published = 0, dispatched = 0, dropped = 0, waiting = 0;
  std::vector<subscriber_status> subscribers; // in the order of their registration
};

} // namespace actord
