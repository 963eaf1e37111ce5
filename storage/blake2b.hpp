// BLAKE2b (RFC 7693), unkeyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace actord {

/// Hashes `data` into a digest of `digest.size()` bytes. The size goes into the hash: a short
/// digest is no prefix of a long one. Own code because OpenSSL 3.0 makes digests of 64 bytes only.
/// @pre 1 <= digest.size() <= 64
void blake2b(std::span<const std::byte> data, std::span<uint8_t> digest) noexcept;

} // namespace actord
