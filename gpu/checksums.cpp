#include "gpu/checksums.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace actord::gpu {

namespace {

/// bfloat16 is the upper half of a float32, on a little-endian machine its last
/// two bytes.
void feed_widened(std::span<const std::byte> bytes, const byte_sink& sink) {
  std::array<std::byte, 16384> wide{};
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size() / 2, wide.size() / 4);
    for (size_t i = 0; i < count; ++i) {
      wide[4 * i + 2] = bytes[2 * i];
      wide[4 * i + 3] = bytes[2 * i + 1];
    }
    sink(std::span(wide).first(4 * count));
    bytes = bytes.subspan(2 * count);
  }
}

std::string error_of(const paged_layout& layout, std::span<const opened_tensor> tensors,
                     size_t layer, std::span<const int64_t> block_ids) {
  const auto& geometry = layout.layers[layer];
  if (!geometry)
    return "checksum not supported: layer " + std::to_string(layer)
           + " belongs to no group and its format is unknown";
  if (tensors.size() != layout.layers.size() || tensors[layer].base == nullptr)
    return "KV tensor " + std::to_string(layer) + " is not open; register the instance again";
  for (int64_t id : block_ids)
    if (id < 0 || static_cast<uint64_t>(id) >= geometry->blocks)
      return "block " + std::to_string(id) + " is out of range, layer " + std::to_string(layer)
             + " has blocks 0 to " + std::to_string(geometry->blocks - 1);
  return {};
}

} // namespace

std::string feed_blocks(const paged_layout& layout, std::span<const opened_tensor> tensors,
                        size_t layer, std::span<const int64_t> block_ids, const byte_sink& sink) {
  assert(layer < layout.layers.size());
  if (auto error = error_of(layout, tensors, layer, block_ids); !error.empty())
    return error;
  const layer_geometry& geometry = *layout.layers[layer];
  const bool widen = geometry.type.name == "bfloat16";
  auto feed = [&](uint64_t plane, int64_t id) {
    const std::byte* begin = tensors[layer].base + plane * geometry.plane_stride_bytes
                             + static_cast<uint64_t>(id) * geometry.block_stride_bytes;
    const std::span bytes(begin, geometry.block_bytes());
    if (widen)
      feed_widened(bytes, sink);
    else
      sink(bytes);
  };
  if (info_of(geometry.format).planes_first) {
    for (uint64_t plane = 0; plane < geometry.planes; ++plane)
      for (int64_t id : block_ids)
        feed(plane, id);
  } else {
    for (int64_t id : block_ids)
      for (uint64_t plane = 0; plane < geometry.planes; ++plane)
        feed(plane, id);
  }
  if (tensors[layer].memory && tensors[layer].memory->broken())
    return "the shared memory of KV tensor " + std::to_string(layer)
           + " was truncated by its engine; restart the engine";
  return {};
}

} // namespace actord::gpu
