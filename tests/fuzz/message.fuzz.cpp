// Operation frame and payload frames of one message. The input is a row of
// frames, each after its length as two bytes, little-endian.
#include "actors/gateway/wire/decode.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>
#include <vector>

using namespace actord::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::vector<std::byte>> frames;
  while (size >= 2 && frames.size() < 10) {
    const size_t wanted = data[0] | data[1] << 8;
    const size_t length = std::min(wanted, size - 2);
    const auto* from = reinterpret_cast<const std::byte*>(data + 2);
    frames.emplace_back(from, from + length);
    data += 2 + length;
    size -= 2 + length;
  }
  if (frames.empty()) {
    return 0;
  }
  const auto op = parse_operation(frames[0]);
  if (!op) {
    return 0;
  }
  const std::vector<std::span<const std::byte>> payloads(frames.begin() + 1, frames.end());
  const auto result = decode_request(*op, payloads);
  if (const auto* error = std::get_if<decode_error>(&result)) {
    // A reason is always given, and is safe to print.
    const auto is_plain = [](char c) { return c >= 0x20 && c <= 0x7e; };
    if (!error->reason.starts_with(info(*op).name)
        || !std::all_of(error->reason.begin(), error->reason.end(), is_plain)) {
      std::abort();
    }
  }
  return 0;
}
