#include "storage/serde/aesgcm.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <functional>

namespace actord {

namespace {

constexpr std::byte unbound_version{1}, bound_version{2};
constexpr size_t piece_bytes = size_t{1} << 30; // OpenSSL takes lengths as int

using context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

uint8_t* raw(std::byte* bytes) noexcept {
  return reinterpret_cast<uint8_t*>(bytes);
}
const uint8_t* raw(const std::byte* bytes) noexcept {
  return reinterpret_cast<const uint8_t*>(bytes);
}

/// Runs `size` bytes through the cipher; with `out` = nullptr they are associated
/// data.
bool update(EVP_CIPHER_CTX* state, const uint8_t* in, uint8_t* out, size_t size) noexcept {
  while (size > 0) {
    const auto part = std::min(size, piece_bytes);
    int done = 0;
    if (EVP_CipherUpdate(state, out, &done, in, static_cast<int>(part)) != 1
        || static_cast<size_t>(done) != part)
      return false;
    in += part;
    out = out == nullptr ? nullptr : out + part;
    size -= part;
  }
  return true;
}

std::array<uint8_t, 4> big_endian(uint32_t value) noexcept {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

bool bind_field(EVP_CIPHER_CTX* state, const void* bytes, size_t size) noexcept {
  const auto length = big_endian(static_cast<uint32_t>(size));
  return size <= UINT32_MAX && update(state, length.data(), nullptr, length.size())
         && update(state, static_cast<const uint8_t*>(bytes), nullptr, size);
}

bool bind_number(EVP_CIPHER_CTX* state, uint32_t value) noexcept {
  const auto bytes = big_endian(value);
  return bind_field(state, bytes.data(), bytes.size());
}

/// Every field after its length: no two keys make the same row of bytes.
bool bind(EVP_CIPHER_CTX* state, const object_key& key) noexcept {
  return bind_field(state, key.hash.bytes.data(), key.hash.bytes.size())
         && bind_field(state, key.model_name.data(), key.model_name.size())
         && bind_number(state, key.kv_rank) && bind_number(state, key.object_group_id)
         && bind_field(state, key.cache_salt.data(), key.cache_salt.size());
}

} // namespace

bool openssl_random(std::span<uint8_t> out) noexcept {
  return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
}

bool frame_counts::take(std::string_view salt) noexcept {
  auto& count = counts_[std::hash<std::string_view>{}(salt) % counts_.size()];
  if (count.load(std::memory_order_relaxed) >= most_)
    return false;
  return count.fetch_add(1, std::memory_order_relaxed) < most_;
}

class aesgcm_lane final : public serde_lane {
public:
  explicit aesgcm_lane(const aesgcm_serde& owner)
    : owner_{owner}, keys_{owner.secret_, owner.options_.aes_bits / 8},
      seal_{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free}, open_{EVP_CIPHER_CTX_new(),
                                                              EVP_CIPHER_CTX_free} {
    const auto* cipher = owner.cipher_.get();
    is_ready_ = cipher != nullptr && seal_ && open_
                && EVP_CipherInit_ex2(seal_.get(), cipher, nullptr, nullptr, 1, nullptr) == 1
                && EVP_CipherInit_ex2(open_.get(), cipher, nullptr, nullptr, 0, nullptr) == 1;
  }

  encode_result encode(const serde_object& object, std::span<const std::byte> plain,
                       std::span<std::byte> out) override {
    const auto size = owner_.size_of(object);
    if (size.fault != serde_fault::none)
      return {0, size.fault};
    if (plain.size() != object.plain_bytes || out.size() < size.bytes)
      return {0, serde_fault::wrong_buffer};
    const bool is_bound = owner_.options_.bind_identity;
    const auto nonce = out.subspan(1, aesgcm_serde::nonce_bytes);
    if (!owner_.counts_.take(object.key.cache_salt)
        || !owner_.options_.random({raw(nonce.data()), nonce.size()}))
      return {0, serde_fault::no_nonce};
    out[0] = is_bound ? bound_version : unbound_version;
    if (const auto fault = start(seal_.get(), object.key, is_bound, nonce);
        fault != serde_fault::none)
      return {0, fault};
    auto* cipher_text = raw(nonce.data() + nonce.size());
    auto* tag = cipher_text + plain.size();
    int rest = 0;
    if (!update(seal_.get(), raw(plain.data()), cipher_text, plain.size())
        || EVP_CipherFinal_ex(seal_.get(), tag, &rest) != 1
        || EVP_CIPHER_CTX_ctrl(seal_.get(), EVP_CTRL_AEAD_GET_TAG, aesgcm_serde::tag_bytes, tag)
             != 1)
      return {0, serde_fault::crypto_failed};
    return {size.bytes, serde_fault::none};
  }

  serde_fault decode(const serde_object& object, std::span<const std::byte> stored,
                     std::span<std::byte> plain_out) override {
    const auto size = owner_.size_of(object);
    if (size.fault != serde_fault::none)
      return size.fault;
    if (plain_out.size() != object.plain_bytes)
      return serde_fault::wrong_buffer;
    if (stored.size() != size.bytes)
      return stored.size() < size.bytes ? serde_fault::too_short : serde_fault::wrong_length;
    const bool is_bound = stored[0] == bound_version;
    if (!is_bound && stored[0] != unbound_version)
      return serde_fault::wrong_version;
    if (!is_bound && owner_.options_.refuse_unbound)
      return serde_fault::unbound;
    const auto nonce = stored.subspan(1, aesgcm_serde::nonce_bytes);
    const auto fault = start(open_.get(), object.key, is_bound, nonce);
    return fault != serde_fault::none
             ? fault
             : open_text(stored.subspan(1 + aesgcm_serde::nonce_bytes), plain_out);
  }

private:
  /// Takes the key of the object's salt, the nonce and, if so, the object's identity.
  serde_fault start(EVP_CIPHER_CTX* state, const object_key& object, bool is_bound,
                    std::span<const std::byte> nonce) noexcept {
    if (!is_ready_)
      return serde_fault::crypto_failed;
    if (object.cache_salt.size() > master_secret::max_salt_bytes)
      return serde_fault::wrong_salt;
    const auto* key = keys_.find(object.cache_salt);
    if (key == nullptr
        || EVP_CipherInit_ex2(state, nullptr, key, raw(nonce.data()), -1, nullptr) != 1
        || (is_bound && !bind(state, object)))
      return serde_fault::crypto_failed;
    return serde_fault::none;
  }

  serde_fault
  open_text(std::span<const std::byte> text_and_tag, std::span<std::byte> plain_out) noexcept {
    // Copied: the call wants a tag that it could write to.
    std::array<uint8_t, aesgcm_serde::tag_bytes> tag;
    std::copy_n(raw(text_and_tag.data()) + plain_out.size(), tag.size(), tag.begin());
    const bool is_run
      = update(open_.get(), raw(text_and_tag.data()), raw(plain_out.data()), plain_out.size())
        && EVP_CIPHER_CTX_ctrl(open_.get(), EVP_CTRL_AEAD_SET_TAG, tag.size(), tag.data()) == 1;
    std::array<uint8_t, 16> none;
    int rest = 0;
    if (is_run && EVP_CipherFinal_ex(open_.get(), none.data(), &rest) == 1)
      return serde_fault::none;
    // What came out is not known to be what went in.
    OPENSSL_cleanse(plain_out.data(), plain_out.size());
    ERR_clear_error(); // a TLS connection of this thread would take it for its own
    return is_run ? serde_fault::bad_tag : serde_fault::crypto_failed;
  }

  const aesgcm_serde& owner_;
  salt_keys keys_;
  context seal_, open_;
  bool is_ready_ = false;
};

aesgcm_serde::aesgcm_serde(std::span<const std::byte> master_key, const aesgcm_options& options)
  : options_{options}, secret_{master_key},
    cipher_{EVP_CIPHER_fetch(nullptr, options.aes_bits == 256 ? "AES-256-GCM" : "AES-128-GCM",
                             nullptr),
            EVP_CIPHER_free},
    counts_{options.max_frames_per_key} {
}

stored_size aesgcm_serde::size_of(const serde_object& object) const noexcept {
  if (object.plain_bytes > max_plain_bytes)
    return {0, true, serde_fault::wrong_length};
  return {object.plain_bytes + overhead_bytes, true, serde_fault::none};
}

std::unique_ptr<serde_lane> aesgcm_serde::open_lane() const {
  return std::make_unique<aesgcm_lane>(*this);
}

} // namespace actord
