// Requests of public traces as recorded calls.
#pragma once

#include "observability/trace/calls.hpp"
#include "observability/trace/workload_request.hpp"

#include <cstdint>
#include <string>

namespace actord::trace {

struct import_options {
  std::string source;        // name of the format: model of the keys, and told in the header
  uint32_t block_tokens = 0; // of one block
  uint64_t token_bytes = 0;  // KV of one token; times block_tokens at most 2^40
};

/// Bytes of one block's object.
constexpr uint64_t block_bytes(const import_options& options) {
  return options.block_tokens * options.token_bytes;
}

header import_header(const import_options& options);

/// Appends the frames of the three calls of a request: it looks its blocks up (and locks nothing,
/// so that nobody need unlock), then all of them are written; the server passes over those that it
/// has. Nothing for a request without blocks.
/// @param session which other requests share its block ids
void append_request(std::string& to, const import_options& options, uint64_t session,
                    const workload_request& request);

/// The key of a block: the same for the same numbers, everywhere and always.
chunk_hash hash_of_block(uint64_t session, uint64_t block);

} // namespace actord::trace
