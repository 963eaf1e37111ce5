// What an L2 store holds, who has locked it, and what goes next. The core of
// every L2 adapter.
#pragma once

#include "storage/eviction_policy.hpp"
#include "storage/fingerprint_table.hpp"
#include "storage/l2_object.hpp"
#include "storage/object_ref.hpp"
#include "storage/space_table.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Plain data structure, single-threaded, no I/O: says what to do, and is told
/// what became of it. Batches come head to tail (chunk order); recency is kept
/// so that tails go before their heads. Objects are evicted one by one and not
/// while they are locked, written or being erased. Grows by pages and single
/// buckets: no operation rehashes. Lengths are those of the stored bytes (after
/// a serde); a wanted length of 0 means any. (spec l2-adapters §2, §11.2, §13)
class l2_index {
public:
  struct config {
    uint64_t capacity_bytes = 0; // of the store; 0: unknown
    // Stores may pad objects to this: an excess below is no other length.
    uint64_t alignment_bytes = 4096;
    eviction_kind eviction = eviction_kind::noop; // noop: without eviction
    // A hint: as many departed objects may ARC and MQ remember. The index holds
    // more all the same.
    uint32_t expected_objects = 1u << 20;
    uint32_t max_objects = 1u << 27; // bound against stores beyond all reason
  };

  explicit l2_index(const config& cfg);
  ~l2_index();
  l2_index(const l2_index&) = delete;
  l2_index& operator=(const l2_index&) = delete;

  // -- reading
  // ------------------------------------------------------------------------------

  /// Stored length of a readable object.
  std::optional<uint64_t> find(const object_ref& ref) const;

  /// Per ref the stored length and one lock, or nothing. A stored length that
  /// is shorter than wanted, or longer by an alignment or more, is a miss
  /// (spec §1.3). Each lock is to be released by one `unlock`.
  std::vector<std::optional<uint64_t>> lock(std::span<const object_ref> refs);
  /// One lock of each; what is unknown or not locked is ignored.
  void unlock(std::span<const object_ref> refs);
  /// Objects were loaded: recency, from tail to head.
  void touch(std::span<const object_ref> refs);
  /// A load found that the object is gone or corrupt: it is forgotten (its
  /// locks are not). Returns the bytes that were accounted; nothing when it was
  /// not readable anyway.
  std::optional<uint64_t> gone(const object_ref& ref);

  // -- storing
  // ------------------------------------------------------------------------------

  /// Per ref what to do. Takes the batch's places in the order of recency.
  std::vector<store_start> begin_store(std::span<const object_ref> refs);
  store_start begin_store(const object_ref& ref) {
    return begin_store({&ref, 1}).front();
  }
  /// `size_bytes` of it lie in the store now.
  store_end stored(const object_ref& ref, uint64_t size_bytes);
  /// Nothing of it lies there.
  void store_failed(const object_ref& ref);
  /// Found in the store by a scan (oldest first), each with the length found.
  /// What the index knows already, in whatever state, it knows better. Returns
  /// how many were new.
  size_t learned(std::span<const object_ref> refs);

  // -- erasing
  // ------------------------------------------------------------------------------

  /// Per ref what to do.
  std::vector<erase_start> plan_erase(std::span<const object_ref> refs);
  erase_start plan_erase(const object_ref& ref) {
    return plan_erase({&ref, 1}).front();
  }
  /// It is gone. Returns the bytes that were accounted; nothing when it was not
  /// going.
  std::optional<uint64_t> erased(const object_ref& ref);
  /// It stays, and is readable again.
  void erase_failed(const object_ref& ref);

  /// Victims in the policy's order, marked as going as by `plan_erase`, until
  /// they hold `goal_bytes` or are `max_objects`. Usage falls when they are
  /// `erased`: do not plan the same bytes twice. IsolatedLRU without `salt`:
  /// from the salts that hold most. O(victims + what is passed over).
  std::vector<object_ref>
  plan_evict(uint64_t goal_bytes, size_t max_objects, std::optional<salt_id> salt = std::nullopt);

  // -- looking
  // ------------------------------------------------------------------------------

  /// When it turns out how much there is.
  void set_capacity(uint64_t bytes) noexcept {
    config_.capacity_bytes = bytes;
  }
  l2_usage usage() const;
  /// Salts that hold bytes, by age. O(spaces).
  std::vector<l2_salt_usage> salts() const;
  std::optional<salt_id> find_salt(const std::string& name) const {
    return spaces_.find_salt(name);
  }

  struct page {
    std::vector<object_ref> objects; // readable ones
    std::string next;                // cursor of the rest; empty: that was all
  };
  static constexpr size_t max_page_objects = 10'000;

  /// Up to `max_objects` (1..max_page_objects, clamped) objects from `cursor`
  /// on (empty: from the beginning), of one model or all. No object is listed
  /// twice, whatever happens between pages; what is stored meanwhile is left
  /// out. A page may hold fewer, or none, and still have a `next`: one call
  /// looks at a bounded part of the index. Nothing: the cursor is not one.
  std::optional<page> list(size_t max_objects, std::string_view cursor = {},
                           std::optional<std::string_view> model_name = std::nullopt) const;

  /// Memory of all tables.
  uint64_t table_bytes() const noexcept;
  /// Whether all counters agree with a recount. O(everything), for tests.
  bool consistent() const;

private:
  using object_id = uint32_t;
  using state = l2_object::state;

  /// Sums over records.
  struct counts {
    uint64_t objects = 0, bytes = 0, going = 0, going_bytes = 0;
    uint64_t evictable = 0, evictable_bytes = 0, writing = 0, locked = 0;
    auto operator<=>(const counts&) const = default;
    /// Adds an object, or takes it off.
    void tally(const l2_object& object, bool on);
  };
  /// What the index adds to a slot of the space table.
  struct held_space {
    std::shared_ptr<const key_space> name;
    uint64_t objects = 0;
  };
  /// The space found last in a batch: neighbours mostly share theirs.
  struct last_space {
    const key_space* name = nullptr;
    uint32_t world = 0;
    uint32_t slot = nil;
  };

  uint32_t find_space(const object_ref& ref, last_space& last) const;
  uint32_t make_space(const object_ref& ref, last_space& last);
  uint64_t fingerprint(uint32_t space, const object_ref& ref) const;
  object_id find_object(const object_ref& ref, last_space& last) const;
  object_id find_object(const object_ref& ref) const {
    last_space last;
    return find_object(ref, last);
  }
  object_id make_object(const object_ref& ref, last_space& last);
  object_ref ref_of(const l2_object& object) const;
  bool serves(uint64_t stored, uint64_t wanted) const noexcept;

  /// These two change records and keep every sum.
  void set_locks(object_id id, uint32_t locks);
  void set_state(object_id id, state now, uint64_t length_bytes);
  void admit(object_id id);
  store_start begin(const object_ref& ref, last_space& last);
  erase_start plan(object_id id);
  /// Takes an object out of the store's content; its record stays while locked.
  void drop(object_id id, bool evicted);
  void forget_if_unlocked(object_id id);
  uint64_t plan_walk(uint64_t goal_bytes, size_t max_objects, std::optional<salt_id> salt,
                     std::vector<object_id>& victims);

  config config_;
  std::unique_ptr<eviction_policy> policy_;
  space_table spaces_;
  std::vector<held_space> held_; // by slot
  fingerprint_table<l2_object, paged_block> objects_;
  counts counts_;
  uint64_t births_ = 0;
  uint64_t too_short_ = 0, wrong_length_ = 0, full_ = 0;
};

} // namespace actord
