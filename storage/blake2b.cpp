#include "storage/blake2b.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

namespace actord {

namespace {

constexpr size_t block_bytes = 128;
constexpr size_t rounds = 12;

using words = std::array<uint64_t, 8>;

constexpr words initial{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                        0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                        0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr uint8_t order[10][16] = {
  {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
  {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
  {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
  {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
  {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
  {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
  {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
  {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
  {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

void compress(words& state, const std::byte* block, uint64_t bytes_so_far, bool last) noexcept {
  std::array<uint64_t, 16> message{}, v{};
  for (size_t i = 0; i < block_bytes; ++i)
    message[i / 8] |= std::to_integer<uint64_t>(block[i]) << (8 * (i % 8));
  std::copy(state.begin(), state.end(), v.begin());
  std::copy(initial.begin(), initial.end(), v.begin() + 8);
  v[12] ^= bytes_so_far;
  if (last)
    v[14] = ~v[14];
  const auto mix = [&v](size_t a, size_t b, size_t c, size_t d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 63);
  };
  for (size_t round = 0; round < rounds; ++round) {
    const auto& at = order[round % 10];
    for (size_t i = 0; i < 4; ++i) // columns
      mix(i, i + 4, i + 8, i + 12, message[at[2 * i]], message[at[2 * i + 1]]);
    for (size_t i = 0; i < 4; ++i) // diagonals
      mix(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12, message[at[2 * i + 8]],
          message[at[2 * i + 9]]);
  }
  for (size_t i = 0; i < state.size(); ++i)
    state[i] ^= v[i] ^ v[i + 8];
}

} // namespace

void blake2b(std::span<const std::byte> data, std::span<uint8_t> digest) noexcept {
  assert(!digest.empty() && digest.size() <= sizeof(words));
  auto state = initial;
  state[0] ^= 0x01010000 ^ digest.size();
  uint64_t hashed = 0;
  // The last block, full or not, is hashed as the last one.
  for (; data.size() > block_bytes; data = data.subspan(block_bytes))
    compress(state, data.data(), hashed += block_bytes, false);
  std::array<std::byte, block_bytes> last{};
  std::copy(data.begin(), data.end(), last.begin());
  compress(state, last.data(), hashed + data.size(), true);
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(state[i / 8] >> (8 * (i % 8)));
}

} // namespace actord
