#include "gpu/kv_format.hpp"

#include "gpu/tensor_span.hpp"

#include <array>
#include <cassert>
#include <utility>

namespace actord::gpu {

namespace {

constexpr int64_t indexer_width = 132; // 128 values and their scale
constexpr std::array formats{
  kv_format_info{kv_format::two_nb_bs_nh_hs, "NL_X_TWO_NB_BS_NH_HS", "NL x [2, NB, BS, NH, HS]",
                 "vLLM non-MLA flash attention", false, false, true},
  kv_format_info{kv_format::nb_two_bs_nh_hs, "NL_X_NB_TWO_BS_NH_HS", "NL x [NB, 2, BS, NH, HS]",
                 "vLLM non-MLA flash infer", false, false, false},
  kv_format_info{kv_format::nb_bs_hs, "NL_X_NB_BS_HS", "NL x [NB, BS, HS]",
                 "vLLM MLA / SGLang MLA (MP)", true, false, false},
  kv_format_info{kv_format::two_nb_nh_bs_hs, "NL_X_TWO_NB_NH_BS_HS", "NL x [2, NB, NH, BS, HS]",
                 "vLLM non-MLA flash attention (HND layout)", false, true, true},
  kv_format_info{kv_format::nb_two_nh_bs_hs, "NL_X_NB_TWO_NH_BS_HS", "NL x [NB, 2, NH, BS, HS]",
                 "vLLM non-MLA flash infer (HND layout)", false, true, false},
  kv_format_info{kv_format::nb_nh_bs_cs, "NL_X_NB_NH_BS_CS", "NL x [NB, NH, BS, CS]",
                 "vLLM non-MLA blocks-first, fused K/V (HND)", false, true, false},
  kv_format_info{kv_format::nb_bs_nh_cs, "NL_X_NB_BS_NH_CS", "NL x [NB, BS, NH, CS]",
                 "vLLM non-MLA blocks-first, fused K/V (NHD)", false, false, false},
  kv_format_info{kv_format::nb_bsv_bss, "NL_X_NB_BSV_BSS", "NL x [NB, BSxVALS, BSxSCALES]",
                 "vLLM MLA", true, false, false},
};

/// Positions of the axes in a tensor's shape; -1: there is none.
struct axes {
  kv_format format;
  int planes, blocks, slots, heads, content;
};

std::optional<axes> find_axes(const tensor_descriptor& tensor, const dtype& type, bool hnd) {
  const auto& shape = tensor.shape;
  const bool indexer = !shape.empty() && type.name == "uint8" && shape.back() == indexer_width;
  switch (shape.size()) {
    case 5:
      if (shape[0] == 2)
        return hnd ? axes{kv_format::two_nb_nh_bs_hs, 0, 1, 3, 2, 4}
                   : axes{kv_format::two_nb_bs_nh_hs, 0, 1, 2, 3, 4};
      if (shape[1] == 2)
        return hnd ? axes{kv_format::nb_two_nh_bs_hs, 1, 0, 3, 2, 4}
                   : axes{kv_format::nb_two_bs_nh_hs, 1, 0, 2, 3, 4};
      return std::nullopt;
    case 4:
      if (indexer && shape[hnd ? 1 : 2] == 1)
        return axes{kv_format::nb_bsv_bss, -1, 0, hnd ? 2 : 1, -1, 3};
      return hnd ? axes{kv_format::nb_nh_bs_cs, -1, 0, 2, 1, 3}
                 : axes{kv_format::nb_bs_nh_cs, -1, 0, 1, 2, 3};
    case 3: return axes{indexer ? kv_format::nb_bsv_bss : kv_format::nb_bs_hs, -1, 0, 1, -1, 2};
    default: return std::nullopt;
  }
}

/// Everything but the outermost dimension must be tight; the outermost may be
/// padded. The stride of a dimension of size 1 means nothing.
std::string strides_error(const tensor_descriptor& tensor) {
  uint64_t tight = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    const auto size = static_cast<uint64_t>(tensor.shape[i]);
    const auto stride = static_cast<uint64_t>(tensor.stride[i]);
    if (size > 1 && (i == 0 ? stride < tight : stride != tight))
      return "stride " + std::to_string(stride) + " of dimension " + std::to_string(i)
             + " of shape " + shape_text(tensor) + " should be " + (i == 0 ? "at least " : "")
             + std::to_string(tight)
             + "; only the first dimension may be padded, so permute the axes "
               "into decreasing "
               "stride order before registering";
    auto next = checked_mul(tight, size);
    if (!next || *next > INT64_MAX)
      return "shape " + shape_text(tensor) + " has more than 2^63 elements";
    tight = *next;
  }
  return {};
}

} // namespace

const kv_format_info& info_of(kv_format format) noexcept {
  for (const auto& each : formats)
    if (each.format == format)
      return each;
  assert(!"every format is listed");
  return formats.front();
}

bool heads_first(const layout_hints& hints, bool cpu_only) noexcept {
  if (!hints.kv_layout)
    return cpu_only;
  return *hints.kv_layout == "HND" || *hints.kv_layout == "BLHNC";
}

geometry_result detect_geometry(const tensor_descriptor& tensor, bool heads_come_first) {
  auto span = check_span(tensor);
  if (!span.error.empty())
    return {std::nullopt, std::move(span.error)};
  auto found = find_axes(tensor, span.type, heads_come_first);
  if (!found)
    return {std::nullopt, "shape " + shape_text(tensor)
                            + " is none of vLLM's paged formats ([2, NB, ...] or [NB, 2, "
                              "...] with 5 dimensions, "
                              "packed K and V with 4, MLA with 3); use an attention backend "
                              "with one of them, or "
                              "set lmcache.mp.mp_transfer_mode to engine_driven"};
  if (span.end_bytes == 0)
    return {std::nullopt, "shape " + shape_text(tensor)
                            + " has no elements; register after the KV cache is allocated"};
  if (auto error = strides_error(tensor); !error.empty())
    return {std::nullopt, std::move(error)};
  auto size = [&](int axis) { return axis < 0 ? 1 : static_cast<uint64_t>(tensor.shape[axis]); };
  layer_geometry result;
  result.format = found->format;
  result.type = span.type;
  result.planes = size(found->planes);
  result.heads = size(found->heads);
  result.head_size = size(found->content);
  result.slots = size(found->slots);
  result.blocks = size(found->blocks);
  // A dimension of size 1 is never stepped over, so that its stride is not
  // looked at.
  auto stride = [&](int axis) {
    return size(axis) > 1 ? static_cast<uint64_t>(tensor.stride[axis]) * span.type.item_bytes : 0;
  };
  result.plane_stride_bytes = stride(found->planes);
  result.block_stride_bytes = stride(found->blocks);
  return {result, {}};
}

} // namespace actord::gpu
