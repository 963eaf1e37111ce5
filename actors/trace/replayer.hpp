// Does what recorded calls say, on the daemon's own cache.
#pragma once

#include "actors/trace/replay_world.hpp"
#include "observability/trace/calls.hpp"

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace actord {

/// What became of one record.
struct replay_outcome {
  std::string fault;             // "": it was replayed
  uint64_t wanted = 0, hits = 0; // chunks of a lookup
};

/// Replays calls one after the other. The Python server's storage knows single keys, L1 knows
/// chunks of a prefix: keys of one call are parted by model, salt, rank and group, lookups become
/// lookups of the chain that their keys name, and reads take the shares that the oldest fitting
/// lookup holds. What lookups hold and nobody reads goes after the read TTL of the trace's time.
class replayer {
public:
  /// @param seed of the bytes that writers fill in, where stores are there to see them
  replayer(replay_world& world, uint64_t seed) : world_(world), seed_(seed) {
  }

  replay_outcome replay(const trace::call& what);
  /// Gives back whatever the trace left open.
  void finish();

private:
  using keys_by_part = std::vector<trace::key_list>;

  // A lookup whose objects are held.
  struct holding {
    lease_id lease = 0;
    double since_s = 0;
    key_space space;
    std::vector<group_layout> groups;
    std::unordered_map<uint64_t, uint32_t> place; // of a chunk, by the word of its hash
    uint64_t units_left = 0;                      // chunks times ranks times shares
    uint32_t hit_chunks = 0;
  };
  struct held_range {
    std::list<holding>::iterator holder;
    uint32_t first = 0, end = 0;
  };
  struct wish {
    boxed<lookup_order> lookup;
    std::string fault;
  };

  replay_outcome run(const trace::reserve_write_call& what);
  replay_outcome run(const trace::finish_write_call& what);
  replay_outcome run(const trace::submit_prefetch_call& what);
  replay_outcome run(const trace::read_enter_call& what);
  replay_outcome run(const trace::read_exit_call& what);
  replay_outcome run(const trace::finish_read_call& what);

  static wish wish_of(const trace::submit_prefetch_call& what);
  void reserve(const trace::key_list& keys, uint64_t object_bytes);
  void fill(const slot& where, const object_ref& key);
  void hold(const lookup_order& order, const lookup_outcome& found);
  std::optional<held_range> find_held(const trace::key_list& keys, uint32_t group);
  void use(std::list<holding>::iterator holder, uint64_t units);
  void drop_old();

  replay_world& world_;
  uint64_t seed_;
  std::map<object_key, reservation_id> writing_;
  std::list<holding> held_; // oldest first
  // Claims of reads by their list of keys, first opened first: entered, and exited but not
  // finished.
  std::map<std::string, std::deque<std::vector<claim_id>>> entered_, exited_;
  uint64_t lookups_ = 0;
};

} // namespace actord
