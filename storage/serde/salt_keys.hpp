// The AES keys of cache salts, derived from one master key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace actord {

/// What HKDF-SHA256 (RFC 5869) keeps of a master key: the pseudo-random key of its
/// extract step, with the salt of 32 zero bytes that the peer takes (spec
/// cache-core §7.3). Wiped when it goes.
class master_secret {
public:
  explicit master_secret(std::span<const std::byte> master_key) noexcept;
  ~master_secret();
  master_secret(const master_secret&) = delete;
  master_secret& operator=(const master_secret&) = delete;

  /// Expand step: fills `key`, 32 bytes at most, for a salt. False when the salt is
  /// longer than `max_salt_bytes` or OpenSSL fails.
  bool derive(std::string_view salt, std::span<uint8_t> key) const noexcept;
  bool is_ready() const noexcept {
    return is_ready_;
  }

  static constexpr size_t max_salt_bytes = 512; // 128 characters of UTF-8

private:
  std::array<uint8_t, 32> pseudo_random_key_{};
  bool is_ready_ = false;
};

/// The keys of the salts used last, at most `capacity`. For one thread. Wiped when
/// it goes; about 37 KB.
class salt_keys {
public:
  static constexpr size_t capacity = 64;

  /// `secret` outlives this. `key_bytes`: 16 or 32.
  salt_keys(const master_secret& secret, size_t key_bytes);
  ~salt_keys();
  salt_keys(const salt_keys&) = delete;
  salt_keys& operator=(const salt_keys&) = delete;

  /// The key of a salt, valid until the next call; nullptr as `derive` says.
  const uint8_t* find(std::string_view salt) noexcept;
  /// How many keys were derived so far.
  uint64_t derived() const noexcept {
    return derived_;
  }

private:
  struct entry {
    std::array<char, master_secret::max_salt_bytes> salt;
    size_t salt_bytes = 0;
    uint64_t last_use = 0; // 0: empty
    std::array<uint8_t, 32> key;
  };
  const master_secret& secret_;
  size_t key_bytes_;
  uint64_t uses_ = 0;
  uint64_t derived_ = 0;
  std::vector<entry> entries_;
};

} // namespace actord
