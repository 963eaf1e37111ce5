// Objects encrypted and authenticated with AES-GCM.
#pragma once

#include "storage/serde/salt_keys.hpp"
#include "storage/serde/serde.hpp"

#include <openssl/types.h>

#include <array>
#include <atomic>

namespace actord {

/// Fills a buffer with random bytes; false when there are none. Any thread.
using random_source = bool (*)(std::span<uint8_t> out) noexcept;

/// From OpenSSL's generator of the calling thread.
bool openssl_random(std::span<uint8_t> out) noexcept;

struct aesgcm_options {
  uint32_t aes_bits = 128;     // or 256
  bool bind_identity = false;  // write version 2
  bool refuse_unbound = false; // read version 2 only
  /// NIST SP 800-38D §8.3: at most 2^32 frames under one key with random nonces, so
  /// that two share a nonce with a probability of 2^-32 at most.
  uint64_t max_frames_per_key = uint64_t{1} << 32;
  random_source random = openssl_random;
};

/// Frames sealed so far under each key, counted by hash of the salt: salts that
/// share a counter are counted too high, never too low. Any thread.
class frame_counts {
public:
  explicit frame_counts(uint64_t most) noexcept : most_{most} {
  }
  /// Counts one more frame of a salt; false when there may be none.
  bool take(std::string_view salt) noexcept;

private:
  uint64_t most_;
  std::array<std::atomic<uint64_t>, 1024> counts_{};
};

/// The peer's frame: 1 byte version, 12 bytes random nonce, ciphertext as long as
/// the object, 16 bytes tag; the AES key is HKDF-SHA256 of the master key for the
/// object's salt (spec cache-core §7.3). Version 1 has no associated data: whoever
/// can write to the store can put one object's frame under another key of the same
/// salt, unnoticed. Version 2 is ours and authenticates the object's key as well:
/// hash, model name, kv_rank, object group and salt, each after its length as four
/// bytes big-endian (the numbers as four bytes big-endian). Both are read.
///
/// Servers that share a master key share the 2^32 frames of each salt's key, and the
/// count starts again with the process. It stops one process that writes without
/// end (2^32 objects of 1 MiB are 4.5 PB); a fleet that writes that much rotates the
/// master key in time, which makes the old objects misses.
class aesgcm_serde final : public serde {
public:
  static constexpr uint64_t nonce_bytes = 12;
  static constexpr uint64_t tag_bytes = 16;
  static constexpr uint64_t overhead_bytes = 1 + nonce_bytes + tag_bytes;
  static constexpr uint64_t max_plain_bytes = (uint64_t{1} << 36) - 32; // of GCM

  aesgcm_serde(std::span<const std::byte> master_key, const aesgcm_options& options);

  std::string_view type() const noexcept override {
    return "aesgcm";
  }
  /// Exact.
  stored_size size_of(const serde_object& object) const noexcept override;
  std::unique_ptr<serde_lane> open_lane() const override;
  /// False when OpenSSL offers no AES-GCM or had no memory: nothing will work.
  bool is_ready() const noexcept {
    return cipher_ && secret_.is_ready();
  }

private:
  friend class aesgcm_lane;
  aesgcm_options options_;
  master_secret secret_;
  std::unique_ptr<EVP_CIPHER, void (*)(EVP_CIPHER*)> cipher_; // looked up once
  mutable frame_counts counts_;
};

} // namespace actord
