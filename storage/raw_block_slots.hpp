// What is in which slot of a raw_block device, and which slot goes next (spec l2-adapters §8.3).
#pragma once

#include "storage/raw_block_checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace actord {

/// The index of one device, by raw_block_name(). A slot is reserved, written by the caller, then
/// published or abandoned. A slot that a checkpoint may list is not handed out again before a
/// checkpoint that does not list it has been written: whatever a crash leaves, an entry that is
/// loaded has its own bytes (the peer reuses slots at once, spec §8.3 "Hazard"). The index never
/// outgrows a checkpoint.
///
/// Order of slots as the peer's: the one freed last first, then those never used. Locks are the
/// caller's: it erases no entry that somebody reads.
class raw_block_slots {
public:
  explicit raw_block_slots(raw_block_layout layout);

  const raw_block_layout& layout() const noexcept {
    return layout_;
  }

  /// Takes over a checkpoint; of the free slots below its next one the highest goes first. Entries
  /// whose headers turn out not to match are to be erased. Returns how many entries were dropped:
  /// several claimed one slot, or there are more than a checkpoint holds.
  /// @pre nothing was reserved so far; the names are different, as decode_checkpoint() leaves them
  size_t load(const checkpoint_result& checkpoint);

  enum class answer : uint8_t {
    reserved,   // the slot is to be written
    stored,     // the name is there already: nothing to do
    busy,       // another write of the name is under way, or one that was erased meanwhile
    wrong_size, // empty, or more than a slot holds
    full,       // no slot is free: erase something, or write a checkpoint if quarantined() > 0
    index_full, // a checkpoint would exceed its container: erase something
  };
  struct reservation {
    answer result = answer::full;
    uint64_t slot = 0; // when reserved
  };
  /// @pre the name is UTF-8
  reservation reserve(std::string_view name, uint64_t payload_bytes);

  /// The reserved slot is written and may be read. False: it was erased meanwhile and is free.
  bool publish(std::string_view name);
  /// The reserved slot could not be written and is free.
  void abandon(std::string_view name);

  enum class removal : uint8_t {
    erased,
    cancelled, // a write is under way: its end frees the slot
    absent,
  };
  removal erase(std::string_view name);

  struct stored_slot {
    uint64_t slot = 0;
    uint64_t payload_bytes = 0;
  };
  /// None for a name that is absent or not yet published.
  std::optional<stored_slot> find(std::string_view name) const;

  /// What a checkpoint says, by slot.
  struct snapshot {
    uint64_t next_slot = 0;
    std::vector<checkpoint_entry> entries;
    std::vector<uint64_t> erased; // while it was taken: drop_erased() takes them out
  };
  /// What one written now says. One at a time: written or failed follows.
  snapshot begin_checkpoint();
  /// The same in parts, so that nobody waits long for the index, which goes on changing in between:
  /// entries published meanwhile are in it or not; drop_erased() completes it.
  void start_checkpoint();
  /// Adds the next entries, `count` at most. Returns false with the last of them.
  bool add_to_checkpoint(snapshot& to, size_t count);
  /// Without the index: takes out of a snapshot that has all its parts what was erased meanwhile,
  /// so that it fits wherever the index does. O(entries).
  static void drop_erased(snapshot& taken);
  /// The checkpoint is on the device: where a policy asks for it, after a flush. Ends quarantines.
  void checkpoint_written();
  /// It may be on the device or not: what it lists stays protected, the next one takes its
  /// sequence.
  void checkpoint_failed();
  /// Whether the last written checkpoint is out of date.
  bool dirty() const noexcept {
    return changes_ != changes_written_;
  }

  /// Published entries without their descriptions, `count` at most, by slot from `from` on; `from`
  /// is where to go on. None: that was all.
  std::vector<checkpoint_entry> list(uint64_t& from, size_t count) const;

  /// Changes of what a checkpoint would say, since the start; and those that one has told.
  uint64_t changes() const noexcept {
    return changes_;
  }
  uint64_t changes_written() const noexcept {
    return changes_written_;
  }

  /// Published names.
  size_t size() const noexcept {
    return slots_.size() - in_flight_;
  }
  size_t in_flight() const noexcept {
    return in_flight_;
  }
  /// Slots freed below next_slot() that may be handed out.
  uint64_t free_slots() const noexcept {
    return free_slots_;
  }
  /// Slots freed that the next checkpoint sets free.
  size_t quarantined() const noexcept {
    return quarantine_.size();
  }
  /// The lowest slot never used.
  uint64_t next_slot() const noexcept {
    return next_slot_;
  }

private:
  enum class state : uint8_t { written, published, cancelled };
  struct record {
    uint64_t slot = 0;
    uint64_t payload_bytes = 0;
    std::string description;
    state now = state::written;
    bool in_snapshot = false; // a checkpoint may list it
  };
  struct name_hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>{}(name);
    }
  };
  using table = std::unordered_map<std::string, record, name_hash, std::equal_to<>>;
  /// Slots [begin, end), the last one on top.
  struct slot_range {
    uint64_t begin, end;
  };
  struct captive {
    uint64_t slot;
    uint64_t snapshots; // begun when it was freed
  };

  bool take_slot(uint64_t& slot);
  void give_slot(uint64_t slot);
  void remove(table::iterator at);
  uint64_t index_bytes_of(const table::value_type& entry) const;

  raw_block_layout layout_;
  uint64_t room_bytes_; // of a checkpoint, for entries
  table slots_;
  std::map<uint64_t, table::value_type*> by_slot_;
  size_t in_flight_ = 0;
  // A stack. Ranges because a checkpoint of few entries may leave millions of slots free.
  std::vector<slot_range> free_;
  uint64_t free_slots_ = 0;
  std::deque<captive> quarantine_; // in the order they were freed
  uint64_t next_slot_ = 0;
  uint64_t index_bytes_ = 0;
  bool checkpoint_under_way_ = false;
  uint64_t taken_to_ = 0;        // slots below are in the present snapshot
  std::vector<uint64_t> erased_; // of those
  uint64_t snapshots_ = 0;
  uint64_t changes_ = 0, changes_in_snapshot_ = 0, changes_written_ = 0;
};

} // namespace actord
