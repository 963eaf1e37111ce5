// The accesses that recorded calls mean.
#pragma once

#include "observability/trace/calls.hpp"
#include "storage/workload/access_log.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace actord::trace {

/// Takes the records of a trace of level `storage` in order. A `submit_prefetch_task` looks its
/// keys up, a `reserve_write` writes its own; all other calls touch nothing that those did not. A
/// block is a chunk column: the objects of all ranks and groups under one hash, model, world size
/// and salt, with their bytes together, each as large as the first call that names it says.
class recorded_accesses {
public:
  /// @param align_bytes what an object's size is rounded up to, as in the pool
  explicit recorded_accesses(uint64_t align_bytes = 4096) : align_bytes_{align_bytes} {
  }

  /// All objects together: sums of sizes stay far from overflow.
  static constexpr uint64_t max_bytes = uint64_t{1} << 60;

  /// False when the log is full, or its blocks are; what was read so far holds.
  bool add(const record& next);

  const workload::access_log& log() const noexcept {
    return log_;
  }
  /// Calls with arguments that are not as they should be, or with objects of unknown size: they
  /// were passed over.
  uint64_t bad_calls() const noexcept {
    return bad_calls_;
  }
  /// Why, of the first of them.
  const std::string& first_fault() const noexcept {
    return first_fault_;
  }
  /// The log's number of a salt; empty when no key has it.
  std::optional<salt_id> find_salt(const std::string& name) const;

private:
  struct chunk {
    uint32_t space = 0;
    chunk_hash hash;
    bool operator==(const chunk&) const = default;
  };
  struct chunk_hasher {
    size_t operator()(const chunk& key) const noexcept {
      return key.hash.word() ^ key.space * 0x9e3779b97f4a7c15u;
    }
  };
  struct object {
    workload::block_id block = 0;
    uint32_t kv_rank = 0, group = 0;
    bool operator==(const object&) const = default;
  };
  struct object_hasher {
    size_t operator()(const object& key) const noexcept {
      const auto word = (uint64_t{key.kv_rank} << 32 | key.group) * 0x9e3779b97f4a7c15u;
      return (word ^ word >> 29) + key.block * 0xd6e8feb86659fd93u;
    }
  };

  bool take(const key_list& keys, const layout_desc& layout);
  uint32_t space_of(const key_space& space);
  bool take_key(uint32_t space, const object_ref& key, uint64_t bytes);
  void reject(std::string why);

  uint64_t align_bytes_;
  workload::access_log log_;
  std::unordered_map<chunk, workload::block_id, chunk_hasher> blocks_;
  std::vector<object> first_objects_; // by block
  std::unordered_set<object, object_hasher> more_objects_;
  std::map<key_space, uint32_t> spaces_;
  std::vector<salt_id> space_salts_;
  std::unordered_map<std::string, salt_id> salts_;
  std::vector<workload::block_id> step_; // scratch
  uint64_t bytes_ = 0;
  uint64_t bad_calls_ = 0;
  std::string first_fault_;
};

} // namespace actord::trace
