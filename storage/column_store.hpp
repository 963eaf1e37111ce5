// The tables of the L1 index: chunk columns, the cells that make them up, and
// the pool under them.
#pragma once

#include "storage/chunk_change.hpp"
#include "storage/eviction_policy.hpp"
#include "storage/fingerprint_table.hpp"
#include "storage/object_change.hpp"
#include "storage/pool_allocator.hpp"
#include "storage/salt_traffic.hpp"
#include "storage/space_table.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace actord {

using cell_id = uint32_t;

/// One memory object of a column, resident or being written (staged). A cell
/// whose key is gone (column nil) lives on until its last reader or its writer
/// is done.
struct cell {
  uint64_t offset = 0;
  uint64_t length = 0;
  uint32_t next = nil; // in the column
  column_id column = nil;
  uint32_t readers = 0;       // shares of leases and claims
  uint32_t reservation = nil; // slot of the reservation that stages it; nil: resident
  uint16_t group = 0;
  uint16_t rank = 0;
  bool temporary = false; // goes with its last reader
  bool dirty = false;     // no store behind the pool has it yet

  bool staged() const noexcept {
    return reservation != nil;
  }
};

/// All cells of one chunk in one space: one cache line. Exists while it has
/// cells.
struct column {
  chunk_hash hash;
  uint64_t fingerprint = 0; // of (space, hash)
  uint64_t bytes = 0;       // of its resident cells in the pool; 0: none is resident
  uint32_t space = 0;       // slot in the space table
  uint32_t next = nil;
  cell_id first_cell = nil;
  uint32_t pins : 31 = 0; // cells that are read or staged: no victim while there are any
  uint32_t dirty : 1 = 0; // has dirty cells: a victim only where no clean column is left
};
static_assert(sizeof(column) == 64);

/// Owns the relation between keys, cells and pool ranges and keeps every
/// counter incrementally. Knows readers and writers only as counts; who they
/// are is the index's business. Tables are sized once from the capacity
/// (untouched pages cost nothing).
class column_store {
public:
  struct counts {
    uint64_t resident = 0, staged = 0, read = 0, columns = 0, staging_bytes = 0;
    uint64_t temporary = 0, dirty = 0;
    auto operator<=>(const counts&) const = default;
  };

  column_store(uint64_t capacity_bytes, uint64_t alignment_bytes,
               std::unique_ptr<eviction_policy> policy);

  // -- finding
  // ------------------------------------------------------------------------------

  column_id find(uint32_t space, const chunk_hash& hash) const;
  cell_id resident_cell(column_id column, uint16_t rank, uint16_t group) const;

  /// Calls visit(cell_id, const cell&) for each cell of a column.
  template <class Visit>
  void for_cells(column_id column, const Visit& visit) const {
    for (auto at = columns_[column].first_cell; at != nil;) {
      auto next = cells_[at].next;
      visit(at, cells_[at]);
      at = next;
    }
  }
  /// Calls visit(column_id) for each column; it may remove the one it gets.
  template <class Visit>
  void for_columns(const Visit& visit) const {
    for (column_id id = 0; id < columns_.touched(); ++id)
      if (columns_[id].first_cell != nil)
        visit(id);
  }

  // -- the way of a cell: stage -> back -> settle -> unlink
  // ---------------------------------

  /// A staged cell without a buffer yet, and its column; nil when a table is
  /// full.
  cell_id stage(uint32_t space, const chunk_hash& hash, uint16_t rank, uint16_t group,
                uint64_t length, uint32_t reservation);
  void back(cell_id id, uint64_t offset);
  /// Makes a staged cell resident, or throws it away if its key is resident
  /// already. Returns the column if that was its first resident cell (then
  /// `admit` it), else nil.
  column_id settle(cell_id id);
  void admit(column_id column);
  /// Takes the key away. A resident cell that nobody reads is freed at once.
  void unlink(cell_id id, bool evicted = false);
  /// Frees a staged cell, linked or not.
  void discard(cell_id id);

  void hold(cell_id id, uint32_t shares);
  void drop(cell_id id, uint32_t shares);
  /// The resident object goes when its last reader is done. One that nobody comes to read stays.
  void make_temporary(cell_id id);
  /// Whether a resident object would be lost with the pool.
  void set_dirty(cell_id id, bool dirty);
  void touch(column_id column);

  // -- room
  // ---------------------------------------------------------------------------------

  /// Allocates all or nothing; evicts what must go to fit. Refuses at once what
  /// cannot fit.
  bool allocate(std::span<const uint64_t> sizes, std::vector<uint64_t>& offsets);
  uint64_t evict(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt);
  /// Keeps a column from being a victim.
  void pin(column_id id);
  void unpin(column_id id);
  uint64_t evictable_bytes() const noexcept;

  // -- the rest
  // -----------------------------------------------------------------------------

  void record_changes(bool on);
  std::vector<chunk_change> drain_changes();
  void record_traffic(bool on);
  /// Adds objects to a salt's row; a salt that is gone has none.
  void note(salt_id salt, uint64_t salt_traffic::*what, uint64_t objects = 1);
  std::vector<salt_traffic> drain_traffic();
  void record_objects(bool on);
  /// @pre the cell has its key
  void record_object(object_change::kind what, const cell& object);
  std::vector<object_change> drain_objects();
  const counts& totals() const noexcept {
    return counts_;
  }
  uint64_t table_bytes() const noexcept;
  uint32_t cells_in_use() const noexcept {
    return cells_.in_use();
  }
  /// Whether tables, pool and counters agree. O(everything).
  bool consistent() const;

  const column& at_column(column_id id) const {
    return columns_[id];
  }
  const cell& at_cell(cell_id id) const {
    return cells_[id];
  }
  space_table& spaces() {
    return spaces_;
  }
  const space_table& spaces() const {
    return spaces_;
  }
  pool_allocator& pool() {
    return pool_;
  }
  const pool_allocator& pool() const {
    return pool_;
  }
  eviction_policy& policy() {
    return *policy_;
  }

private:
  uint64_t fingerprint(uint32_t space, const chunk_hash& hash) const;
  /// Applies `change` to a column and keeps the sum of evictable bytes.
  template <class Change>
  void update(column& target, const Change& change);
  void remove_from_list(column_id id, cell_id gone);
  void free_cell(cell_id id);
  void record(const column& target, bool stored);
  enum class choice : uint8_t { clean, any };
  uint64_t
  evict_walk(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt, choice which);
  uint64_t evict_clean_first(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt);
  bool consistent_column(column_id id, counts& seen, uint64_t& evictable) const;

  pool_allocator pool_;
  std::unique_ptr<eviction_policy> policy_;
  space_table spaces_;
  fingerprint_table<column> columns_;
  slab<cell> cells_;
  counts counts_;
  uint64_t evictable_bytes_ = 0;
  bool recording_ = false;
  std::vector<chunk_change> changes_;
  bool counting_ = false;
  std::vector<salt_traffic> traffic_;
  bool naming_ = false;
  std::vector<object_change> objects_;
  std::vector<column_id> victims_; // scratch
};

} // namespace actord
