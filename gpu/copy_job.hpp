// One copy between the paged KV memory of an engine and objects in the pool, in
// pieces.
#pragma once

#include "gpu/block_lists.hpp"
#include "gpu/bus_error_guard.hpp"
#include "gpu/device.hpp"
#include "gpu/gather_scatter.hpp"
#include "gpu/paged_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace actord::gpu {

/// What to copy. Everything is only looked at while the job is made, but for
/// the bytes themselves and `pool_guard`.
struct copy_request {
  direction way = direction::gather;
  uint64_t chunks = 0;                   // of the range that the block lists cover
  std::span<const block_list> block_ids; // by kernel group
  std::span<const slot> slots;           // objects of one rank: chunk, group, place in the pool
  uint64_t skip_tokens = 0;              // scatter only: from the begin of the range
  int64_t null_block_id = 0;
};

struct copy_job_result;

/// A checked copy. After `make`, no byte that moves can lie outside of a tensor
/// or an object.
///
/// Bytes of an object are those of spec wire-protocol §6.3. A block id -1 is
/// not copied: gather fills its place with zeros, scatter leaves the engine's
/// memory alone. What a sub-chunk window leaves free in an object is filled
/// with zeros too, so that no byte of its former owner stays.
class copy_job {
public:
  /// Checks all of it and plans the pieces.
  /// @param tensors opened from the descriptors that `layout` was made from
  /// @param pool where the offsets of the slots count from
  /// @param pool_guard null, or the guard of the pool; outlives the job
  static copy_job_result make(const paged_layout& layout, std::span<const opened_tensor> tensors,
                              std::span<std::byte> pool, const copy_request& request,
                              const guarded_range* pool_guard = nullptr);

  /// Number of pieces, each about 512 KiB.
  size_t pieces() const noexcept {
    return pieces_.size();
  }

  /// Copies pieces `first` up to, but without, `last`. Several threads may do
  /// so at once with different pieces. Returns early once a mapping broke.
  void run(size_t first, size_t last) const;

  /// Whether all memory was there. False: the objects or blocks written are
  /// garbage.
  bool ok() const noexcept;

  /// Bytes that all pieces together copy.
  uint64_t bytes() const noexcept {
    return bytes_;
  }

private:
  /// A layer of a group: where its blocks are.
  struct layer {
    std::byte* base = nullptr;
    uint64_t plane_stride = 0;
    uint64_t block_stride = 0;
  };

  struct group {
    block_shape shape;
    uint64_t planes = 1;
    uint64_t plane_bytes = 0; // of one layer and plane in an object
    std::vector<layer> layers;
    block_list ids; // the ones that any part copies
  };

  /// The blocks of one chunk in one kernel group: steps are planes, then
  /// layers, then blocks. A part of no group fills bytes with zeros: steps are
  /// bytes.
  struct part {
    const group* of = nullptr;
    std::byte* object = nullptr; // of the first block copied, in the first layer and plane
    uint64_t first_id = 0;       // in `of->ids`
    uint64_t blocks = 0;
    uint64_t fill_bytes = 0;
  };

  struct piece {
    uint32_t part = 0;
    uint64_t first = 0; // steps
    uint64_t last = 0;
  };

  struct maker;

  template <direction Direction>
  void copy(const part& of, uint64_t first, uint64_t last) const;

  direction way_ = direction::gather;
  uint64_t bytes_ = 0;
  std::vector<std::unique_ptr<const group>> groups_;
  std::vector<part> parts_;
  std::vector<piece> pieces_;
  std::vector<std::shared_ptr<const mapping>> memory_; // each once
  const guarded_range* pool_guard_ = nullptr;
};

struct copy_job_result {
  std::optional<copy_job> job;
  std::string error; // reason and remedy when there is none
};

} // namespace actord::gpu
