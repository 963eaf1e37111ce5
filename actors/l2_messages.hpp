// Messages between L1 and the stores behind it.
#pragma once

#include "actors/l2/backend.hpp"
#include "storage/l1_index.hpp"
#include "storage/l2_index.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace actord {

struct lookup_order;

/// Objects of one task for an L2 adapter. The memory behind `items` stays in place until the answer
/// comes.
struct l2_order {
  l2_batch items;
};

/// Which of an order's objects are there. These are locked until they are released.
struct l2_presence {
  std::vector<bool> found;
};

/// Asks for some of an adapter's objects (storage/l2_index.hpp has the rules).
struct l2_page_order {
  uint64_t max_objects = 500;
  std::string cursor; // "": from the beginning
  std::optional<std::string> model_name;
};

/// Nothing: the cursor is not one.
struct l2_page {
  std::optional<l2_index::page> objects;
};

/// Who an adapter is, for events, logs and metrics.
struct l2_adapter_info {
  uint32_t index = 0; // its place on the command line; lower ones come first
  std::string name;   // its type as given
  bool shared = false;
};

enum class l2_state : uint8_t { opening, ready, degraded, draining, closed };

inline const char* to_text(l2_state state) {
  switch (state) {
    case l2_state::opening: return "opening";
    case l2_state::ready: return "ready";
    case l2_state::degraded: return "degraded";
    case l2_state::draining: return "draining";
    case l2_state::closed: return "closed";
  }
  return "unknown";
}

struct l2_adapter_status {
  l2_adapter_info info;
  l2_state state = l2_state::opening;
  l2_usage usage;
  std::vector<l2_salt_usage> salts;
  uint64_t stores = 0, loads = 0, lookups = 0;                 // tasks
  uint64_t stored_objects = 0, loaded_objects = 0, failed = 0; // objects
  uint64_t corrupt = 0, wrong_length = 0, missing = 0, evicted = 0;
  uint64_t in_flight = 0, breaker_opened = 0;
  bool scanning = false;
  std::string last_error;
  std::vector<std::pair<std::string, std::string>> details; // of its store
};

/// Ends loads and looks again, in one step: what came cannot go in between.
struct settle_order {
  struct load {
    reservation_id reservation = 0;
    std::vector<bool> loaded; // by slot of the reservation
  };
  std::vector<load> loads;
  std::shared_ptr<const lookup_order> lookup; // null: nobody waits any more
  lease_id held = 0;                          // closed afterwards
};

/// A lookup whose chain L1 cannot serve to its end.
struct prefetch_order {
  std::shared_ptr<const lookup_order> lookup; // never null
  std::string request_id;                     // the engine's
  uint64_t number = 0;                        // of the lookup, in events
};

struct prefetch_outcome {
  lookup_outcome hit;      // lease 0: nothing beyond what L1 had
  uint64_t l2_objects = 0; // that were loaded for it
};

/// What became of a warm prefetch. Keys are objects.
struct warm_status {
  enum class phase : uint8_t { unknown, pending, completed };
  phase now = phase::unknown;
  uint64_t found_keys = 0, total_keys = 0;
};

struct prefetch_controller_status {
  uint64_t max_in_flight = 0, waiting = 0, in_lookup = 0, in_load = 0, adapters = 0;
  uint64_t overdue = 0; // answered before all that was planned had come
  uint64_t warming = 0; // warm prefetches under way or in line
};

struct store_controller_status {
  uint64_t waiting = 0, in_flight = 0, in_flight_bytes = 0, adapters = 0;
  uint64_t lost = 0;   // evicted from L1, or pushed out of the queue, before they were stored
  uint64_t failed = 0; // given up
};

} // namespace actord

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::l2_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::l2_page_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::warm_status)
