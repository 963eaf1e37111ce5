// A batch of objects on its way from L1 to the adapters.
#pragma once

#include "actors/cache/store_controller.hpp"
#include "actors/l2/backend.hpp"
#include "runtime/gate.hpp"
#include "runtime/task.hpp"

#include <bitset>
#include <memory>
#include <vector>

namespace actord {

/// Shared by the answers of its adapters.
struct store_controller_state::batch {
  std::vector<pending_store> objects; // those that are pinned
  std::vector<l2_item> items;
  std::bitset<pending_store::max_adapters> running; // places of adapters that have not answered
  bool over = false;                                // what answers now is too late
  runtime::gate settled, free;                      // for the queue; for the memory
};

using batch_ptr = std::shared_ptr<store_controller_state::batch>;

/// Pins the objects, hands each adapter what it does not have, and lets go when all have answered.
runtime::task
run_batch(store_controller_pointer self, std::vector<pending_store> wanted, uint64_t bytes);

/// Lets the batch go on where nothing holds it up any more.
void open_gates(const store_controller_state& state, const batch_ptr& batch);

} // namespace actord
