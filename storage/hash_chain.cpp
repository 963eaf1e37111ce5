#include "storage/hash_chain.hpp"

#include <blake3.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <memory>
#include <stdexcept>

namespace actord {

namespace {

constexpr std::string_view default_seed = "vllm-none-hash"; // of vLLM 0.32

// -- digests: init(), update(bytes, size), finish() ---------------------------

class blake3_digest {
public:
  void init() {
    blake3_hasher_init(&state_);
  }
  void update(const uint8_t* bytes, size_t size) {
    blake3_hasher_update(&state_, bytes, size);
  }
  chunk_hash finish() {
    chunk_hash result;
    blake3_hasher_finalize(&state_, result.bytes.data(), result.bytes.size());
    return result;
  }

private:
  blake3_hasher state_;
};

/// Looked up once: the implicit lookup of every init costs more than hashing a
/// chunk.
const EVP_MD* sha256_method() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> method{
    EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free};
  if (!method)
    throw std::runtime_error("OpenSSL offers no SHA256: use --hash-algorithm blake3");
  return method.get();
}

class sha256_digest {
public:
  sha256_digest() : state_{EVP_MD_CTX_new(), EVP_MD_CTX_free}, method_{sha256_method()} {
  }
  void init() {
    check(EVP_DigestInit_ex2(state_.get(), method_, nullptr));
  }
  void update(const uint8_t* bytes, size_t size) {
    check(EVP_DigestUpdate(state_.get(), bytes, size));
  }
  chunk_hash finish() {
    chunk_hash result;
    check(EVP_DigestFinal_ex(state_.get(), result.bytes.data(), nullptr));
    return result;
  }

private:
  static void check([[maybe_unused]] int ok) {
    assert(ok == 1);
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state_;
  const EVP_MD* method_;
};

// -- preimages ----------------------------------------------------------------

/// Collects a preimage in a fixed buffer, so that a chunk costs few updates and
/// no allocation.
template <class Digest>
class preimage {
public:
  explicit preimage(Digest& digest) : digest_{digest} {
    digest_.init();
  }
  void byte(uint8_t value) {
    if (used_ == buffer_.size())
      flush();
    buffer_[used_++] = value;
  }
  void bytes(const void* data, size_t size) {
    if (buffer_.size() - used_ < size)
      flush();
    assert(size <= buffer_.size());
    std::memcpy(buffer_.data() + used_, data, size);
    used_ += size;
  }
  void big_endian(uint64_t value, size_t size) {
    for (size_t left = size; left > 0; --left)
      byte(static_cast<uint8_t>(value >> (8 * (left - 1))));
  }
  void little_endian(uint64_t value, size_t size) {
    for (size_t done = 0; done < size; ++done)
      byte(static_cast<uint8_t>(value >> (8 * done)));
  }
  /// Each token as unsigned 32-bit big-endian.
  void big_endian(std::span<const uint32_t> tokens) {
    while (!tokens.empty()) {
      if (buffer_.size() - used_ < sizeof(uint32_t))
        flush();
      auto part
        = tokens.first(std::min(tokens.size(), (buffer_.size() - used_) / sizeof(uint32_t)));
      auto* to = buffer_.data() + used_;
      for (size_t i = 0; i < part.size(); ++i) {
        auto swapped = __builtin_bswap32(part[i]);
        std::memcpy(to + i * sizeof swapped, &swapped, sizeof swapped);
      }
      used_ += part.size_bytes();
      tokens = tokens.subspan(part.size());
    }
  }
  chunk_hash finish() {
    flush();
    return digest_.finish();
  }

private:
  void flush() {
    digest_.update(buffer_.data(), used_);
    used_ = 0;
  }
  Digest& digest_;
  size_t used_ = 0;
  std::array<uint8_t, 4096> buffer_;
};

/// The CBOR head of a value: major type (0 unsigned, 2 bytes, 3 text, 4 array),
/// shortest form.
template <class Digest>
void cbor_head(preimage<Digest>& out, uint8_t major, uint32_t value) {
  auto type = static_cast<uint8_t>(major << 5);
  if (value < 24) {
    out.byte(type | static_cast<uint8_t>(value));
  } else if (value <= 0xff) {
    out.byte(type | 24);
    out.byte(static_cast<uint8_t>(value));
  } else if (value <= 0xffff) {
    out.byte(type | 25);
    out.big_endian(value, 2);
  } else {
    out.byte(type | 26);
    out.big_endian(value, 4);
  }
}

constexpr size_t pickled_int_bytes(uint32_t value) {
  return value <= 0xff ? 2 : value <= 0xffff ? 3 : value <= 0x7fffffff ? 5 : 7;
}

template <class Digest>
void pickle_int(preimage<Digest>& out, uint32_t value) {
  if (value <= 0xff) {
    out.byte(0x4b);
    out.little_endian(value, 1);
  } else if (value <= 0xffff) {
    out.byte(0x4d);
    out.little_endian(value, 2);
  } else if (value <= 0x7fffffff) {
    out.byte(0x4a);
    out.little_endian(value, 4);
  } else {
    out.byte(0x8a);
    out.byte(5);
    out.little_endian(value, 5);
  }
}

template <class Digest>
void pickle_start(preimage<Digest>& out, uint64_t payload_bytes) {
  out.byte(0x80);
  out.byte(0x05);
  out.byte(0x95);
  out.little_endian(payload_bytes, 8);
}

// -- F(prefix, tokens) of each algorithm --------------------------------------

chunk_hash
blake3_chunk(blake3_digest& digest, const chunk_hash& prefix, std::span<const uint32_t> tokens) {
  preimage out{digest};
  out.bytes(prefix.bytes.data(), prefix.bytes.size());
  out.big_endian(tokens);
  return out.finish();
}

chunk_hash
cbor_chunk(sha256_digest& digest, const chunk_hash& prefix, std::span<const uint32_t> tokens) {
  preimage out{digest};
  cbor_head(out, 4, 3);
  cbor_head(out, 2, static_cast<uint32_t>(prefix.bytes.size()));
  out.bytes(prefix.bytes.data(), prefix.bytes.size());
  cbor_head(out, 4, static_cast<uint32_t>(tokens.size()));
  for (auto token : tokens)
    cbor_head(out, 0, token);
  out.byte(0xf6);
  return out.finish();
}

chunk_hash
pickle_chunk(sha256_digest& digest, const chunk_hash& prefix, std::span<const uint32_t> tokens) {
  auto marked = tokens.size() > 3;
  size_t payload = 2 + prefix.bytes.size() + 1 + (marked ? 1 : 0) + 6;
  for (auto token : tokens)
    payload += pickled_int_bytes(token);
  preimage out{digest};
  pickle_start(out, payload);
  out.byte(0x43);
  out.byte(static_cast<uint8_t>(prefix.bytes.size()));
  out.bytes(prefix.bytes.data(), prefix.bytes.size());
  out.byte(0x94);
  if (marked)
    out.byte(0x28);
  for (auto token : tokens)
    pickle_int(out, token);
  out.byte(marked ? 0x74 : static_cast<uint8_t>(0x84 + tokens.size()));
  for (uint8_t end : {0x94, 0x4e, 0x87, 0x94, 0x2e})
    out.byte(end);
  return out.finish();
}

chunk_hash none_hash_of(hash_algorithm algorithm, std::string_view seed) {
  if (algorithm == hash_algorithm::blake3) {
    blake3_digest digest;
    preimage out{digest};
    out.big_endian(0, 8); // the integer prefix 0
    out.big_endian(0, 4); // one token 0
    return out.finish();
  }
  if (seed.empty())
    seed = default_seed;
  assert(seed.size() <= 0xff);
  sha256_digest digest;
  preimage out{digest};
  if (algorithm == hash_algorithm::sha256_cbor) {
    cbor_head(out, 3, static_cast<uint32_t>(seed.size()));
    out.bytes(seed.data(), seed.size());
  } else {
    pickle_start(out, seed.size() + 4);
    out.byte(0x8c);
    out.byte(static_cast<uint8_t>(seed.size()));
    out.bytes(seed.data(), seed.size());
    out.byte(0x94);
    out.byte(0x2e);
  }
  return out.finish();
}

template <class Digest, class ChunkHash>
size_t extend_with(Digest digest, ChunkHash chunk, const chain_hasher& hasher,
                   std::vector<chunk_hash>& chain, std::span<const uint32_t> tokens, size_t last) {
  auto first = chain.size();
  for (auto i = first; i < last; ++i) {
    auto prefix = i == 0 ? hasher.none_hash() : chain.back();
    chain.push_back(
      chunk(digest, prefix, tokens.subspan(i * hasher.chunk_tokens(), hasher.chunk_tokens())));
  }
  return chain.size() - first;
}

} // namespace

std::optional<hash_algorithm> parse_hash_algorithm(std::string_view name) {
  if (name == "blake3")
    return hash_algorithm::blake3;
  if (name == "sha256_cbor" || name == "sha256_cbor_64bit")
    return hash_algorithm::sha256_cbor;
  if (name == "sha256")
    return hash_algorithm::sha256;
  return std::nullopt;
}

std::string_view to_string(hash_algorithm algorithm) {
  switch (algorithm) {
    case hash_algorithm::blake3: return "blake3";
    case hash_algorithm::sha256_cbor: return "sha256_cbor";
    case hash_algorithm::sha256: return "sha256";
  }
  return "unknown";
}

uint32_t max_chunk_tokens(hash_algorithm algorithm) {
  constexpr uint32_t frame_bytes = 64 * 1024;
  constexpr uint32_t envelope_bytes = 64;
  if (algorithm == hash_algorithm::sha256)
    return (frame_bytes - envelope_bytes) / pickled_int_bytes(UINT32_MAX);
  return std::numeric_limits<int32_t>::max();
}

chain_hasher::chain_hasher(hash_algorithm algorithm, uint32_t chunk_tokens, std::string_view seed)
  : algorithm_{algorithm}, chunk_tokens_{chunk_tokens}, none_hash_{none_hash_of(algorithm, seed)} {
  assert(chunk_tokens > 0 && chunk_tokens <= max_chunk_tokens(algorithm));
}

size_t chain_hasher::extend(std::vector<chunk_hash>& chain, std::span<const uint32_t> tokens,
                            size_t max_chunks) const {
  auto complete = tokens.size() / chunk_tokens_;
  if (chain.size() >= complete)
    return 0;
  auto last = chain.size() + std::min(max_chunks, complete - chain.size());
  chain.reserve(last);
  switch (algorithm_) {
    case hash_algorithm::blake3:
      return extend_with(blake3_digest{}, blake3_chunk, *this, chain, tokens, last);
    case hash_algorithm::sha256_cbor:
      return extend_with(sha256_digest{}, cbor_chunk, *this, chain, tokens, last);
    case hash_algorithm::sha256:
      return extend_with(sha256_digest{}, pickle_chunk, *this, chain, tokens, last);
  }
  return 0;
}

} // namespace actord
