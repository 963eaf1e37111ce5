#include "gpu/copy_job.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace actord::gpu {

namespace {

constexpr uint64_t piece_bytes = 512 * 1024;

std::string
slot_error(const paged_layout& layout, const slot& each, uint64_t pool_bytes, uint64_t chunks) {
  const auto name = "object of chunk " + std::to_string(each.chunk) + ", group "
                    + std::to_string(each.group) + " ";
  if (each.chunk >= chunks || each.group >= layout.object_groups.size())
    return name + "does not exist in a range of " + std::to_string(chunks) + " chunks and "
           + std::to_string(layout.object_groups.size()) + " groups";
  const uint64_t needed = layout.object_groups[each.group].layout.object_bytes;
  if (each.length_bytes < needed)
    return name + "has " + std::to_string(each.length_bytes) + " bytes, but this instance's layout "
           + "needs " + std::to_string(needed) + "; it was stored with another layout";
  if (each.offset_bytes > pool_bytes || needed > pool_bytes - each.offset_bytes)
    return name + "ends behind the pool of " + std::to_string(pool_bytes) + " bytes";
  return {};
}

std::string tensors_error(const paged_layout& layout, std::span<const opened_tensor> tensors) {
  if (tensors.size() != layout.layers.size())
    return std::to_string(tensors.size()) + " tensors are open, but the layout has "
           + std::to_string(layout.layers.size()) + "; register the instance again";
  for (const auto& group : layout.kernel_groups)
    for (uint32_t index : group.layers) {
      if (tensors[index].base == nullptr)
        return "KV tensor " + std::to_string(index) + " is not open; register the instance again";
      if (tensors[index].memory && tensors[index].memory->broken())
        return "the shared memory of KV tensor " + std::to_string(index)
               + " was truncated by its engine; restart the engine";
    }
  return {};
}

} // namespace

/// Plans a job whose input was checked.
struct copy_job::maker {
  const paged_layout& layout;
  std::span<const opened_tensor> tensors;
  std::span<std::byte> pool;
  const copy_request& request;
  copy_job& job;

  void hold(const std::shared_ptr<const mapping>& memory) {
    if (memory && std::ranges::find(job.memory_, memory) == job.memory_.end())
      job.memory_.push_back(memory);
  }

  void add_groups() {
    for (size_t i = 0; i < layout.kernel_groups.size(); ++i) {
      const auto& from = layout.kernel_groups[i];
      auto added = std::make_unique<group>();
      added->shape = {from.geometry.heads, from.geometry.slots,
                      from.geometry.head_size * from.geometry.type.item_bytes,
                      info_of(from.geometry.format).heads_first};
      added->planes = from.geometry.planes;
      added->plane_bytes = from.kept_blocks * from.geometry.block_bytes();
      for (uint32_t index : from.layers) {
        const auto& geometry = *layout.layers[index];
        added->layers.push_back(
          {tensors[index].base, geometry.plane_stride_bytes, geometry.block_stride_bytes});
        hold(tensors[index].memory);
      }
      added->ids = request.block_ids[i];
      job.groups_.push_back(std::move(added));
    }
  }

  void cut(const part& added, uint64_t steps, uint64_t step_bytes) {
    const auto number = static_cast<uint32_t>(job.parts_.size());
    job.parts_.push_back(added);
    const uint64_t per_piece = std::max<uint64_t>(1, piece_bytes / step_bytes);
    for (uint64_t first = 0; first < steps; first += per_piece)
      job.pieces_.push_back({number, first, std::min(first + per_piece, steps)});
    job.bytes_ += added.of != nullptr ? steps * step_bytes : 0;
  }

  void add_object(const slot& object) {
    const uint64_t begin = object.chunk * layout.chunk_tokens;
    const uint64_t skip = request.skip_tokens > begin ? request.skip_tokens - begin : 0;
    for (uint32_t index : layout.object_groups[object.group].kernel_groups) {
      const auto& from = layout.kernel_groups[index];
      const auto& group = *job.groups_[index];
      const uint64_t block_bytes = group.shape.bytes();
      std::byte* region = pool.data() + object.offset_bytes + from.region_offset;
      const uint64_t skipped = blocks_to_skip(from, skip);
      const uint64_t blocks = from.kept_blocks - skipped;
      const uint64_t id = (object.chunk + 1) * from.blocks_per_chunk - blocks;
      cut({&group, region + skipped * block_bytes, id, blocks, 0},
          group.planes * group.layers.size() * blocks, block_bytes);
      if (request.way == direction::gather && from.region_bytes > from.content_bytes) {
        const uint64_t free = from.region_bytes - from.content_bytes;
        cut({nullptr, region + from.content_bytes, 0, 0, free}, free, 1);
      }
    }
  }
};

copy_job_result copy_job::make(const paged_layout& layout, std::span<const opened_tensor> tensors,
                               std::span<std::byte> pool, const copy_request& request,
                               const guarded_range* pool_guard) {
  assert(request.way == direction::scatter || request.skip_tokens == 0);
  auto error = tensors_error(layout, tensors);
  if (error.empty())
    error = block_lists_error(layout, request.block_ids, request.chunks, request.null_block_id);
  for (size_t i = 0; i < request.slots.size() && error.empty(); ++i)
    error = slot_error(layout, request.slots[i], pool.size(), request.chunks);
  if (!error.empty())
    return {std::nullopt, std::move(error)};
  copy_job_result result{copy_job{}, {}};
  result.job->way_ = request.way;
  result.job->pool_guard_ = pool_guard;
  maker plan{layout, tensors, pool, request, *result.job};
  plan.add_groups();
  for (const slot& each : request.slots)
    plan.add_object(each);
  return result;
}

template <direction Direction>
void copy_job::copy(const part& of, uint64_t first, uint64_t last) const {
  const group& from = *of.of;
  const uint64_t block_bytes = from.shape.bytes();
  uint64_t row = first / of.blocks; // plane * layers + layer
  uint64_t block = first % of.blocks;
  for (uint64_t step = first; step < last; ++row, block = 0) {
    const layer& source = from.layers[row % from.layers.size()];
    std::byte* plane = source.base + row / from.layers.size() * source.plane_stride;
    std::byte* object = of.object + row * from.plane_bytes;
    for (; block < of.blocks && step < last; ++block, ++step) {
      const int64_t id = from.ids[of.first_id + block];
      std::byte* in_object = object + block * block_bytes;
      if (id >= 0)
        copy_block<Direction>(from.shape,
                              {plane + static_cast<uint64_t>(id) * source.block_stride, in_object});
      else if constexpr (Direction == direction::gather)
        std::memset(in_object, 0, block_bytes);
    }
  }
}

void copy_job::run(size_t first, size_t last) const {
  assert(first <= last && last <= pieces_.size());
  for (size_t i = first; i < last; ++i) {
    const piece& each = pieces_[i];
    const part& of = parts_[each.part];
    if (!ok())
      return;
    if (of.of == nullptr)
      std::memset(of.object + each.first, 0, each.last - each.first);
    else if (way_ == direction::gather)
      copy<direction::gather>(of, each.first, each.last);
    else
      copy<direction::scatter>(of, each.first, each.last);
  }
}

bool copy_job::ok() const noexcept {
  return (pool_guard_ == nullptr || !pool_guard_->broken())
         && std::ranges::none_of(memory_, [](const auto& each) { return each->broken(); });
}

} // namespace actord::gpu
