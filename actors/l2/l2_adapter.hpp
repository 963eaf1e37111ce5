// The actor in front of one store behind L1.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/l2/breaker.hpp"
#include "actors/l2/l2_gauges.hpp"
#include "actors/l2/l2_levels.hpp"
#include "actors/l2_control.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace actord {

struct l2_adapter_settings {
  l2_adapter_info info;
  l2_index::config index;                               // its capacity 0: what the store says
  double trigger_watermark = 0.8, eviction_ratio = 0.2; // of the capacity
  breaker_options breaker;
  time_ms task_timeout_ms = 30'000; // a task that takes longer shows that the store hangs
  // What the index does not know is asked of the store: others may have put it there.
  bool ask_store = true;
  bool scan_at_start = true;
  std::shared_ptr<l2_gauges> gauges = std::make_shared<l2_gauges>();
  event_publisher_ptr bus = event_publisher::none();
};
/// The state of an L2 ADAPTER: the index of what its store holds, locks, use, the breaker; the
/// bytes are its backend's business. Tasks of one adapter may end in any order.
class l2_adapter_state {
public:
  static inline const char* name = "l2-adapter";

  explicit l2_adapter_state(l2_adapter_control::pointer self);

  void init(l2_adapter_settings settings, std::shared_ptr<l2_backend> backend, quota_actor quotas);

  /// Left alone: nobody shall find anything here, for it could not be loaded.
  bool resting() const;
  /// Whether the store may have what the index does not know.
  bool may_hold_more() const;
  /// Begins a task, if one may go to the store now. Returns when it began, for `ended`.
  std::optional<time_ms> admit();
  /// Begins a task that needs no leave.
  time_ms begin_task();
  /// A task has ended: what it says of the store.
  /// @param began_ms as it was told when the task began
  void ended(const l2_report& report, time_ms began_ms);
  /// A write failed over an object of another length: what lies there must go.
  void erase_stored(const object_ref& object);
  /// Takes down what became of objects that were to be erased; returns how many are gone.
  uint64_t erased(const std::vector<object_ref>& going, const l2_report& report);
  void loaded(const std::vector<l2_item>& items, const l2_report& report);
  void learn(const std::vector<object_ref>& found);
  /// Objects of a scan: what has gone since it began is told by it all the same.
  void learn_page(std::vector<object_ref> found);
  l2_page list(const l2_page_order& order) const;
  void scan_ended();
  void release(const std::vector<l2_item>& items);
  /// Makes room once the use is above the trigger; what goes is erased in the background.
  void check_capacity();
  void evict(uint64_t goal_bytes, std::optional<salt_id> salt);
  void tick();
  l2_adapter_status status() const;
  /// From now on it says that it drains.
  void drain();
  /// Takes no more tasks; kept when the last of those that run has ended.
  caf::typed_response_promise<caf::ok_atom> close();
  bool closing() const {
    return closing_.has_value();
  }
  void answer_close();

  void publish(event_type what, std::vector<object_ref> objects) const;
  /// Counts tasks and their bytes in L1 while they run.
  void note_task(metric kind, int change, uint64_t bytes);

  l2_index& index() {
    return *index_;
  }
  l2_backend& backend() {
    return *backend_;
  }
  const l2_adapter_settings& settings() const {
    return settings_;
  }

  uint64_t stores = 0, loads = 0, lookups = 0, stored_objects = 0, loaded_objects = 0;
  uint64_t evicted = 0;
  bool evicting = false;
  quota_actor quotas;

private:
  /// What is to go, of bytes or objects, once they are above the trigger; 0: nothing.
  double excess(uint64_t used, uint64_t capacity) const;
  l2_state condition() const;
  void show_condition();
  void note_gone(const std::vector<object_ref>& objects);
  /// Tells the breaker how a task went.
  void judge(bool well, time_ms took_ms);

  l2_adapter_control::pointer self_;
  l2_adapter_settings settings_;
  std::shared_ptr<l2_backend> backend_;
  std::unique_ptr<l2_index> index_;
  breaker breaker_;
  std::multiset<time_ms> running_; // when each task in flight began
  bool scanning_ = false, full_ = false;
  uint64_t scanned_bytes_ = 0;
  std::set<object_key> gone_; // while a scan is under way
  bool draining_ = false;
  std::optional<caf::typed_response_promise<caf::ok_atom>> closing_;
  bool default_capacity_ = false; // nobody said one: the store looked at the room that is left
  uint64_t failed_ = 0, corrupt_ = 0, wrong_length_ = 0, missing_ = 0;
  std::string last_error_;
  std::shared_ptr<l2_levels> levels_; // for the scrape
};

/// @param backend open
/// @param quotas of isolation salts; may be null
l2_adapter_control::behavior_type
l2_adapter(l2_adapter_control::stateful_pointer<l2_adapter_state> self,
           l2_adapter_settings settings, std::shared_ptr<l2_backend> backend, quota_actor quotas);

} // namespace actord
