#include "gpu/paged_layout.hpp"

#include "gpu/tensor_span.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace actord::gpu {

namespace {

constexpr int64_t no_group = -1;
constexpr size_t max_layers = 4096; // bounds the work that one registration can cause

std::string group_text(size_t index) {
  return "KV group " + std::to_string(index) + ": ";
}

std::string list_text(const auto& layers) {
  std::string result = "[";
  for (size_t i = 0; i < layers.size() && i < 16; ++i)
    result += (i == 0 ? "" : ", ") + std::to_string(layers[i]);
  return result + (layers.size() > 16 ? ", ...]" : "]");
}

/// Which engine group each tensor belongs to; `no_group` where KV is shared
/// with another layer.
struct membership {
  std::vector<int64_t> engine_group;
  std::string error;
};

membership find_members(size_t tensors, std::span<const engine_group_info> groups) {
  if (groups.empty())
    return {std::vector<int64_t>(tensors, 0), {}};
  membership result{std::vector<int64_t>(tensors, no_group), {}};
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].engine_group_id < 0)
      return {{},
              group_text(i) + "engine_group_id " + std::to_string(groups[i].engine_group_id)
                + " is negative; number engine groups from 0"};
    for (int64_t layer : groups[i].layer_indices) {
      if (layer < 0 || static_cast<uint64_t>(layer) >= tensors)
        return {{},
                group_text(i) + "layer " + std::to_string(layer) + " does not exist, "
                  + std::to_string(tensors) + " KV tensors are registered"};
      auto& group = result.engine_group[static_cast<size_t>(layer)];
      if (group != no_group)
        return {{},
                group_text(i) + "layer " + std::to_string(layer)
                  + " is named twice; every layer belongs to one group at most"};
      group = groups[i].engine_group_id;
    }
  }
  return result;
}

bool same_kernel(const layer_geometry& a, const layer_geometry& b) {
  return a.format == b.format && a.type == b.type && a.planes == b.planes && a.heads == b.heads
         && a.head_size == b.head_size && a.slots == b.slots;
}

void add_layer(std::vector<kernel_group>& groups, uint32_t layer, const layer_geometry& geometry,
               int64_t engine_group) {
  auto found = std::ranges::find_if(groups, [&](const kernel_group& each) {
    return each.engine_group_id == engine_group && same_kernel(each.geometry, geometry);
  });
  if (found == groups.end()) {
    found = groups.insert(groups.end(), kernel_group{});
    found->geometry = geometry;
    found->engine_group_id = engine_group;
  }
  found->layers.push_back(layer);
  found->geometry.blocks = std::min(found->geometry.blocks, geometry.blocks);
}

/// Takes over what the engine says about its groups; fails where it saw others
/// than we.
std::string
apply_infos(std::vector<kernel_group>& found, std::span<const engine_group_info> groups) {
  if (groups.empty())
    return {};
  if (groups.size() != found.size())
    return "the engine announces " + std::to_string(groups.size())
           + " KV groups, but its tensors form " + std::to_string(found.size())
           + "; check that kv_layout names the layout of the tensors";
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto& info = groups[i];
    if (!std::ranges::equal(found[i].layers, info.layer_indices, std::ranges::equal_to{},
                            [](uint32_t layer) { return static_cast<int64_t>(layer); }))
      return group_text(i) + "the engine announces layers " + list_text(info.layer_indices)
             + ", but the tensors form a group of layers " + list_text(found[i].layers)
             + "; announce groups in order of their first layers, layers "
               "ascending";
    if (info.tokens_per_block < 0 || info.extra_object_group_tag < 0)
      return group_text(i) + "tokens_per_block or extra_object_group_tag is negative";
    if (info.sw_size_tokens != -1 && info.sw_size_tokens <= 0)
      return group_text(i) + "sw_size_tokens is " + std::to_string(info.sw_size_tokens)
             + "; it must be -1 (no sliding window) or positive";
    found[i].tokens_per_block = static_cast<uint64_t>(info.tokens_per_block);
    found[i].sw_size_tokens = info.sw_size_tokens;
    found[i].extra_object_group_tag = info.extra_object_group_tag;
    found[i].recurrent_state = info.recurrent_state;
  }
  return {};
}

bool has_subchunk_window(const kernel_group& group, uint64_t chunk_tokens) {
  return group.sw_size_tokens > 0 && static_cast<uint64_t>(group.sw_size_tokens) < chunk_tokens;
}

/// Blocks of a chunk, after checking that they make up whole chunks and
/// windows.
std::string cut_into_blocks(kernel_group& group, size_t index, uint64_t chunk_tokens) {
  const uint64_t slots = group.geometry.slots;
  if (group.tokens_per_block == 0)
    group.tokens_per_block = slots;
  const uint64_t tokens = group.tokens_per_block;
  const auto window = static_cast<uint64_t>(group.sw_size_tokens);
  if (tokens % slots != 0)
    return group_text(index) + "tokens_per_block " + std::to_string(tokens)
           + " is not a multiple of the " + std::to_string(slots)
           + " slots of a block; check kv_layout and the engine's block size";
  if (chunk_tokens % tokens != 0)
    return group_text(index) + "the chunk size " + std::to_string(chunk_tokens)
           + " is not a multiple of tokens_per_block " + std::to_string(tokens)
           + "; start the server with such a --chunk-size";
  if (has_subchunk_window(group, chunk_tokens) && window % tokens != 0)
    return group_text(index) + "the sliding window of " + std::to_string(window)
           + " tokens is shorter than a chunk (" + std::to_string(chunk_tokens)
           + ") and not a multiple of tokens_per_block " + std::to_string(tokens)
           + "; use a --chunk-size of at most the window";
  group.blocks_per_chunk = chunk_tokens / tokens;
  group.kept_blocks
    = has_subchunk_window(group, chunk_tokens) ? window / tokens : group.blocks_per_chunk;
  return {};
}

int32_t window_chunks(const kernel_group& group, uint64_t chunk_tokens) {
  if (group.sw_size_tokens < 0)
    return -1;
  const auto tokens = static_cast<uint64_t>(group.sw_size_tokens);
  const uint64_t chunks = tokens / chunk_tokens + (tokens % chunk_tokens != 0 ? 1 : 0);
  constexpr uint64_t most = std::numeric_limits<int32_t>::max();
  return chunks > most ? -1 : static_cast<int32_t>(chunks); // longer than any prefix
}

bool share_object(const kernel_group& a, const kernel_group& b, uint64_t chunk_tokens) {
  if (a.extra_object_group_tag != b.extra_object_group_tag)
    return false;
  return a.extra_object_group_tag != 0
         || (a.recurrent_state == b.recurrent_state
             && window_chunks(a, chunk_tokens) == window_chunks(b, chunk_tokens));
}

void bucket(paged_layout& layout, uint32_t index, bool separate) {
  auto& groups = layout.kernel_groups;
  auto found = std::ranges::find_if(layout.object_groups, [&](const object_group& each) {
    return !separate
           || share_object(groups[each.kernel_groups.front()], groups[index], layout.chunk_tokens);
  });
  if (found == layout.object_groups.end()) {
    found = layout.object_groups.insert(layout.object_groups.end(), object_group{});
    if (separate) {
      found->layout.window_chunks = window_chunks(groups[index], layout.chunk_tokens);
      found->layout.aux = groups[index].extra_object_group_tag != 0;
    }
  }
  found->kernel_groups.push_back(index);
}

/// Forms object groups in order of their first kernel group, tagged ones last.
void form_object_groups(paged_layout& layout, bool separate) {
  for (bool tagged : {false, true})
    for (uint32_t i = 0; i < layout.kernel_groups.size(); ++i)
      if ((separate && layout.kernel_groups[i].extra_object_group_tag != 0) == tagged)
        bucket(layout, i, separate);
  for (uint32_t i = 0; i < layout.object_groups.size(); ++i) {
    auto& each = layout.object_groups[i];
    each.recurrent = std::ranges::all_of(each.kernel_groups, [&](uint32_t g) {
      return layout.kernel_groups[g].recurrent_state;
    });
    for (uint32_t g : each.kernel_groups)
      layout.kernel_groups[g].object_group = i;
  }
}

/// planes * layers * blocks * bytes of a block; empty when that does not fit.
std::optional<uint64_t> bytes_of(const kernel_group& group, uint64_t blocks) {
  auto result = checked_mul(group.geometry.planes * group.layers.size(), blocks);
  return result ? checked_mul(*result, group.geometry.block_bytes()) : std::nullopt;
}

std::string place_regions(paged_layout& layout, bool cut_windows) {
  for (auto& object : layout.object_groups) {
    uint64_t& end = object.layout.object_bytes;
    for (uint32_t index : object.kernel_groups) {
      auto& group = layout.kernel_groups[index];
      auto content = bytes_of(group, group.kept_blocks);
      auto room = cut_windows ? content : bytes_of(group, group.blocks_per_chunk);
      group.region_offset = end;
      if (!room || __builtin_add_overflow(end, *room, &end) || end > INT64_MAX)
        return group_text(index) + "a chunk of " + std::to_string(layout.chunk_tokens)
               + " tokens would take more than 2^63 bytes; use a smaller "
                 "--chunk-size";
      group.region_bytes = *room;
      group.content_bytes = *content;
    }
  }
  return {};
}

std::string detect_layers(paged_layout& layout, std::span<const tensor_descriptor> tensors,
                          const membership& members, bool hnd) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    auto found = detect_geometry(tensors[i], hnd);
    layout.layers.push_back(found.geometry);
    if (members.engine_group[i] == no_group)
      continue;
    if (!found.geometry)
      return "KV tensor " + std::to_string(i) + ": " + found.error;
    add_layer(layout.kernel_groups, static_cast<uint32_t>(i), *found.geometry,
              members.engine_group[i]);
  }
  if (layout.kernel_groups.empty())
    return "no KV tensor belongs to a group; announce at least one layer";
  return {};
}

std::string complete(paged_layout& layout, std::span<const engine_group_info> groups,
                     const layout_options& options) {
  if (auto error = apply_infos(layout.kernel_groups, groups); !error.empty())
    return error;
  for (size_t i = 0; i < layout.kernel_groups.size(); ++i)
    if (auto error = cut_into_blocks(layout.kernel_groups[i], i, layout.chunk_tokens);
        !error.empty())
      return error;
  form_object_groups(layout, options.separate_object_groups);
  constexpr size_t most = std::numeric_limits<uint16_t>::max();
  if (layout.object_groups.size() > most)
    return std::to_string(layout.object_groups.size()) + " object groups are more than "
           + std::to_string(most) + "; start the server without --separate-object-groups";
  if (auto error = place_regions(layout, options.cut_windows); !error.empty())
    return error;
  layout.num_blocks = layout.kernel_groups.front().geometry.blocks;
  for (const auto& each : layout.kernel_groups) // one slot of every layer and plane
    layout.cache_bytes_per_token += each.geometry.planes * each.layers.size()
                                    * each.geometry.slot_bytes()
                                    / (each.tokens_per_block / each.geometry.slots);
  return {};
}

} // namespace

std::vector<group_layout> paged_layout::group_layouts() const {
  std::vector<group_layout> result;
  for (const auto& each : object_groups)
    result.push_back(each.layout);
  return result;
}

layout_result
make_paged_layout(std::span<const tensor_descriptor> tensors, const layout_hints& hints,
                  std::span<const engine_group_info> groups, const layout_options& options) {
  assert(options.chunk_tokens > 0);
  if (tensors.empty())
    return {std::nullopt, "the list of KV tensors is empty; register at least one layer"};
  if (tensors.size() > max_layers)
    return {std::nullopt, std::to_string(tensors.size()) + " KV tensors are more than "
                            + std::to_string(max_layers) + "; register one per layer"};
  auto members = find_members(tensors.size(), groups);
  if (!members.error.empty())
    return {std::nullopt, std::move(members.error)};
  paged_layout result;
  result.chunk_tokens = options.chunk_tokens;
  auto error = detect_layers(result, tensors, members, heads_first(hints, options.cpu_only));
  if (error.empty())
    error = complete(result, groups, options);
  if (!error.empty())
    return {std::nullopt, std::move(error)};
  return {std::move(result), {}};
}

std::string concrete_shape(const kernel_group& group) {
  const auto& geometry = group.geometry;
  const auto& info = info_of(geometry.format);
  std::string dims = std::to_string(geometry.blocks);
  if (geometry.planes == 2)
    dims = info.planes_first ? "2, " + dims : dims + ", 2";
  const auto slots = std::to_string(geometry.slots);
  const auto heads = std::to_string(geometry.heads);
  if (info.is_mla)
    dims += ", " + slots;
  else
    dims += ", " + (info.heads_first ? heads + ", " + slots : slots + ", " + heads);
  return std::to_string(group.layers.size()) + " x [" + dims + ", "
         + std::to_string(geometry.head_size) + "]";
}

std::vector<int64_t> chunk_shape(const kernel_group& group, uint64_t chunk_tokens) {
  const auto& geometry = group.geometry;
  std::vector<int64_t> result{static_cast<int64_t>(group.layers.size()),
                              static_cast<int64_t>(chunk_tokens),
                              static_cast<int64_t>(geometry.heads * geometry.head_size)};
  if (geometry.planes > 1)
    result.insert(result.begin(), static_cast<int64_t>(geometry.planes));
  return result;
}

} // namespace actord::gpu
