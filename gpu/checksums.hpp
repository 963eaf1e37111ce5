// The bytes that checksums of live KV memory are made of.
#pragma once

#include "gpu/device.hpp"
#include "gpu/paged_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace actord::gpu {

using byte_sink = std::function<void(std::span<const std::byte>)>;

/// Feeds the named blocks of one layer to `sink` as if they had been picked
/// along the tensor's block axis into a contiguous tensor: with K and V
/// outermost all K blocks come first. bfloat16 is widened to float32. Returns
/// what is wrong ("" when nothing is); `sink` has got nothing useful then.
/// Source: spec cli-http §2.7.
/// @param layer index of the tensor; @pre below `layout.layers.size()`
std::string feed_blocks(const paged_layout& layout, std::span<const opened_tensor> tensors,
                        size_t layer, std::span<const int64_t> block_ids, const byte_sink& sink);

} // namespace actord::gpu
