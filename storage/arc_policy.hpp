// Adaptive replacement cache.
#pragma once

#include "storage/column_list.hpp"
#include "storage/eviction_policy.hpp"
#include "storage/ghost_list.hpp"

#include <array>

namespace actord {

/// ARC (Megiddo and Modha, FAST 2003; spec cache-core §3.3): T1 holds what was
/// seen once, T2 what was seen again; ghosts of both (B1, B2) steer the share
/// of T1. The pool's size in columns is not known: it is the largest number
/// resident since the policy was last empty, within the bound of the ghosts.
class arc_policy final : public eviction_policy {
public:
  explicit arc_policy(uint32_t ghost_limit);
  void admitted(column_id column, const column_facts& facts) override;
  void touched(column_id column) override;
  void removed(column_id column, bool evicted) override;
  void walk(std::optional<salt_id> salt, const offer& offer_column) const override;
  eviction_kind kind() const noexcept override {
    return eviction_kind::arc;
  }
  uint64_t table_bytes() const noexcept override {
    return nodes_.bytes() + ghosts_[0].bytes() + ghosts_[1].bytes();
  }

private:
  enum side : uint8_t { once = 0, again = 1 };
  struct node {
    uint32_t prev = nil, next = nil;
    uint64_t fingerprint = 0;
    salt_id salt = 0;
    side in = once;
  };
  void trim();

  uint32_t ghost_limit_;
  node_table<node> nodes_;
  std::array<column_list, 2> lists_;
  std::array<ghost_list, 2> ghosts_;
  size_t capacity_ = 0;
  double target_ = 0; // wanted size of T1
};

} // namespace actord
