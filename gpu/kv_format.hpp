// How one layer's paged KV tensor is laid out.
#pragma once

#include "gpu/descriptors.hpp"
#include "gpu/dtype.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord::gpu {

/// Formats of vLLM's per-layer tensors; values as clients and files know them
/// (spec wire-protocol §6.1). NB blocks, BS slots per block, NH heads, HS head
/// size, CS packed content of K and V.
enum class kv_format : uint8_t {
  two_nb_bs_nh_hs = 1,
  nb_two_bs_nh_hs = 2,
  nb_bs_hs = 3,
  two_nb_nh_bs_hs = 6,
  nb_two_nh_bs_hs = 7,
  nb_nh_bs_cs = 12,
  nb_bs_nh_cs = 13,
  nb_bsv_bss = 14,
};

/// What people call a format (spec cli-http §2.5).
struct kv_format_info {
  kv_format format;
  std::string_view name;              // NL_X_TWO_NB_BS_NH_HS
  std::string_view shape;             // NL x [2, NB, BS, NH, HS]
  std::string_view attention_backend; // who makes such tensors
  bool is_mla = false;
  bool heads_first = false;  // heads before slots inside a block
  bool planes_first = false; // K and V are the outermost axis, before the blocks
};

const kv_format_info& info_of(kv_format format) noexcept;

/// The geometry of one layer. A block of one plane is contiguous: `heads *
/// slots * head_size` elements, slot-major or, for heads-first formats,
/// head-major.
struct layer_geometry {
  kv_format format = kv_format::nb_bs_hs;
  dtype type;
  uint64_t planes = 1; // 2: K and V apart
  uint64_t heads = 1;
  uint64_t head_size = 0; // elements
  uint64_t slots = 0;     // per block
  uint64_t blocks = 0;
  uint64_t plane_stride_bytes = 0; // 0 with one plane
  uint64_t block_stride_bytes = 0;

  uint64_t slot_bytes() const noexcept {
    return heads * head_size * type.item_bytes;
  }

  /// Bytes of one block of one plane.
  uint64_t block_bytes() const noexcept {
    return slots * slot_bytes();
  }

  bool operator==(const layer_geometry&) const = default;
};

struct geometry_result {
  std::optional<layer_geometry> geometry;
  std::string error; // reason and remedy when there is none
};

/// Whether the layout hint, or its absence, means heads before slots.
/// @param cpu_only what no hint means: CPU engines put heads first, all others
/// slots
bool heads_first(const layout_hints& hints, bool cpu_only) noexcept;

/// Detects format and geometry of one layer's tensor, whose span need not be
/// checked yet. The first dimension may be padded, all others must be tight
/// (spec wire-protocol §2.4).
geometry_result detect_geometry(const tensor_descriptor& tensor, bool heads_come_first);

} // namespace actord::gpu
