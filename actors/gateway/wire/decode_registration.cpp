#include "actors/gateway/wire/decode_registration.hpp"

#include "actors/gateway/wire/decode_key.hpp"
#include "actors/gateway/wire/record.hpp"
#include "actors/gateway/wire/text.hpp"

#include <algorithm>
#include <array>

namespace actord::wire {

namespace {

constexpr std::array<std::string_view, 5> engine_types
  = {"vllm", "atom", "sglang", "trtllm", "mock"};
constexpr std::array<std::string_view, 4> kv_layouts = {"NHD", "HND", "BLHNC", "BLNHC"};
constexpr std::array<std::string_view, 2> kv_list_layouts = {"k_v", "unified"};

constexpr std::array<std::string_view, 1> group_fields = {"engine_group_id"};
constexpr std::array<std::string_view, 8> engine_driven_fields
  = {"instance_id", "model_name",      "world_size", "block_size",
     "num_layers",  "hidden_dim_size", "dtype_str",  "use_mla"};

template <size_t Count>
std::string read_choice(msgpack_reader& in, const std::array<std::string_view, Count>& choices) {
  const std::string_view text = in.read_str();
  if (in.ok() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    std::string reason = printable(text) + " is none of";
    for (const std::string_view choice : choices) {
      reason += ' ';
      reason += choice;
    }
    in.fail(std::move(reason));
  }
  return std::string(text);
}

gpu::engine_group_info read_engine_group(msgpack_reader& in) {
  gpu::engine_group_info group;
  required_fields required(group_fields);
  read_fields(in, [&](std::string_view name) {
    required.saw(name);
    if (name == "engine_group_id") {
      group.engine_group_id = in.read_int64();
    } else if (name == "layer_indices") {
      group.layer_indices = read_ints(in);
    } else if (name == "tokens_per_block") {
      group.tokens_per_block = in.read_int64();
    } else if (name == "sw_size_tokens") {
      group.sw_size_tokens = in.read_int64();
    } else if (name == "extra_object_group_tag") {
      group.extra_object_group_tag = in.read_int64();
    } else if (name == "recurrent_state") {
      group.recurrent_state = in.read_bool();
    } else {
      return false;
    }
    return true;
  });
  required.check(in);
  return group;
}

} // namespace

std::string read_engine_type(msgpack_reader& in) {
  return read_choice(in, engine_types);
}

gpu::layout_hints read_layout_hints(msgpack_reader& in) {
  gpu::layout_hints hints;
  read_fields(in, [&](std::string_view name) {
    if (name == "kv_layout") {
      hints.kv_layout = read_choice(in, kv_layouts);
    } else if (name == "num_kv_heads") {
      hints.num_kv_heads = in.read_int64();
    } else if (name == "tokens_per_block") {
      hints.tokens_per_block = in.read_int64();
    } else if (name == "kv_list_layout") {
      hints.kv_list_layout = read_choice(in, kv_list_layouts);
    } else if (name == "head_dim") {
      hints.head_dim = in.read_int64();
    } else {
      return false;
    }
    return true;
  });
  return hints;
}

std::vector<gpu::engine_group_info> read_engine_groups(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  std::vector<gpu::engine_group_info> result;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    result.push_back(read_engine_group(in));
  }
  return result;
}

register_engine_driven read_register_engine_driven(msgpack_reader& in) {
  register_engine_driven result;
  required_fields required(engine_driven_fields);
  read_fields(in, [&](std::string_view name) {
    required.saw(name);
    if (name == "instance_id") {
      result.instance_id = in.read_int64();
    } else if (name == "model_name") {
      result.model_name = read_model_name(in);
    } else if (name == "world_size") {
      result.world_size = checked_world_size(in, in.read_int64());
    } else if (name == "block_size") {
      result.block_size = in.read_int64();
    } else if (name == "num_layers") {
      result.num_layers = in.read_int64();
    } else if (name == "hidden_dim_size") {
      result.hidden_dim_size = in.read_int64();
    } else if (name == "dtype_str") {
      result.dtype = in.read_str();
    } else if (name == "use_mla") {
      result.use_mla = in.read_bool();
    } else if (name == "num_physical_slots") {
      result.num_physical_slots = read_optional_int(in);
    } else {
      return false;
    }
    return true;
  });
  required.check(in);
  return result;
}

} // namespace actord::wire
