// The accesses of a workload, in order and in little memory.
#pragma once

#include "storage/eviction_policy.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace actord::workload {

/// Number of a block: what a chunk column is to L1. Dense, so that it serves as its column id.
using block_id = uint32_t;

struct block {
  uint64_t bytes = 0; // in the pool, of all its objects together
  salt_id salt = 0;   // dense, from 0
};

/// One request, or one write that no request asked for.
struct step {
  int64_t time_ms = 0;              // since the beginning, never backwards
  bool lookup = false;              // false: a write
  std::span<const block_id> blocks; // from head to tail, each once
};

/// Requests look blocks up, and engines store what they did not find. So a write of a block that
/// was looked up since its last write is what follows a miss of the recorded run, and is left out:
/// whether a lookup misses is for the simulation to say. What nobody looked up is kept as a write.
/// Costs 4 bytes per access, 24 per request, 24 per block.
class access_log {
public:
  static constexpr uint64_t max_accesses = (uint64_t{1} << 32) - 2;
  static constexpr block_id max_blocks = block_id{1} << 31;

  /// @pre blocks() < max_blocks
  block_id add_block(uint64_t bytes, salt_id salt);
  /// Another object of the block: its sizes add up.
  void add_bytes(block_id id, uint64_t bytes);

  /// A request for blocks, from head to tail. A block named twice counts once. False when the log
  /// is full: nothing was added then.
  bool lookup(int64_t time_ms, std::span<const block_id> blocks);
  /// Blocks that an engine stores.
  bool write(int64_t time_ms, std::span<const block_id> blocks);

  size_t steps() const noexcept {
    return steps_.size();
  }
  step at(size_t number) const noexcept {
    const auto& found = steps_[number];
    const auto end = number + 1 < steps_.size() ? steps_[number + 1].first : accesses_.size();
    return {found.time_ms, found.lookup, {accesses_.data() + found.first, end - found.first}};
  }
  block_id blocks() const noexcept {
    return static_cast<block_id>(blocks_.size());
  }
  const block& at_block(block_id id) const noexcept {
    return blocks_[id];
  }

  struct totals {
    uint64_t requests = 0;     // steps that look something up
    uint64_t lookups = 0;      // blocks looked up: what hit ratios are of
    uint64_t lookup_bytes = 0; // of them
    uint64_t writes = 0;       // blocks written that nobody had looked up
    uint64_t repeated = 0;     // blocks that a request named again: left out
    uint64_t block_bytes = 0;  // of all blocks: the working set
    uint64_t most_hits = 0;    // lookups of a block that was seen before: no cache hits more
    bool same_size = true;     // of all blocks
  };
  /// O(accesses).
  totals count() const;

  /// Items of all steps.
  uint64_t accesses() const noexcept {
    return accesses_.size();
  }

private:
  struct entry {
    uint64_t first = 0;
    int64_t time_ms = 0;
    bool lookup = false;
  };
  struct mark {
    uint32_t step = 0; // in which it was seen last, from 1
    bool asked = false;
  };
  bool add(int64_t time_ms, bool lookup, std::span<const block_id> blocks);

  std::vector<block> blocks_;
  std::vector<mark> marks_;
  std::vector<block_id> accesses_;
  std::vector<entry> steps_;
  uint64_t repeated_ = 0;
  uint32_t round_ = 0;
};

} // namespace actord::workload
