// Keys, block lists and allocation records.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/requests.hpp"

#include <optional>
#include <string>

namespace actord::wire {

/// Reads an IPCCacheServerKey (wire-protocol §2.2). Fails on a model name with
/// '@', a bad salt, world_size outside 1..255, worker_id outside
/// 0..world_size-1, negative or missing fields.
cache_key read_cache_key(msgpack_reader& in);

/// The request_id of a key whose other fields may be wrong.
std::optional<std::string> salvage_request_id(msgpack_reader in);

/// Reads one list of block ids per kernel group; at most 1024 groups.
block_lists read_block_lists(msgpack_reader& in);

/// Reads [BlockAllocationRecord]; of the new tokens only their number is kept.
std::vector<block_allocation> read_block_allocations(msgpack_reader& in);

/// Reads a model name, which must be usable in object names.
std::string read_model_name(msgpack_reader& in);

/// Fails `in` unless `value` is a number of KV shards, 1..255.
uint32_t checked_world_size(msgpack_reader& in, int64_t value);

} // namespace actord::wire
