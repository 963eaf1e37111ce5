#include "storage/workload/simulated_cache.hpp"

#include "storage/largest_salts.hpp"

#include <algorithm>
#include <functional>

namespace actord::workload {

namespace {

constexpr int64_t tick_ms = 1000; // the eviction controller's

/// The daemon's bound on what a policy remembers; more than all blocks can never be remembered.
size_t ghosts_of(const access_log& log, const cache_options& options) {
  if (options.room == room_rule::full)
    return log.blocks();
  return std::min<size_t>(ghost_limit(options.capacity_bytes), log.blocks());
}

} // namespace

simulated_cache::simulated_cache(const access_log& log, const cache_options& options)
  : log_{log}, options_{options}, policy_{make_eviction_policy(options.policy,
                                                               ghosts_of(log, options))},
    state_(log.blocks(), absent) {
  salt_id last = 0;
  for (block_id id = 0; id < log.blocks(); ++id)
    last = std::max(last, log.at_block(id).salt);
  for (salt_id salt = 0; salt <= last; ++salt)
    salts_.push_back({salt, {}});
}

void simulated_cache::run(const step& next) {
  if (options_.room == room_rule::full) {
    access_each(next);
    return;
  }
  check_quotas(next.time_ms);
  if (next.lookup)
    run_request(next);
  store(next.blocks);
}

void simulated_cache::run_request(const step& next) {
  size_t prefix = 0;
  while (prefix < next.blocks.size() && resident(next.blocks[prefix]))
    ++prefix;
  counts_.prefix_hits += prefix;
  for (const auto id : next.blocks)
    if (resident(id))
      count_hit(id);
  // As l1_index::lookup: only what it serves is touched, from tail to head.
  for (size_t at = prefix; at-- > 0;)
    policy_->touched(next.blocks[at]);
}

/// As l1_index::reserve, the eviction controller's run and l1_index::commit, one after the other.
void simulated_cache::store(std::span<const block_id> blocks) {
  const auto wanted = reserve(blocks);
  // What is being written counts as used, and is no victim yet.
  if (const auto goal = options_.rule.goal_bytes(used_bytes_ + wanted, options_.capacity_bytes);
      goal > 0)
    evict(goal, std::nullopt);
  for (auto id = missing_.rbegin(); id != missing_.rend(); ++id)
    admit(*id);
}

/// Makes room for the blocks that are missing; their bytes. All or nothing.
uint64_t simulated_cache::reserve(std::span<const block_id> blocks) {
  missing_.clear();
  uint64_t wanted = 0, own = 0;
  for (const auto id : blocks)
    if (resident(id))
      own += log_.at_block(id).bytes;
    else {
      wanted += log_.at_block(id).bytes;
      missing_.push_back(id);
    }
  const auto evictable = options_.policy == eviction_kind::noop ? 0 : used_bytes_ - own;
  const auto free = options_.capacity_bytes - used_bytes_;
  if (wanted <= free)
    return wanted;
  if (wanted - free > evictable) {
    counts_.refused += missing_.size();
    missing_.clear();
    return 0;
  }
  for (const auto id : blocks)
    state_[id] = resident(id) ? pinned : absent;
  evict(wanted - free, std::nullopt);
  for (const auto id : blocks)
    state_[id] = resident(id) ? held : absent;
  return wanted;
}

void simulated_cache::access_each(const step& next) {
  uint64_t run = 0; // hits in a row that end at this block
  for (auto at = next.blocks.rbegin(); at != next.blocks.rend(); ++at) {
    const auto id = *at;
    const bool found = resident(id);
    run = found ? run + 1 : 0;
    if (found && next.lookup) {
      count_hit(id);
      policy_->touched(id);
    } else if (!found) {
      if (make_room(log_.at_block(id).bytes))
        admit(id);
      else
        ++counts_.refused;
    }
  }
  counts_.prefix_hits += next.lookup ? run : 0;
}

bool simulated_cache::make_room(uint64_t bytes) {
  const auto capacity = options_.capacity_bytes;
  if (bytes > capacity)
    return false;
  if (const auto free = capacity - used_bytes_; bytes > free)
    evict(bytes - free, std::nullopt);
  return bytes <= capacity - used_bytes_;
}

void simulated_cache::count_hit(block_id id) {
  ++counts_.hits;
  counts_.hit_bytes += log_.at_block(id).bytes;
}

void simulated_cache::admit(block_id id) {
  // An odd factor: no two blocks have the same fingerprint.
  constexpr uint64_t spread = 0x9e3779b97f4a7c15u;
  const auto& fresh = log_.at_block(id);
  state_[id] = held;
  used_bytes_ += fresh.bytes;
  salts_[fresh.salt].second.bytes += fresh.bytes;
  policy_->admitted(id, {(uint64_t{id} + 1) * spread, fresh.bytes, fresh.salt});
}

void simulated_cache::remove(block_id id) {
  const auto& gone = log_.at_block(id);
  state_[id] = absent;
  used_bytes_ -= gone.bytes;
  salts_[gone.salt].second.bytes -= gone.bytes;
  policy_->removed(id, true);
  ++counts_.evicted;
}

/// As column_store::evict.
uint64_t simulated_cache::evict(uint64_t goal_bytes, std::optional<salt_id> salt) {
  if (options_.policy != eviction_kind::isolated_lru || salt)
    return evict_walk(goal_bytes, salt);
  return take_from_largest_salts(*this, goal_bytes, SIZE_MAX,
                                 [this](uint64_t goal, size_t, salt_id largest) {
                                   const auto before = counts_.evicted;
                                   const auto gone = evict_walk(goal, largest);
                                   return std::pair{gone, size_t{counts_.evicted - before}};
                                 });
}

uint64_t simulated_cache::evict_walk(uint64_t goal_bytes, std::optional<salt_id> salt) {
  victims_.clear();
  uint64_t freed = 0;
  const auto take = [&](column_id id) {
    if (freed >= goal_bytes)
      return offer_answer::stop;
    if (state_[id] == pinned)
      return offer_answer::refused;
    freed += log_.at_block(id).bytes;
    victims_.push_back(id);
    return offer_answer::taken;
  };
  policy_->walk(salt, std::cref(take)); // by reference: no copy on the heap
  for (const auto id : victims_)
    remove(id);
  return freed;
}

/// As the eviction controller's tick. Nothing changes between two steps, so one tick is enough for
/// all that passed.
void simulated_cache::check_quotas(int64_t time_ms) {
  if (options_.policy != eviction_kind::isolated_lru || options_.quotas.empty()
      || time_ms < next_tick_ms_)
    return;
  next_tick_ms_ = time_ms - time_ms % tick_ms + tick_ms;
  for (const auto& [salt, limit] : options_.quotas)
    if (salt < salts_.size())
      if (const auto goal = options_.rule.goal_bytes(salts_[salt].second.bytes, limit); goal > 0)
        evict(goal, salt);
}

hit_counts simulate(const access_log& log, const cache_options& options) {
  simulated_cache cache{log, options};
  for (size_t number = 0; number < log.steps(); ++number)
    cache.run(log.at(number));
  return cache.counts();
}

} // namespace actord::workload
