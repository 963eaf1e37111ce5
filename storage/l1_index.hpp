// What is resident in the pool, who reads it, who writes it, and what may go.
// The core of the L1 manager.
#pragma once

#include "storage/chunk_change.hpp"
#include "storage/column_store.hpp"
#include "storage/eviction_policy.hpp"
#include "storage/id_table.hpp"
#include "storage/lease.hpp"
#include "storage/object_ref.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace actord {

using time_ms = int64_t;         // any monotonic clock; passed in, never read here
using lease_id = uint64_t;       // unclaimed shares of a lookup, owned by a session
using claim_id = uint64_t;       // shares that a transfer has claimed
using reservation_id = uint64_t; // buffers that a writer fills
// 0 is no lease, claim, reservation. Ids are never reused, so a late release is
// harmless.

/// `expire` has nothing to wait for.
constexpr time_ms never_ms = std::numeric_limits<time_ms>::max();

/// An object group of a model: what one memory object of a (chunk, rank) holds.
struct group_layout {
  int32_t window_chunks = -1; // -1: every chunk of a prefix is needed; w >= 1: the last w suffice
  uint64_t object_bytes = 0;  // a resident object of another length is a miss
  bool aux = false;           // never served by a retrieve, not part of a lookup
  auto operator<=>(const group_layout&) const = default;
};

/// Where the bytes of one object live. `chunk` counts from the first chunk of
/// the request's own range.
struct slot {
  uint32_t chunk = 0;
  uint16_t group = 0;
  uint16_t rank = 0;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  auto operator<=>(const slot&) const = default;
};

struct lookup_outcome {
  lease_id lease = 0;      // 0 when nothing is held
  uint32_t hit_chunks = 0; // longest prefix that every group and rank can serve
  uint64_t objects = 0;    // that serve it, of all groups and ranks
};

struct claim_outcome {
  claim_id claim = 0;      // 0 when the range has no objects
  std::vector<slot> slots; // chunk-major, then group
};

struct reserve_outcome {
  enum class code : uint8_t { ok, nothing_to_write, out_of_memory } status = code::ok;
  reservation_id reservation = 0;
  std::vector<slot> slots; // only what is neither resident nor being written; chunk-major
};

/// What of a chain is resident, each object held by one share of the lease.
struct hold_outcome {
  lease_id lease = 0; // 0 when nothing is held
  uint32_t world_size = 1;
  // [(group * world_size + rank) * chunks + chunk]; aux groups hold nothing.
  std::vector<bool> present;
};

/// Objects that are read on their own, not for a lookup.
struct pin_outcome {
  claim_id claim = 0;      // 0 when none of them is resident
  std::vector<slot> slots; // one per object asked for; length_bytes 0: it is not resident
};

/// `staged_objects`: with a key, so a commit would make them resident. `staging_bytes` and
/// `used_bytes` also count the buffers of quarantined writers.
struct l1_usage {
  uint64_t used_bytes = 0, total_bytes = 0, configured_bytes = 0;
  uint64_t staging_bytes = 0; // logical bytes being written, part of the used ones
  uint64_t index_bytes = 0;   // memory that the index itself has touched
  uint64_t resident_objects = 0, staged_objects = 0, read_locked_objects = 0, columns = 0;
  uint64_t temporary_objects = 0; // that go with their last reader
  uint64_t dirty_objects = 0;     // that no store behind the pool has yet
  uint64_t leases = 0, claims = 0, reservations = 0;
  uint64_t quarantined = 0; // reservations whose objects have all lost their keys
};

/// Plain data structure, single-threaded, no I/O. A chunk column = every rank's
/// and group's object of one chunk in one space; columns are evicted whole, and
/// not while an object of theirs is read or written. Bounds: at most capacity /
/// alignment objects; tables are sized once from that (untouched pages cost
/// nothing), so no operation ever rehashes. `now` never goes backwards.
class l1_index {
public:
  struct config {
    uint64_t capacity_bytes = 0; // rounded down to the alignment
    uint64_t alignment_bytes = 4096;
    time_ms write_ttl_ms = 600'000;
    time_ms read_ttl_ms = 300'000;
  };

  /// Throws std::bad_alloc when the tables do not fit the address space.
  l1_index(const config& cfg, std::unique_ptr<eviction_policy> policy);
  ~l1_index();
  l1_index(const l1_index&) = delete;
  l1_index& operator=(const l1_index&) = delete;

  /// `bytes` more of the pool (a multiple of the alignment) are backed by
  /// pages.
  /// @pre total + bytes <= capacity
  void grow(uint64_t bytes);

  /// The id of a space. It stays valid while the space holds objects or
  /// recorded changes, and else until `space_table::spare_limit` other spaces
  /// were interned. Ids are not reused.
  /// @pre 1 <= world_size <= 255
  space_id intern(const key_space& space);
  /// Empty when nothing can be resident there. For readers: does not let
  /// unknown names in.
  std::optional<space_id> find(const key_space& space) const;
  /// @pre `id` is valid
  const key_space& space(space_id id) const;

  // -- reading
  // ------------------------------------------------------------------------------

  /// Finds the longest servable prefix of `chain` and holds `shares` (1..128,
  /// clamped) read shares of each object that serves it: per non-aux group and
  /// rank the last min(window, hit) chunks (spec cache-core §1.5). Nothing else
  /// stays held. Touches the hit from tail to head.
  lookup_outcome lookup(space_id space, std::span<const chunk_hash> chain,
                        std::span<const group_layout> groups, uint32_t shares, time_ms now);

  /// Moves one share of each object that `rank` needs for chunks [first, end)
  /// from the lease to a new claim: per non-aux group its last min(window, end
  /// - first) chunks of that range. All or nothing; empty when the lease lacks
  /// a share, is over, or an object's length is not that of `groups`.
  std::optional<claim_outcome> claim(lease_id id, uint16_t rank, uint32_t first, uint32_t end,
                                     std::span<const group_layout> groups, time_ms now);

  /// Drops up to `shares` shares of each object of chunks [first, end) (of
  /// `rank`, or of all).
  void
  release(lease_id id, std::optional<uint16_t> rank, uint32_t first, uint32_t end, uint32_t shares);
  void close_lease(lease_id id);
  void finish_claim(claim_id id);

  /// Holds one share of each object of `chain` that is resident, with gaps and all: what is found
  /// stays until a load has brought the rest. Not an access: recency is left alone.
  hold_outcome hold_present(space_id space, std::span<const chunk_hash> chain,
                            std::span<const group_layout> groups, time_ms now);
  /// Keeps the objects in place while they are copied to another store. Ends with `finish_claim`;
  /// counts as no read.
  pin_outcome pin(std::span<const object_ref> objects);

  // -- writing
  // ------------------------------------------------------------------------------

  using skip_object = std::function<bool(uint32_t chunk, uint16_t group)>;

  /// Buffers for the objects of `chain` (the request's range) x groups of one
  /// rank that are neither resident nor being written under `tag`. `skip`
  /// leaves objects out (may be null). Evicts what must go to fit, but no chunk
  /// of `chain`. All or nothing. A resident, unread object of another length is
  /// replaced. Expires what is due first.
  /// @pre every object_bytes > 0, rank < the space's world size
  reserve_outcome reserve(space_id space, std::span<const chunk_hash> chain, uint16_t rank,
                          std::span<const group_layout> groups, uint64_t tag, time_ms now,
                          const skip_object& skip = nullptr);

  /// Makes the reserved objects resident (first commit wins, a later copy is
  /// thrown away). Returns false, and frees the buffers, when the reservation
  /// is unknown, expired, cleared or quarantined.
  bool commit(reservation_id id, time_ms now);
  void abort(reservation_id id);
  /// The reservation's writer is a load, which always ends with commit_loaded or abort, when no
  /// byte can come any more: no TTL ends it before.
  /// @param temporary its objects go with their last reader
  void mark_loading(reservation_id id, bool temporary);
  /// As commit, of the objects whose entry in `loaded` (the order of the reservation's slots) is
  /// true; the others are thrown away. Returns how many became resident.
  size_t commit_loaded(reservation_id id, const std::vector<bool>& loaded);
  /// From now on what is committed is dirty until `cleaned`: evicted only where nothing clean is
  /// left.
  void keep_dirty(bool on) noexcept {
    keep_dirty_ = on;
  }
  void cleaned(std::span<const object_ref> objects);
  /// Its writer may still be alive: the keys are free at once, the buffers when
  /// `abort` or `commit` or the write TTL comes.
  void quarantine(reservation_id id);

  // -- housekeeping
  // -------------------------------------------------------------------------

  /// Closes leases past the read TTL and frees reservations past the write TTL.
  /// Returns when to call again (`never_ms`: nothing can expire).
  time_ms expire(time_ms now);
  /// Recency only, from tail to head.
  void touch(space_id space, std::span<const chunk_hash> chain);
  /// Removes unread columns, policy order, until `goal_bytes` are freed or
  /// `max_columns` are gone; returns the bytes freed. IsolatedLRU without
  /// `salt`: from the salts that hold most.
  uint64_t
  evict(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt = std::nullopt);
  /// Removes every unread object. force: everything loses its key at once; a
  /// buffer in use is freed when its last reader or writer is done.
  void clear(bool force);
  enum class deletion : uint8_t { deleted, absent, locked };
  /// One object. Locked: read or being written (never with force).
  deletion erase(const object_key& key, bool force);

  l1_usage usage() const;
  /// Pool bytes of resident objects per salt that has any, oldest salt first.
  std::vector<std::pair<std::string, uint64_t>> bytes_by_salt() const;

  uint64_t bytes_of(const std::string& salt) const;
  /// The same per model, in any order.
  std::vector<std::pair<std::string, uint64_t>> bytes_by_model() const {
    return store_.spaces().bytes_by_model();
  }
  std::optional<salt_id> find_salt(const std::string& salt) const;
  /// Pool bytes that an eviction could free now. O(1).
  uint64_t evictable_bytes() const noexcept {
    return store_.evictable_bytes();
  }
  /// Whether chunks that come and go are recorded (off at first).
  void record_changes(bool on);
  /// Chunk changes since the last call, oldest first. Drain after each step:
  /// they pile up.
  std::vector<chunk_change> drain_changes();
  /// Whether traffic is counted by salt (off at first).
  void record_traffic(bool on);
  /// Traffic of each salt that had any since the last call.
  std::vector<salt_traffic> drain_traffic();
  /// Whether objects that are read, come and go are recorded by name (off at first).
  void record_objects(bool on);
  /// What became of objects since the last call, oldest first. Drain after each step.
  std::vector<object_change> drain_objects();
  /// The name behind an id; empty for salts that are gone.
  std::optional<std::string> salt_name(salt_id id);
  /// Whether all counters agree with a recount. O(everything), for tests.
  bool consistent() const;
  eviction_policy& policy() noexcept {
    return store_.policy();
  }

private:
  struct claim_state {
    std::vector<cell_id> cells;
    salt_id salt = 0;    // of all of them
    bool pinned = false; // no reads
  };
  struct reservation_state {
    time_ms deadline = 0;
    uint64_t tag = 0;
    std::vector<cell_id> cells;
    uint32_t linked = 0; // cells that still have their keys
    bool loading = false, temporary = false;
  };

  uint32_t
  fold(uint32_t space, std::span<const chunk_hash> chain, std::span<const group_layout> groups);
  lease hold(uint32_t hit, uint32_t world, std::span<const group_layout> groups, uint32_t shares);
  bool collect_claim(lease& from, uint16_t rank, uint32_t first, uint32_t end,
                     std::span<const group_layout> groups);
  struct want {
    bool write = true;
    cell_id stale = nil;
  };
  want wanted(column_id column, uint16_t rank, uint16_t group, uint64_t length, uint64_t tag) const;
  bool stage(uint32_t space, std::span<const chunk_hash> chain, uint16_t rank,
             std::span<const group_layout> groups, reservation_id id, const skip_object& skip,
             std::vector<slot>& slots);
  bool back(reservation_state& reservation, uint32_t space, std::span<const chunk_hash> chain,
            std::vector<slot>& slots);
  bool evict_for(uint32_t space, std::span<const chunk_hash> chain);
  void detach(cell_id id);
  void end_reservation(reservation_id id);
  size_t settle_all(reservation_id id);
  cell_id resident(const object_ref& object) const;

  config config_;
  column_store store_;
  id_table<lease> leases_;
  id_table<claim_state> claims_;
  id_table<reservation_state> reservations_;
  bool keep_dirty_ = false;
  uint64_t detached_ = 0;       // reservations without a linked cell
  uint64_t detached_cells_ = 0; // staged cells that have lost their keys
  // Scratch of one call.
  std::vector<column_id> columns_;
  std::vector<uint32_t> runs_, last_seen_;
  std::vector<uint64_t> sizes_, offsets_;
  std::vector<std::pair<lease::share*, slot>> claimed_;
};

} // namespace actord
