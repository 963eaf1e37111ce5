// The actor that brings what lookups miss from the stores behind L1.
#pragma once

#include "actors/cache/warm_jobs.hpp"
#include "actors/event_publisher.hpp"
#include "actors/l2_control.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "runtime/gate.hpp"
#include "storage/prefetch_plan.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace actord {

struct prefetch_controller_options {
  uint64_t max_in_flight = 8; // lookups at a time; more wait in line
  bool retain = false;        // what was loaded stays in L1, instead of going with its last reader
  // Of objects that lookups load at a time; a lookup that needs more loads alone. 0: no bound.
  uint64_t max_load_bytes = 0;
  time_ms lookup_timeout_ms = 10'000, load_timeout_ms = 30'000; // of one lookup's steps
  event_publisher_ptr bus = event_publisher::none();
  // Warm prefetches: a lane of their own, pieces that do not take L1 in one gulp, and the share of
  // L1 beyond which they bring nothing more.
  uint64_t warm_max_in_flight = 2, warm_piece_chunks = 64, warm_piece_bytes = 256u << 20;
  double warm_watermark = 0.8;
};

/// Lets so many in at a time; the others wait in line.
class prefetch_lane {
public:
  /// A place among those in flight: null when there is one now, else the gate that opens when it is
  /// one's turn.
  std::shared_ptr<runtime::gate> enter();
  void leave();
  size_t waiting() const {
    return waiting_.size();
  }

  uint64_t max_in_flight = 1;

private:
  uint64_t running_ = 0;
  std::deque<std::shared_ptr<runtime::gate>> waiting_;
};

/// Lets lookups in while their bytes together are within a bound, one with more than that alone;
/// the others wait in line, so that none is passed by for ever.
class prefetch_budget {
public:
  /// Null when the bytes may be loaded now, else the gate that opens when it is their turn.
  std::shared_ptr<runtime::gate> enter(uint64_t bytes);
  /// @param bytes of who leaves, as it entered
  void leave(uint64_t bytes);
  uint64_t bytes() const {
    return bytes_;
  }

  uint64_t max_bytes = 0; // 0: no bound

private:
  struct turn {
    uint64_t bytes;
    std::shared_ptr<runtime::gate> gate;
  };
  bool fits(uint64_t more) const {
    return max_bytes == 0 || bytes_ == 0 || (more <= max_bytes && bytes_ <= max_bytes - more);
  }

  uint64_t bytes_ = 0; // of those that are in
  std::deque<turn> waiting_;
};

/// Something that a lookup waits for: some answers, or the end of its time. What comes later is
/// cleaned up by whoever it comes to.
struct prefetch_step {
  size_t missing = 0;
  bool over = false; // nobody waits any more
  runtime::gate gate;

  void arrive() {
    if (--missing == 0)
      gate.open();
  }
};

/// One task of loading objects, which others may wait for, too.
struct running_load {
  std::vector<std::shared_ptr<prefetch_step>> waiting;
  std::vector<object_key> objects;
  bool joined = false; // others wait for it, or are about to
  bool ended = false;
};

/// The state of the PREFETCH CONTROLLER. Objects are loaded once, however many lookups miss them.
/// A task's memory stays reserved until its adapter has answered, however late; the lookup itself
/// is answered in time with what has come.
class prefetch_controller_state {
public:
  static inline const char* name = "prefetch-controller";

  struct adapter {
    l2_adapter_actor handle;
    l2_adapter_info info;
  };

  explicit prefetch_controller_state(prefetch_control::pointer self);

  void init(prefetch_controller_options chosen, l1_manager_actor l1_manager,
            std::shared_ptr<const shm_pool> memory);
  /// A step that waits for `missing` answers, at most so long.
  std::shared_ptr<prefetch_step> begin_step(size_t missing, time_ms limit_ms);
  /// Opens the steps whose time is over.
  void tick();
  prefetch_controller_status status() const;

  std::byte* memory_at(uint64_t offset) const {
    return pool->data() + offset;
  }

  prefetch_controller_options options;
  l1_manager_actor l1;
  std::shared_ptr<const shm_pool> pool;
  std::vector<adapter> adapters; // lower index first
  std::map<object_key, std::shared_ptr<running_load>> loading;
  uint64_t in_lookup = 0, in_load = 0, overdue = 0, tasks = 0;
  prefetch_lane lane, warm_lane; // of lookups; of warm prefetches
  prefetch_budget budget;        // of lookups
  warm_jobs warm;

private:
  prefetch_control::pointer self_;
  struct timed_step {
    time_ms deadline_ms = 0;
    std::weak_ptr<prefetch_step> step;
  };

  std::vector<timed_step> timed_;
};

using prefetch_controller_pointer = prefetch_control::stateful_pointer<prefetch_controller_state>;

/// @param pool the memory behind the L1 MANAGER's offsets
prefetch_control::behavior_type
prefetch_controller(prefetch_controller_pointer self, const prefetch_controller_options& options,
                    l1_manager_actor l1, std::shared_ptr<const shm_pool> pool);

} // namespace actord
