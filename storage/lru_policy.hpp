// Least recently used.
#pragma once

#include "storage/column_list.hpp"
#include "storage/eviction_policy.hpp"

namespace actord {

/// One list by last use (spec cache-core §3.3).
class lru_policy final : public eviction_policy {
public:
  void admitted(column_id column, const column_facts& facts) override;
  void touched(column_id column) override;
  void removed(column_id column, bool evicted) override;
  void walk(std::optional<salt_id> salt, const offer& offer_column) const override;
  eviction_kind kind() const noexcept override {
    return eviction_kind::lru;
  }
  uint64_t table_bytes() const noexcept override {
    return nodes_.bytes();
  }

private:
  struct node {
    uint32_t prev = nil, next = nil;
    salt_id salt = 0;
  };
  node_table<node> nodes_;
  column_list list_;
};

} // namespace actord
