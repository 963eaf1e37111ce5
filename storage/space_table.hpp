// Interned key spaces and the bytes that each salt holds.
#pragma once

#include "storage/eviction_policy.hpp"
#include "storage/object_key.hpp"
#include "storage/slab.hpp"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace actord {

using space_id = uint32_t; // never 0, never reused (until 2^32 were given out)

/// Gives ids to key spaces. A space that something refers to stays; of the
/// others the `spare_limit` used last stay, so that names from outside cannot
/// grow the table without bound.
class space_table {
public:
  static constexpr size_t spare_limit = 1024;

  struct salt_entry {
    std::string name;
    uint64_t bytes = 0;
    uint32_t spaces = 0;
    uint32_t traffic = nil; // its row among those that count traffic
  };

  space_table() = default;
  space_table(const space_table&) = delete;
  space_table& operator=(const space_table&) = delete;

  /// The only call that may drop spare spaces.
  space_id intern(const key_space& space);
  std::optional<space_id> find(const key_space& space) const;

  /// Dense number of a space for the time that it is referred to; nil for ids
  /// that are gone.
  uint32_t slot_of(space_id id) const;
  void add_reference(uint32_t slot);
  void drop_reference(uint32_t slot);

  const key_space& space(uint32_t slot) const {
    return *entries_[slot].space;
  }
  space_id id(uint32_t slot) const {
    return entries_[slot].id;
  }
  salt_id salt(uint32_t slot) const {
    return entries_[slot].salt;
  }
  /// Bytes that the space holds, and hence its salt.
  uint64_t bytes(uint32_t slot) const {
    return entries_[slot].bytes;
  }
  void add_bytes(uint32_t slot, uint64_t bytes) {
    entries_[slot].bytes += bytes;
    salt_of(slot).bytes += bytes;
  }
  void take_bytes(uint32_t slot, uint64_t bytes) {
    entries_[slot].bytes -= bytes;
    salt_of(slot).bytes -= bytes;
  }
  /// By model, in any order. O(spaces).
  std::vector<std::pair<std::string, uint64_t>> bytes_by_model() const;
  salt_entry& salt_of(uint32_t slot) {
    return salts_.find(entries_[slot].salt)->second;
  }
  std::optional<salt_id> find_salt(const std::string& name) const;
  /// Null for salts that are gone.
  salt_entry* find_salt(salt_id id) {
    auto found = salts_.find(id);
    return found == salts_.end() ? nullptr : &found->second;
  }
  /// By age.
  const std::map<salt_id, salt_entry>& salts() const {
    return salts_;
  }
  size_t size() const {
    return slots_.size();
  }

private:
  struct interned {
    const key_space* space = nullptr; // the key in slots_
    space_id id = 0;
    salt_id salt = 0;
    uint32_t references = 0;
    uint32_t prev = nil, next = nil; // among the spare ones, oldest first
    uint64_t bytes = 0;
  };
  struct hash {
    size_t operator()(const key_space& space) const noexcept;
  };

  salt_id add_to_salt(const std::string& name);
  void add_spare(uint32_t slot);
  void remove_spare(uint32_t slot);
  void drop(uint32_t slot);

  std::vector<interned> entries_;
  std::vector<uint32_t> free_;
  std::unordered_map<key_space, uint32_t, hash> slots_;
  std::unordered_map<space_id, uint32_t> slots_by_id_;
  std::map<salt_id, salt_entry> salts_;
  std::unordered_map<std::string, salt_id> salt_ids_;
  space_id last_id_ = 0;
  salt_id last_salt_ = 0;
  size_t spare_count_ = 0;
  uint32_t oldest_spare_ = nil, newest_spare_ = nil;
};

} // namespace actord
