#include "actors/l2/fault_plan.hpp"

#include "storage/blake2b.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace actord {

namespace {

constexpr double buckets = 1'000'000;

/// BLAKE2b of eight bytes, read big-endian.
uint64_t hash_of(const std::string& text) {
  std::array<uint8_t, 8> digest{};
  blake2b(std::as_bytes(std::span{text}), digest);
  uint64_t result = 0;
  for (auto byte : digest)
    result = result << 8 | byte;
  return result;
}

uint64_t bucket_of(const std::string& text) {
  return hash_of(text) % static_cast<uint64_t>(buckets);
}

/// As the peer makes it: cut, not rounded.
uint64_t limit_of(double rate) {
  return static_cast<uint64_t>(rate * buckets);
}

} // namespace

uint64_t fault_bucket(int64_t seed, const object_key& key) {
  return bucket_of(std::to_string(seed) + ":" + to_hex(key.hash) + ":" + key.model_name + ":"
                   + std::to_string(key.kv_rank) + ":" + std::to_string(key.object_group_id) + ":"
                   + key.cache_salt);
}

fault_plan::fault_plan(const fault_inject_l2_options& options)
  : rate_(options.rate), hang_rate_(options.hang_rate), torn_write_rate_(options.torn_write_rate),
    bit_flip_rate_(options.bit_flip_rate), no_space_rate_(options.enospc_rate), seed_(options.seed),
    fault_seed_(options.fault_seed), gap_indices_(options.gap_indices),
    gap_tail_ratios_(options.gap_tail_ratios) {
}

double fault_plan::rate_of(fault_kind kind) const {
  switch (kind) {
    case fault_kind::hung_probe:
    case fault_kind::hung_load:
    case fault_kind::hung_store:
    case fault_kind::hung_erase: return hang_rate_;
    case fault_kind::torn_write: return torn_write_rate_;
    case fault_kind::no_space: return no_space_rate_;
    case fault_kind::flipped_bit: return bit_flip_rate_;
  }
  return 0;
}

std::string fault_plan::tag_of(fault_kind kind, uint64_t number) const {
  constexpr std::array<const char*, kinds> names{"probe", "load",   "store", "erase",
                                                 "torn",  "enospc", "flip"};
  return std::to_string(fault_seed_) + ":" + names[static_cast<size_t>(kind)] + ":"
         + std::to_string(number);
}

bool fault_plan::next(fault_kind kind) {
  const auto number = counts_[static_cast<size_t>(kind)]++;
  const auto limit = limit_of(rate_of(kind));
  return limit > 0 && bucket_of(tag_of(kind, number)) < limit;
}

std::optional<uint64_t> fault_plan::next_flip(uint64_t length_bytes) {
  const auto number = counts_[static_cast<size_t>(fault_kind::flipped_bit)];
  if (!next(fault_kind::flipped_bit) || length_bytes == 0)
    return std::nullopt;
  return hash_of(tag_of(fault_kind::flipped_bit, number) + ":bit") % (8 * length_bytes);
}

bool fault_plan::hides(const object_ref& object, size_t place, size_t count) const {
  const auto last = static_cast<double>(count) - 1;
  // Python's round: halves go to the even neighbour, as here in the default rounding mode.
  const auto is_gap = [&](double ratio) {
    return std::nearbyint((1 - ratio) * last) == static_cast<double>(place);
  };
  if (std::ranges::find(gap_indices_, static_cast<int64_t>(place)) != gap_indices_.end()
      || std::ranges::any_of(gap_tail_ratios_, is_gap))
    return true;
  const auto limit = limit_of(rate_);
  return limit > 0 && fault_bucket(seed_, to_key(object)) < limit;
}

} // namespace actord
