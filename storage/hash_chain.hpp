// The content hash of a prompt: one hash per complete chunk, each over its
// predecessor and its tokens.
#pragma once

#include "storage/object_key.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace actord {

enum class hash_algorithm : uint8_t { blake3, sha256_cbor, sha256 };

/// Parses `--hash-algorithm`; `sha256_cbor_64bit` is an alias. Empty for
/// `builtin` and unknown names.
std::optional<hash_algorithm> parse_hash_algorithm(std::string_view name);
std::string_view to_string(hash_algorithm algorithm);

/// The largest chunk size that `algorithm` can hash as the peer does: a
/// `sha256` preimage beyond 64 KiB would be split into frames (spec
/// wire-protocol §5.2).
uint32_t max_chunk_tokens(hash_algorithm algorithm);

/// Computes chains: H(i) = F(H(i-1), tokens of chunk i), H(-1) = the
/// algorithm's none-hash (spec wire-protocol §5.1, §5.2). Immutable, safe to
/// share between threads.
class chain_hasher {
public:
  /// @param seed value of PYTHONHASHSEED, empty when unset (only `sha256_cbor`
  /// and `sha256` use it).
  /// @pre 0 < chunk_tokens <= max_chunk_tokens(algorithm), seed.size() <= 255
  chain_hasher(hash_algorithm algorithm, uint32_t chunk_tokens, std::string_view seed = {});

  /// Appends the hashes of the complete chunks of `tokens` that `chain` lacks,
  /// at most `max_chunks` of them. `chain` holds the hashes of the first
  /// `chain.size()` chunks of the same tokens. Returns how many were added.
  size_t extend(std::vector<chunk_hash>& chain, std::span<const uint32_t> tokens,
                size_t max_chunks = SIZE_MAX) const;

  uint32_t chunk_tokens() const noexcept {
    return chunk_tokens_;
  }
  hash_algorithm algorithm() const noexcept {
    return algorithm_;
  }
  const chunk_hash& none_hash() const noexcept {
    return none_hash_;
  }

private:
  hash_algorithm algorithm_;
  uint32_t chunk_tokens_;
  chunk_hash none_hash_;
};

} // namespace actord
