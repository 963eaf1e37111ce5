// Multi-queue.
#pragma once

#include "storage/column_list.hpp"
#include "storage/eviction_policy.hpp"
#include "storage/ghost_list.hpp"

#include <array>

namespace actord {

/// MQ (Zhou, Philbin and Li, USENIX ATC 2001): queues by how often a column was
/// used, each by last use; what is not used for a lifetime sinks by one queue.
/// Ghosts remember the counts of evicted columns: four per resident column.
class mq_policy final : public eviction_policy {
public:
  static constexpr size_t queue_count = 8;
  static constexpr uint64_t lifetime_accesses = 10'000;
  static constexpr size_t ghosts_per_column = 4;

  explicit mq_policy(uint32_t ghost_limit);
  void admitted(column_id column, const column_facts& facts) override;
  void touched(column_id column) override;
  void removed(column_id column, bool evicted) override;
  void walk(std::optional<salt_id> salt, const offer& offer_column) const override;
  eviction_kind kind() const noexcept override {
    return eviction_kind::mq;
  }
  uint64_t table_bytes() const noexcept override {
    return nodes_.bytes() + ghosts_.bytes();
  }

private:
  struct node {
    uint32_t prev = nil, next = nil;
    uint64_t fingerprint = 0;
    uint64_t expiry = 0; // access count at which it sinks
    uint32_t uses = 0;
    salt_id salt = 0;
    uint8_t queue = 0;
  };
  void enqueue(column_id column, size_t queue);
  void sink_expired();

  node_table<node> nodes_;
  std::array<column_list, queue_count> queues_;
  ghost_list ghosts_;
  uint64_t accesses_ = 0;
  size_t resident_ = 0;
};

} // namespace actord
