// The actor that copies what engines store to the stores behind L1.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/l2_control.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "observability/metric_registry.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <bitset>
#include <deque>
#include <memory>
#include <optional>
#include <set>
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
  std::bitset<max_adapters> todo; // places of the adapters that do not have it yet
  bool missed = false;            // one of them went before it had it
  uint32_t tries = 0;
  time_ms due_ms = 0; // not before
};

/// The state of the STORE CONTROLLER. Objects wait by name, unpinned, so that a slow store never
/// fills L1: what L1 evicts before its turn is counted as lost. An object goes to the adapters that
/// were there when it came. Bounds: `max_waiting` names, the oldest go first;
/// `max_bytes_in_flight`, and as much again for each adapter that was closed while it hung;
/// `max_tries` with growing pauses.
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
    l2_adapter_actor handle; // null: nobody has this place
    l2_adapter_info info;
    bool draining = false;             // nothing new
    bool closed = false;               // nothing at all
    uint64_t waiting = 0, running = 0; // objects that it shall have; its tasks
    std::vector<caf::typed_response_promise<caf::ok_atom>> drained; // for nothing that waits
  };
  struct batch; // under way

  explicit store_controller_state(store_control::pointer self);

  void init(store_controller_options chosen, l1_manager_actor l1_manager,
            std::shared_ptr<const shm_pool> memory);
  void attach(l2_adapter_actor handle, const l2_adapter_info& info);
  /// Kept when nothing waits for the adapter any more.
  caf::typed_response_promise<caf::ok_atom> drain(uint32_t id);
  /// What waits for it is given up; batches that wait for it alone hold up nobody.
  void close(uint32_t id);
  uint64_t waiting_for(uint32_t id) const;

  void add(const std::vector<object_ref>& objects);
  /// Starts what may go now.
  void pump();
  void retry_due();
  /// What became of a batch. Its memory is free again, or only adapters that are closed hold it.
  void ended(std::vector<pending_store> objects, uint64_t bytes);
  /// One adapter has it, or will never have it; the object is not to be copied at all.
  void done_at(pending_store& object, size_t place);
  void forget(pending_store& object);
  /// Gives up copies to adapters that are closed meanwhile.
  void drop_closed(pending_store& object);
  /// An adapter's task has ended.
  void task_ended(size_t place);
  bool only_closed_hold(const batch& one) const;
  caf::typed_response_promise<caf::ok_atom> stop();
  store_controller_status status() const;

  store_controller_options options;
  l1_manager_actor l1;
  std::shared_ptr<const shm_pool> pool;
  std::vector<adapter> adapters; // by place; one that left leaves its place to the next
  std::set<std::shared_ptr<batch>> batches;
  uint64_t tasks = 0;

  /// An object left L1, or the queue, before it was stored.
  void lose(pending_store& object);

private:
  void give_up(uint64_t objects);
  std::vector<pending_store> take_batch();
  void answer_stop();
  void check(size_t place);
  adapter* find(uint32_t id);
  size_t count_adapters() const;

  store_control::pointer self_;
  std::deque<pending_store> waiting_;
  std::deque<pending_store> later_; // failed once; by no order
  uint64_t batches_ = 0, bytes_in_flight_ = 0, lost_ = 0, failed_ = 0;
  counter_cell *lost_cell_ = nullptr, *failed_cell_ = nullptr;
  bool retry_armed_ = false;
  std::optional<caf::typed_response_promise<caf::ok_atom>> stopping_;
};

using store_controller_pointer = store_control::stateful_pointer<store_controller_state>;

/// @param pool the memory behind the L1 MANAGER's offsets
store_control::behavior_type
store_controller(store_controller_pointer self, const store_controller_options& options,
                 l1_manager_actor l1, std::shared_ptr<const shm_pool> pool);

} // namespace actord
