// The actor that copies what engines store to the stores behind L1.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/interfaces.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "observability/metric_registry.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <bitset>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace actord {

struct store_controller_options {
  uint64_t max_bytes_in_flight = 256 << 20; // pinned in L1 while they are copied
  bool keep_in_l1 = true;                   // false: gone from L1 once every adapter has it
  event_publisher_ptr bus = event_publisher::none();
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
};

/// An object on its way to the adapters.
struct pending_store {
  static constexpr size_t max_adapters = 64;

  object_ref object;
  std::bitset<max_adapters> stored; // by place in the list of adapters
  uint32_t tries = 0;
  time_ms due_ms = 0; // not before
};

/// The state of the STORE CONTROLLER. Objects wait by name, unpinned, so that a slow store never
/// fills L1: what L1 evicts before its turn is counted as lost. Bounds: `max_waiting` names, the
/// oldest go first; `max_bytes_in_flight`; `max_tries` with growing pauses.
class store_controller_state {
public:
  static inline const char* name = "store-controller";
  static constexpr size_t max_waiting = 1 << 18;
  static constexpr size_t objects_per_batch = 64;
  static constexpr uint64_t bytes_per_batch = 64 << 20;
  static constexpr size_t max_batches = 8;
  static constexpr uint32_t max_tries = 4;
  static constexpr time_ms first_pause_ms = 500; // doubles with each try

  struct adapter {
    l2_adapter_actor handle;
    l2_adapter_info info;
  };

  explicit store_controller_state(store_controller_actor::pointer self);

  void init(store_controller_options chosen, l1_manager_actor l1_manager,
            std::shared_ptr<const shm_pool> memory);
  void add(const std::vector<object_ref>& objects);
  /// Starts what may go now.
  void pump();
  void retry_due();
  /// What became of a batch, whose memory is free again.
  void ended(std::vector<pending_store> batch, uint64_t bytes);
  caf::typed_response_promise<caf::ok_atom> stop();
  store_controller_status status() const;

  store_controller_options options;
  l1_manager_actor l1;
  std::shared_ptr<const shm_pool> pool;
  std::vector<adapter> adapters; // lower index first
  uint64_t tasks = 0;

  /// An object left L1, or the queue, before it was stored.
  void lose();

private:
  void give_up(uint64_t objects);
  std::vector<pending_store> take_batch();
  void answer_stop();

  store_controller_actor::pointer self_;
  std::deque<pending_store> waiting_;
  std::deque<pending_store> later_; // failed once; by no order
  uint64_t batches_ = 0, bytes_in_flight_ = 0, lost_ = 0, failed_ = 0;
  counter_cell *lost_cell_ = nullptr, *failed_cell_ = nullptr;
  bool retry_armed_ = false;
  std::optional<caf::typed_response_promise<caf::ok_atom>> stopping_;
};

using store_controller_pointer = store_controller_actor::stateful_pointer<store_controller_state>;

/// @param pool the memory behind the L1 MANAGER's offsets
store_controller_actor::behavior_type
store_controller(store_controller_pointer self, const store_controller_options& options,
                 l1_manager_actor l1, std::shared_ptr<const shm_pool> pool);

} // namespace actord
