// Least recently used, each salt for itself.
#pragma once

#include "storage/column_list.hpp"
#include "storage/eviction_policy.hpp"

#include <map>

namespace actord {

/// One list by last use per salt (spec cache-core §3.3). A walk without a salt
/// goes through the salts by age; whose turn it is by size is the caller's
/// decision.
class isolated_lru_policy final : public eviction_policy {
public:
  void admitted(column_id column, const column_facts& facts) override;
  void touched(column_id column) override;
  void removed(column_id column, bool evicted) override;
  void walk(std::optional<salt_id> salt, const offer& offer_column) const override;
  eviction_kind kind() const noexcept override {
    return eviction_kind::isolated_lru;
  }
  uint64_t table_bytes() const noexcept override {
    return nodes_.bytes();
  }

private:
  struct node {
    uint32_t prev = nil, next = nil;
    salt_id salt = 0;
  };
  bool walk_list(const column_list& list, const offer& offer_column) const;

  node_table<node> nodes_;
  std::map<salt_id, column_list> lists_; // none is empty
};

} // namespace actord
