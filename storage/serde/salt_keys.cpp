#include "storage/serde/salt_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>
#include <climits>
#include <cstring>

namespace actord {

namespace {

constexpr std::string_view info_prefix = "lmcache-l2-aesgcm-v1";

} // namespace

master_secret::master_secret(std::span<const std::byte> master_key) noexcept {
  constexpr std::array<uint8_t, 32> no_salt{};
  unsigned size = 0;
  is_ready_ = HMAC(EVP_sha256(), no_salt.data(), no_salt.size(),
                   reinterpret_cast<const uint8_t*>(master_key.data()), master_key.size(),
                   pseudo_random_key_.data(), &size)
                != nullptr
              && size == pseudo_random_key_.size();
}

master_secret::~master_secret() {
  OPENSSL_cleanse(pseudo_random_key_.data(), pseudo_random_key_.size());
}

bool master_secret::derive(std::string_view salt, std::span<uint8_t> key) const noexcept {
  assert(key.size() <= 32);
  if (!is_ready_ || salt.size() > max_salt_bytes)
    return false;
  // One block of HKDF is 32 bytes, so there is one: HMAC(prk, info, 0x01).
  std::array<uint8_t, info_prefix.size() + max_salt_bytes + 1> info;
  std::memcpy(info.data(), info_prefix.data(), info_prefix.size());
  std::copy(salt.begin(), salt.end(), info.begin() + info_prefix.size());
  const auto info_bytes = info_prefix.size() + salt.size();
  info[info_bytes] = 1;
  std::array<uint8_t, 32> block;
  unsigned size = 0;
  const bool is_made = HMAC(EVP_sha256(), pseudo_random_key_.data(), pseudo_random_key_.size(),
                            info.data(), info_bytes + 1, block.data(), &size)
                         != nullptr
                       && size == block.size();
  if (is_made)
    std::memcpy(key.data(), block.data(), key.size());
  OPENSSL_cleanse(block.data(), block.size());
  return is_made;
}

salt_keys::salt_keys(const master_secret& secret, size_t key_bytes)
  : secret_{secret}, key_bytes_{key_bytes}, entries_(capacity) {
}

salt_keys::~salt_keys() {
  for (entry& each : entries_)
    OPENSSL_cleanse(each.key.data(), each.key.size());
}

const uint8_t* salt_keys::find(std::string_view salt) noexcept {
  ++uses_;
  entry* oldest = &entries_.front();
  for (entry& each : entries_) {
    if (each.last_use != 0 && std::string_view{each.salt.data(), each.salt_bytes} == salt) {
      each.last_use = uses_;
      return each.key.data();
    }
    if (each.last_use < oldest->last_use)
      oldest = &each;
  }
  oldest->last_use = 0;
  if (!secret_.derive(salt, std::span{oldest->key}.first(key_bytes_)))
    return nullptr;
  ++derived_;
  std::copy(salt.begin(), salt.end(), oldest->salt.begin());
  oldest->salt_bytes = salt.size();
  oldest->last_use = uses_;
  return oldest->key.data();
}

} // namespace actord
