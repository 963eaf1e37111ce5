// One object of an L2 store as its index keeps it, and what becomes of it.
#pragma once

#include "storage/object_key.hpp"
#include "storage/slab.hpp"

#include <cstdint>
#include <string>

namespace actord {

/// What to do about an object that shall be stored.
enum class store_start : uint8_t {
  write,   // its bytes go to the store; `stored` or `store_failed` follows
  replace, // the same, over an object of another length that is forgotten now:
           // if the write fails, whatever lies there must be deleted
  present, // it is there already: nothing to do, a success
  busy,    // another task writes, erases or loads it: skip it, no error
  full,    // the index holds `max_objects`: skip it, a failure
};

/// What to do about an object that was stored.
enum class store_end : uint8_t {
  kept,
  erase,   // erased while it was written: delete it again; `erased` or `erase_failed` follows
  unknown, // nobody began to store it
};

/// What to do about an object that shall be erased.
enum class erase_start : uint8_t {
  erase,     // it goes: `erased` or `erase_failed` follows
  cancelled, // being written: goes when that is done (store_end::erase)
  locked,    // somebody loads it: it stays
  going,     // being erased already
  absent,
};

/// One object of the store: 80 bytes.
struct l2_object {
  enum class state : uint8_t {
    none,      // the record is free
    writing,   // not yet readable
    cancelled, // writing, to be erased afterwards
    resident,
    going, // being erased, not readable any more
    lost,  // gone from the store while locked: only its locks are left
  };

  chunk_hash hash;
  uint64_t fingerprint = 0; // of the whole name
  uint64_t length_bytes = 0;
  uint64_t birth = 0;  // number among all records ever made: listings go by it
  uint32_t next = nil; // belongs to the table
  uint32_t space = 0;  // slot in the space table
  uint32_t kv_rank = 0;
  uint32_t group = 0;
  uint32_t locks = 0;
  state now = state::none;
  bool victim = false; // going because the policy named it

  /// Whether its bytes lie in the store.
  bool counted() const noexcept {
    return now == state::resident || now == state::going;
  }
  /// Whether the policy knows it.
  bool ordered() const noexcept {
    return now != state::none && now != state::lost;
  }
  bool evictable() const noexcept {
    return now == state::resident && locks == 0;
  }
};
static_assert(sizeof(l2_object) == 80);

/// How full a store is. Counters that only grow are marked (total).
struct l2_usage {
  uint64_t used_bytes = 0;      // of what lies there, with what is being erased
  uint64_t capacity_bytes = 0;  // 0: unknown
  uint64_t going_bytes = 0;     // of `used_bytes`, being erased
  uint64_t evictable_bytes = 0; // of `used_bytes`, what an eviction could plan now
  uint64_t index_bytes = 0;     // memory of the index
  uint64_t objects = 0;         // with those being erased
  uint64_t going_objects = 0;
  uint64_t evictable_objects = 0;
  uint64_t writing_objects = 0;
  uint64_t locked_objects = 0; // with those that are gone but still locked
  uint64_t too_short = 0;      // (total) lookups that found fewer bytes than wanted
  uint64_t wrong_length = 0;   // (total) lookups that found an alignment or more too many
  uint64_t full = 0;           // (total) objects that the index had no room for

  /// -1 when the capacity is unknown.
  double fraction() const noexcept {
    return capacity_bytes == 0
             ? -1.0
             : static_cast<double>(used_bytes) / static_cast<double>(capacity_bytes);
  }
};

/// What one salt holds.
struct l2_salt_usage {
  std::string salt;
  uint64_t bytes = 0;
  uint64_t objects = 0;
};

} // namespace actord
