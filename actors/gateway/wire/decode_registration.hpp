// What engines send when they register.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/requests.hpp"
#include "gpu/descriptors.hpp"

#include <string>
#include <vector>

namespace actord::wire {

/// Reads EngineType: vllm, atom, sglang, trtllm or mock.
std::string read_engine_type(msgpack_reader& in);

/// Reads LayoutHints; a name that is not listed in wire-protocol §2.2 is an
/// error.
gpu::layout_hints read_layout_hints(msgpack_reader& in);

/// Reads [EngineGroupInfo].
std::vector<gpu::engine_group_info> read_engine_groups(msgpack_reader& in);

/// Reads RegisterEngineDrivenContextPayload. The dtype stays as sent.
register_engine_driven read_register_engine_driven(msgpack_reader& in);

} // namespace actord::wire
