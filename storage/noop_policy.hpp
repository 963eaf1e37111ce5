// Never evicts.
#pragma once

#include "storage/eviction_policy.hpp"

namespace actord {

/// Tracks nothing and offers nothing: the pool is a buffer only (spec
/// cache-core §3.3).
class noop_policy final : public eviction_policy {
public:
  void admitted(column_id, const column_facts&) override {
  }
  void touched(column_id) override {
  }
  void removed(column_id, bool) override {
  }
  void walk(std::optional<salt_id>, const offer&) const override {
  }
  eviction_kind kind() const noexcept override {
    return eviction_kind::noop;
  }
  uint64_t table_bytes() const noexcept override {
    return 0;
  }
};

} // namespace actord
