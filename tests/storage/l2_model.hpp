// A naive twin of l2_index: a map, a list of names by recency, full scans.
#pragma once

#include "storage/l2_index.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace actord::test {

struct l2_model {
  enum class state { writing, cancelled, resident, going, lost };
  struct object {
    state now = state::writing;
    uint64_t length = 0;
    uint32_t locks = 0;
    uint64_t readable_since = 0; // step
  };

  uint64_t alignment;
  size_t limit;
  bool evicts, isolated;
  std::map<object_key, object> objects;
  std::vector<object_key> order; // oldest first
  uint64_t step = 0, too_short = 0, wrong_length = 0, full = 0;

  object* at(const object_key& key) {
    auto found = objects.find(key);
    return found == objects.end() ? nullptr : &found->second;
  }
  const object* readable(const object_key& key) const {
    auto found = objects.find(key);
    return found == objects.end() || found->second.now != state::resident ? nullptr
                                                                          : &found->second;
  }
  void newest(const object_key& key) {
    std::erase(order, key);
    order.push_back(key);
  }
  void now_readable(object& o) {
    o.now = state::resident;
    o.readable_since = step;
  }
  bool serves(uint64_t stored, uint64_t wanted) const {
    return wanted == 0 || (stored >= wanted && stored < wanted + alignment);
  }
  void leave(const object_key& key) {
    std::erase(order, key);
    if (objects[key].locks == 0)
      objects.erase(key);
    else
      objects[key].now = state::lost;
  }

  std::optional<uint64_t> lock(const object_key& key, uint64_t wanted) {
    auto* found = at(key);
    if (!found || found->now != state::resident)
      return std::nullopt;
    if (!serves(found->length, wanted)) {
      (found->length < wanted ? too_short : wrong_length) += 1;
      return std::nullopt;
    }
    ++found->locks;
    return found->length;
  }
  void unlock(const object_key& key) {
    auto* found = at(key);
    if (!found || found->locks == 0)
      return;
    if (--found->locks == 0 && found->now == state::lost)
      objects.erase(key);
  }
  void touch(const object_key& key) {
    if (readable(key))
      newest(key);
  }
  std::optional<uint64_t> gone(const object_key& key) {
    if (!readable(key))
      return std::nullopt;
    auto length = objects[key].length;
    leave(key);
    return length;
  }

  store_start begin_store(const object_key& key, uint64_t length) {
    auto* found = at(key);
    if (!found && objects.size() == limit) {
      ++full;
      return store_start::full;
    }
    auto result = store_start::write;
    if (found && found->now == state::resident) {
      newest(key);
      if (serves(found->length, length))
        return store_start::present;
      if (found->locks > 0)
        return store_start::busy;
      result = store_start::replace;
    } else if (found && found->now != state::lost) {
      return store_start::busy;
    }
    objects[key].now = state::writing;
    newest(key);
    return result;
  }
  store_end stored(const object_key& key, uint64_t length) {
    auto* found = at(key);
    if (!found || (found->now != state::writing && found->now != state::cancelled))
      return store_end::unknown;
    found->length = length;
    if (found->now == state::cancelled) {
      found->now = state::going;
      return store_end::erase;
    }
    now_readable(*found);
    return store_end::kept;
  }
  void store_failed(const object_key& key) {
    auto* found = at(key);
    if (found && (found->now == state::writing || found->now == state::cancelled))
      leave(key);
  }
  size_t learned(const object_key& key, uint64_t length) {
    if (at(key))
      return 0;
    if (objects.size() == limit) {
      ++full;
      return 0;
    }
    objects[key].length = length;
    now_readable(objects[key]);
    newest(key);
    return 1;
  }

  erase_start plan_erase(const object_key& key) {
    auto* found = at(key);
    if (!found || found->now == state::lost)
      return erase_start::absent;
    if (found->now == state::going)
      return erase_start::going;
    if (found->locks > 0)
      return erase_start::locked;
    auto resident = found->now == state::resident;
    found->now = resident ? state::going : state::cancelled;
    return resident ? erase_start::erase : erase_start::cancelled;
  }
  std::optional<uint64_t> erased(const object_key& key) {
    auto* found = at(key);
    if (!found || found->now != state::going)
      return std::nullopt;
    auto length = found->length;
    leave(key);
    return length;
  }
  void erase_failed(const object_key& key) {
    auto* found = at(key);
    if (found && found->now == state::going)
      now_readable(*found);
  }

  bool evictable(const object_key& key) const {
    const auto* found = readable(key);
    return evicts && found && found->locks == 0;
  }
  uint64_t plan_walk(uint64_t goal, size_t most, const std::optional<std::string>& salt,
                     std::vector<object_key>& victims) {
    uint64_t freed = 0;
    size_t taken = 0;
    for (const auto& key : order) {
      if (freed >= goal || taken == most)
        break;
      if (!evictable(key) || (salt && key.cache_salt != *salt))
        continue;
      freed += objects[key].length;
      ++taken;
      victims.push_back(key);
      objects[key].now = state::going;
    }
    return freed;
  }
  /// @param ids of the salts, which decide between equal ones
  std::vector<object_key>
  plan_evict(uint64_t goal, size_t most, const std::optional<std::string>& salt,
             const std::map<std::string, salt_id>& ids) {
    std::vector<object_key> victims;
    if (!isolated || salt) {
      plan_walk(goal, most, salt, victims);
      return victims;
    }
    std::map<std::pair<uint64_t, salt_id>, std::string> salts;
    for (const auto& [name, id] : ids)
      if (auto bytes = salt_bytes(name); bytes > 0)
        salts[{bytes, id}] = name;
    while (goal > 0 && most > 0 && !salts.empty()) {
      auto [largest, name] = *salts.rbegin();
      salts.erase(largest);
      auto level = salts.empty() ? 0 : salts.rbegin()->first.first;
      auto before = victims.size();
      auto freed = plan_walk(std::max<uint64_t>(1, std::min(goal, largest.first - level)), most,
                             name, victims);
      goal -= std::min(goal, freed);
      most -= victims.size() - before;
      if (freed > 0 && freed < largest.first)
        salts[{largest.first - freed, largest.second}] = name;
    }
    return victims;
  }

  template <class Holds>
  uint64_t count(const Holds& holds) const {
    return static_cast<uint64_t>(
      std::count_if(objects.begin(), objects.end(), [&](const auto& each) { return holds(each); }));
  }
  template <class Holds>
  uint64_t bytes(const Holds& holds) const {
    uint64_t result = 0;
    for (const auto& each : objects)
      result += holds(each) ? each.second.length : 0;
    return result;
  }
  static bool counted(const object& o) {
    return o.now == state::resident || o.now == state::going;
  }
  uint64_t salt_bytes(const std::string& salt) const {
    return bytes(
      [&](const auto& each) { return counted(each.second) && each.first.cache_salt == salt; });
  }
};

} // namespace actord::test
