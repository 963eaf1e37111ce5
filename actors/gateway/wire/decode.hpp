// From the payload frames of one message to a typed request.
#pragma once

#include "actors/gateway/wire/operations.hpp"
#include "actors/gateway/wire/requests.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace actord::wire {

/// Why a request is refused, and whose it was as far as its frames can be read:
/// the reply policy gives leases back for it.
struct decode_error {
  std::string reason; // names the operation, the field and the value; safe to print
  std::optional<std::string> request_id;
  std::optional<int64_t> instance_id;
  std::optional<cache_key> key; // when the key itself was in order
};

/// Decodes the frames after the operation frame by the rules of wire-protocol
/// §2.1: plain int and bool payloads are coerced, everything inside containers
/// is strict, unknown keys are passed over (except in device descriptors),
/// bytes after a value are an error. Memory used is at most a small multiple of
/// the frames' size. Operations that are known but not served are an error too.
std::variant<request, decode_error>
decode_request(operation op, std::span<const std::span<const std::byte>> payload_frames);

} // namespace actord::wire
