// One request of a public KV-cache trace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace actord::trace {

/// Blocks of one request: more than 16 million tokens at 64 a block. With more, a call's frame
/// would be longer than readers take.
inline constexpr size_t max_request_blocks = size_t{1} << 18;

struct workload_request {
  double t_s = 0; // since the beginning of the trace
  uint64_t in_tokens = 0, out_tokens = 0;
  std::vector<uint64_t> blocks; // ids from head to tail
};

/// A request that is not as it should be.
struct bad_request {
  uint64_t line = 0; // of the file, from 1
  std::string why;   // names the field; at most some hundred bytes
};

} // namespace actord::trace
