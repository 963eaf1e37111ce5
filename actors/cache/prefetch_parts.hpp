// The steps that every way of bringing objects from L2 into L1 is made of.
#pragma once

#include "actors/cache/prefetch_controller.hpp"
#include "actors/cache/prefetch_events.hpp"
#include "runtime/task.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace actord {

using step_ptr = std::shared_ptr<prefetch_step>;

/// Objects on their way: a lookup's, or a piece of a warm prefetch. Answers that come after its end
/// find it through their own pointers.
struct prefetch {
  boxed<prefetch_order> order;
  std::shared_ptr<const key_space> space;
  cell_grid grid;
  std::vector<prefetch_controller_state::adapter> adapters; // when it began
  lease_id held = 0;
  std::vector<bool> in_l1;
  std::vector<std::vector<bool>> in_stores; // by adapter
  std::vector<l2_answer> answers;           // by adapter, to be told of
  std::vector<uint32_t> missing;            // cells that the adapters are asked for
  /// Cells that are wanted for themselves, without a lookup to serve. Empty: what a prefix needs.
  std::vector<bool> warm;
  std::shared_ptr<const prefetch_events> told;

  const lookup_order& lookup() const {
    return *order->lookup;
  }
  object_ref object(uint32_t cell) const {
    const auto group = grid.group_of(cell);
    return {space, (*lookup().chain)[grid.chunk_of(cell)],
            pack_kv_rank(grid.world_size, grid.rank_of(cell)), group,
            grid.groups[group].object_bytes};
  }
  l2_order items(const std::vector<uint32_t>& cells) const {
    std::vector<l2_item> result;
    result.reserve(cells.size());
    for (auto cell : cells)
      result.push_back({object(cell), nullptr, 0});
    return {std::make_shared<const std::vector<l2_item>>(std::move(result))};
  }
};
using prefetch_ptr = std::shared_ptr<prefetch>;

/// One adapter's part of a prefetch: what it loads into which reservations.
struct load_part {
  l2_adapter_actor adapter;
  l2_adapter_info info;
  int64_t task = 0;
  std::vector<settle_order::load> reservations;
  struct item {
    uint32_t cell = 0;
    size_t reservation = 0, slot = 0;
  };
  std::vector<item> places; // of each item of the order
  std::vector<l2_item> items;
  std::shared_ptr<running_load> load = std::make_shared<running_load>();
  std::shared_ptr<const prefetch_events> told;
  uint64_t bytes = 0, loaded = 0;
  bool ended = false;
};
using part_ptr = std::shared_ptr<load_part>;

/// What is loaded, once L1 has made room for it.
struct load_plan {
  std::vector<part_ptr> parts;                       // by adapter
  std::vector<std::shared_ptr<running_load>> joined; // tasks of others
  uint64_t budget_bytes = 0; // that the lookup has of the budget, until it has waited for its loads
  runtime::gate ready;

  bool empty() const {
    return joined.empty()
           && std::ranges::all_of(parts, [](const auto& part) { return part->items.empty(); });
  }
};
using plan_ptr = std::shared_ptr<load_plan>;

/// @param warm the cells that are wanted; empty for a lookup
prefetch_ptr make_prefetch(const prefetch_controller_state& state, boxed<prefetch_order> order,
                           hold_outcome held, std::vector<bool> warm = {});
/// Asks every adapter for all that is missing. An answer that comes too late unlocks what it
/// locked.
step_ptr ask_adapters(prefetch_controller_pointer self, const prefetch_ptr& work);
/// Reserves memory for what lengthens the prefix; for half of it, and so on, while L1 has no room.
/// For warm cells: for all of them that were found, or none.
runtime::task make_room(prefetch_controller_pointer self, prefetch_ptr work, plan_ptr plan);
/// Unlocks what is not loaded and starts a task per adapter; the step waits for all of them.
step_ptr start_loads(prefetch_controller_pointer self, const prefetch& work, load_plan& plan);
/// Takes what has come into L1 and ends the hold on what was there, in one message.
boxed<settle_order> last_look(const prefetch& work, load_plan& plan);

} // namespace actord
