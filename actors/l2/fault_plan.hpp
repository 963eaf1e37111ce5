// Which operations of a store go wrong.
#pragma once

#include "runtime/options/l2_adapter_options.hpp"
#include "storage/object_ref.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// Kinds of operations that are counted, each by itself.
enum class fault_kind : uint8_t {
  hung_probe,
  hung_load,
  hung_store,
  hung_erase,  // calls
  torn_write,  // objects to store
  no_space,    // objects to store
  flipped_bit, // objects to load
};

/// Decides about faults: the n-th operation of a kind fails or not by `fault_seed` alone, whatever
/// happens between. What loads hide goes by key and place, exactly as in the peer (spec l2-adapters
/// §9.6). One thread at a time.
class fault_plan {
public:
  explicit fault_plan(const fault_inject_l2_options& options);

  /// Whether the next operation of that kind fails. Counts it.
  bool next(fault_kind kind);
  /// Whether the next object of `length_bytes` is loaded with a bit wrong, and which. Counts it.
  std::optional<uint64_t> next_flip(uint64_t length_bytes);

  /// Whether a load of `count` objects hides that at `place`.
  bool hides(const object_ref& object, size_t place, size_t count) const;

private:
  static constexpr size_t kinds = static_cast<size_t>(fault_kind::flipped_bit) + 1;
  double rate_of(fault_kind kind) const;
  std::string tag_of(fault_kind kind, uint64_t number) const;

  double rate_, hang_rate_, torn_write_rate_, bit_flip_rate_, no_space_rate_;
  int64_t seed_, fault_seed_;
  std::vector<int64_t> gap_indices_;
  std::vector<double> gap_tail_ratios_;
  std::array<uint64_t, kinds> counts_{};
};

/// Where a key and a seed lie in 0..999999 (the peer's `fault_inject`).
uint64_t fault_bucket(int64_t seed, const object_key& key);

} // namespace actord
