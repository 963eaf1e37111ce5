#include "actors/gateway/wire/decode_key.hpp"

#include "actors/gateway/wire/record.hpp"
#include "actors/gateway/wire/text.hpp"
#include "storage/object_key.hpp"

namespace actord::wire {

namespace {

constexpr uint32_t max_groups = 1024;

constexpr std::array<std::string_view, 7> key_fields
  = {"model_name", "world_size", "worker_id", "token_ids", "start", "end", "request_id"};

constexpr std::array<std::string_view, 3> allocation_fields
  = {"req_id", "new_block_ids", "new_token_ids"};

constexpr size_t trace_header_limit = 512;

/// Settings of the request travel with the key but mean nothing to the server, but for the trace
/// that the request belongs to. vLLM's connector passes on what begins with `lmcache.` only.
std::shared_ptr<const trace_headers> read_request_configs(msgpack_reader& in) {
  if (in.read_nil()) {
    return nullptr;
  }
  std::shared_ptr<trace_headers> result;
  const uint32_t count = in.read_map();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string_view name = in.read_str();
    if (name.starts_with("lmcache.")) {
      name.remove_prefix(8);
    }
    const bool is_parent = name == "traceparent";
    if ((!is_parent && name != "tracestate") || in.peek() != msgpack_type::str) {
      in.skip();
      continue;
    }
    const std::string_view text = in.read_str();
    if (text.size() <= trace_header_limit) {
      result = result ? result : std::make_shared<trace_headers>();
      (is_parent ? result->traceparent : result->tracestate) = text;
    }
  }
  return result;
}

std::string read_salt(msgpack_reader& in) {
  const std::string_view salt = in.read_str();
  const std::string_view error = cache_salt_error(salt);
  if (in.ok() && !error.empty()) {
    in.fail(printable(salt) + ": " + std::string(error));
  }
  return std::string(salt);
}

} // namespace

std::string read_model_name(msgpack_reader& in) {
  const std::string_view name = in.read_str();
  const std::string_view error = model_name_error(name);
  if (in.ok() && !error.empty()) {
    in.fail(printable(name) + ": " + std::string(error));
  }
  return std::string(name);
}

uint32_t checked_world_size(msgpack_reader& in, int64_t value) {
  if (in.ok() && (value < 1 || value > int64_t{max_world_size})) {
    in.fail(std::to_string(value) + " is outside 1..255");
  }
  return in.ok() ? static_cast<uint32_t>(value) : 1;
}

cache_key read_cache_key(msgpack_reader& in) {
  cache_key key;
  std::optional<int64_t> worker_id;
  required_fields required(key_fields);
  read_fields(in, [&](std::string_view name) {
    required.saw(name);
    if (name == "token_ids") {
      in.read_tokens(key.token_ids);
    } else if (name == "model_name") {
      key.model_name = read_model_name(in);
    } else if (name == "world_size") {
      key.world_size = checked_world_size(in, in.read_int64());
    } else if (name == "worker_id") {
      worker_id = read_optional_int(in);
    } else if (name == "start") {
      key.start = static_cast<uint64_t>(read_size(in));
    } else if (name == "end") {
      key.end = static_cast<uint64_t>(read_size(in));
    } else if (name == "request_id") {
      key.request_id = in.read_str();
    } else if (name == "cache_salt") {
      key.cache_salt = read_salt(in);
    } else if (name == "request_configs") {
      key.trace = read_request_configs(in);
    } else if (name == "num_kv_readers") {
      key.num_kv_readers = in.read_int64();
    } else {
      return false;
    }
    return true;
  });
  required.check(in);
  if (in.ok() && worker_id && (*worker_id < 0 || *worker_id >= int64_t{key.world_size})) {
    in.fail("worker_id: " + std::to_string(*worker_id) + " is outside 0..world_size-1 with a "
            + "world_size of " + std::to_string(key.world_size));
  }
  if (in.ok() && worker_id) {
    key.worker_id = static_cast<uint32_t>(*worker_id);
  }
  return key;
}

std::optional<std::string> salvage_request_id(msgpack_reader in) {
  std::optional<std::string> result;
  read_fields(in, [&](std::string_view name) {
    if (name != "request_id" || in.peek() != msgpack_type::str) {
      return false;
    }
    const std::string_view text = in.read_str();
    if (in.ok()) {
      result = text;
    }
    return true;
  });
  return result;
}

block_lists read_block_lists(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  if (count > max_groups) {
    in.fail("array of " + std::to_string(count) + " block lists, at most 1024 groups are allowed");
  }
  block_lists result;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    result.push_back(read_ints(in));
  }
  return result;
}

std::vector<block_allocation> read_block_allocations(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  std::vector<block_allocation> result;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    block_allocation record;
    required_fields required(allocation_fields);
    read_fields(in, [&](std::string_view name) {
      required.saw(name);
      if (name == "req_id") {
        record.request_id = in.read_str();
      } else if (name == "new_block_ids") {
        record.block_ids = read_ints(in);
      } else if (name == "new_token_ids") {
        const uint32_t tokens = in.read_array();
        for (uint32_t k = 0; k < tokens && in.ok(); ++k) {
          record.token_ids.push_back(static_cast<uint32_t>(in.read_int64())); // only compared
        }
      } else {
        return false;
      }
      return true;
    });
    required.check(in);
    result.push_back(std::move(record));
  }
  return result;
}

} // namespace actord::wire
