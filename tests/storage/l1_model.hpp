// A naive twin of l1_index: maps and full scans, LRU, every object one alignment unit of the pool.
#pragma once

#include "storage/l1_index.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <tuple>

namespace actord::test {

struct l1_model {
  struct object {
    uint64_t length = 0;
    uint32_t readers = 0;
    bool linked = true;
    bool staged = true;
    std::optional<uint64_t> offset; // as the index reported it
  };
  using object_ptr = std::shared_ptr<object>;
  using place = std::pair<space_id, chunk_hash>;
  using key = std::tuple<space_id, chunk_hash, uint16_t, uint16_t>; // rank, group
  struct lease {
    time_ms deadline;
    uint32_t hit, world;
    std::map<std::tuple<uint16_t, uint32_t, uint16_t>, std::pair<object_ptr, uint32_t>> shares;
  };
  struct reservation {
    time_ms deadline;
    uint64_t tag;
    std::vector<std::pair<key, object_ptr>> objects;
  };
  struct wanted {
    uint32_t chunk;
    uint16_t group;
    uint64_t length;
    auto operator<=>(const wanted&) const = default;
  };

  uint64_t unit, units;
  time_ms write_ttl, read_ttl;
  std::map<key, object_ptr> resident;
  std::vector<place> order; // columns, oldest first
  std::map<uint64_t, lease> leases;
  std::map<uint64_t, std::vector<object_ptr>> claims;
  std::map<uint64_t, reservation> reservations;
  std::vector<chunk_change> changes;

  // -- small questions ----------------------------------------------------------------------

  static place place_of(const key& k) {
    return {std::get<0>(k), std::get<1>(k)};
  }
  bool column_resident(const place& p) const {
    return std::any_of(resident.begin(), resident.end(),
                       [&](const auto& each) { return place_of(each.first) == p; });
  }
  uint64_t column_units(const place& p) const {
    return static_cast<uint64_t>(
      std::count_if(resident.begin(), resident.end(),
                    [&](const auto& each) { return place_of(each.first) == p; }));
  }
  bool pinned(const place& p) const {
    for (const auto& [k, o] : resident)
      if (place_of(k) == p && o->readers > 0)
        return true;
    for (const auto& [id, r] : reservations)
      for (const auto& [k, o] : r.objects)
        if (o->linked && place_of(k) == p)
          return true;
    return false;
  }
  std::set<object_ptr> live() const {
    std::set<object_ptr> result;
    for (const auto& [k, o] : resident)
      result.insert(o);
    for (const auto& [id, l] : leases)
      for (const auto& [at, share] : l.shares)
        if (share.second > 0)
          result.insert(share.first);
    for (const auto& [id, objects] : claims)
      result.insert(objects.begin(), objects.end());
    for (const auto& [id, r] : reservations)
      for (const auto& [k, o] : r.objects)
        result.insert(o);
    return result;
  }
  uint64_t evictable_units() const {
    uint64_t result = 0;
    for (const auto& p : order)
      if (!pinned(p))
        result += column_units(p);
    return result;
  }

  // -- transitions --------------------------------------------------------------------------

  void unlink(const key& k) {
    auto p = place_of(k);
    resident.at(k)->linked = false;
    resident.erase(k);
    if (!column_resident(p)) {
      order.erase(std::find(order.begin(), order.end(), p));
      changes.push_back({p.first, p.second, false});
    }
  }
  void touch_column(const place& p) {
    auto at = std::find(order.begin(), order.end(), p);
    if (at != order.end())
      std::rotate(at, at + 1, order.end());
  }
  void touch(space_id space, std::span<const chunk_hash> chain) {
    for (auto hash = chain.rbegin(); hash != chain.rend(); ++hash)
      touch_column({space, *hash});
  }

  bool servable(space_id space, uint32_t world, std::span<const chunk_hash> chain, uint32_t hit,
                std::span<const group_layout> groups,
                std::vector<std::tuple<uint16_t, uint32_t, uint16_t>>* needed = nullptr) const {
    for (uint16_t g = 0; g < groups.size(); ++g) {
      if (groups[g].aux)
        continue;
      auto window = groups[g].window_chunks;
      for (uint32_t c = 0; c < hit; ++c) {
        if (window > 0 && c + static_cast<uint32_t>(window) < hit)
          continue;
        for (uint16_t r = 0; r < world; ++r) {
          auto at = resident.find({space, chain[c], r, g});
          if (at == resident.end() || at->second->length != groups[g].object_bytes)
            return false;
          if (needed)
            needed->push_back({g, c, r});
        }
      }
    }
    return true;
  }
  /// Returns the hit; `id` names the lease if there is one.
  uint32_t lookup(uint64_t id, space_id space, uint32_t world, std::span<const chunk_hash> chain,
                  std::span<const group_layout> groups, uint32_t shares, time_ms now) {
    auto all_aux = std::all_of(groups.begin(), groups.end(), [](auto& g) { return g.aux; });
    uint32_t hit = all_aux ? 0 : static_cast<uint32_t>(chain.size());
    while (hit > 0 && !servable(space, world, chain, hit, groups))
      --hit;
    if (hit == 0)
      return 0;
    std::vector<std::tuple<uint16_t, uint32_t, uint16_t>> needed;
    servable(space, world, chain, hit, groups, &needed);
    auto& l = leases[id] = {now + read_ttl, hit, world, {}};
    for (auto [g, c, r] : needed) {
      auto o = resident.at({space, chain[c], r, g});
      auto count = std::clamp<uint32_t>(shares, 1, 128);
      o->readers += count;
      l.shares[{g, c, r}] = {o, count};
    }
    touch(space, chain.first(hit));
    return hit;
  }

  /// The objects that a claim gets, chunk-major; empty optional when it is refused.
  std::optional<std::vector<std::pair<wanted, object_ptr>>>
  claim(uint64_t lease_id, uint16_t rank, uint32_t first, uint32_t end,
        std::span<const group_layout> groups, time_ms now) {
    auto at = leases.find(lease_id);
    if (at == leases.end() || now >= at->second.deadline || first > end)
      return std::nullopt;
    std::vector<std::pair<wanted, object_ptr>> result;
    for (auto c = first; c < end; ++c)
      for (uint16_t g = 0; g < groups.size(); ++g) {
        auto window = groups[g].window_chunks;
        if (groups[g].aux || (window > 0 && c + static_cast<uint32_t>(window) < end))
          continue;
        auto share = at->second.shares.find({g, c, rank});
        if (share == at->second.shares.end() || share->second.second == 0
            || share->second.first->length != groups[g].object_bytes)
          return std::nullopt;
        result.push_back({{c - first, g, groups[g].object_bytes}, share->second.first});
      }
    if (end > at->second.hit || rank >= at->second.world)
      return std::nullopt;
    for (const auto& [w, o] : result)
      --at->second.shares.at({w.group, w.chunk + first, rank}).second;
    drop_empty(lease_id);
    return result;
  }
  void drop_empty(uint64_t lease_id) {
    const auto& shares = leases.at(lease_id).shares;
    if (std::all_of(shares.begin(), shares.end(), [](auto& s) { return s.second.second == 0; }))
      leases.erase(lease_id);
  }
  void release(uint64_t lease_id, std::optional<uint16_t> rank, uint32_t first, uint32_t end,
               uint32_t shares) {
    auto at = leases.find(lease_id);
    if (at == leases.end())
      return;
    for (auto& [where, share] : at->second.shares) {
      auto [g, c, r] = where;
      if (c < first || c >= end || (rank && r != *rank))
        continue;
      auto dropped = std::min(shares, share.second);
      share.second -= dropped;
      share.first->readers -= dropped;
    }
    drop_empty(lease_id);
  }
  void close_lease(uint64_t id) {
    if (leases.contains(id))
      release(id, std::nullopt, 0, UINT32_MAX, UINT32_MAX);
  }
  void finish_claim(uint64_t id) {
    for (const auto& o : claims[id])
      --o->readers;
    claims.erase(id);
  }

  /// What a reservation gets; empty when there is nothing to write.
  std::optional<std::vector<std::pair<wanted, object_ptr>>>
  reserve(uint64_t id, space_id space, std::span<const chunk_hash> chain, uint16_t rank,
          std::span<const group_layout> groups, uint64_t tag, time_ms now,
          const l1_index::skip_object& skip) {
    expire(now);
    reservation fresh{now + write_ttl, tag, {}};
    std::vector<std::pair<wanted, object_ptr>> result;
    for (uint32_t c = 0; c < chain.size(); ++c)
      for (uint16_t g = 0; g < groups.size(); ++g) {
        key k{space, chain[c], rank, g};
        if ((skip && skip(c, g)) || written(k, tag, fresh))
          continue;
        auto at = resident.find(k);
        if (at != resident.end()) {
          if (at->second->length == groups[g].object_bytes || at->second->readers > 0)
            continue;
          unlink(k);
        }
        auto o = std::make_shared<object>(object{groups[g].object_bytes, 0, true, true, {}});
        fresh.objects.push_back({k, o});
        result.push_back({{c, g, groups[g].object_bytes}, o});
      }
    if (result.empty())
      return result;
    auto free = units - live().size();
    if (result.size() > free && !make_room(result.size() - free, space, chain))
      return std::nullopt;
    reservations[id] = fresh;
    return result;
  }
  bool written(const key& k, uint64_t tag, const reservation& fresh) const {
    auto stages = [&](const reservation& r) {
      return r.tag == tag && std::any_of(r.objects.begin(), r.objects.end(), [&](auto& each) {
               return each.first == k && each.second->linked;
             });
    };
    return stages(fresh) || std::any_of(reservations.begin(), reservations.end(), [&](auto& each) {
             return stages(each.second);
           });
  }
  bool make_room(uint64_t wanted_units, space_id space, std::span<const chunk_hash> chain) {
    std::vector<place> victims;
    uint64_t freed = 0;
    for (const auto& p : order) {
      auto own = p.first == space && std::find(chain.begin(), chain.end(), p.second) != chain.end();
      if (freed >= wanted_units || own || pinned(p))
        continue;
      victims.push_back(p);
      freed += column_units(p);
    }
    if (freed < wanted_units)
      return false;
    for (const auto& p : victims)
      evict_column(p);
    return true;
  }
  void evict_column(const place& p) {
    std::vector<key> keys;
    for (const auto& [k, o] : resident)
      if (place_of(k) == p)
        keys.push_back(k);
    for (const auto& k : keys)
      unlink(k);
  }
  uint64_t evict(uint64_t goal_bytes, size_t max_columns, std::optional<std::set<space_id>> only) {
    uint64_t freed = 0;
    for (const auto& p : std::vector<place>{order}) {
      if (freed * unit >= goal_bytes || max_columns == 0)
        break;
      if (pinned(p) || (only && !only->contains(p.first)))
        continue;
      freed += column_units(p);
      --max_columns;
      evict_column(p);
    }
    return freed * unit;
  }

  bool commit(uint64_t id, time_ms now) {
    auto at = reservations.find(id);
    if (at == reservations.end())
      return false;
    auto r = at->second;
    reservations.erase(at);
    auto linked = std::any_of(r.objects.begin(), r.objects.end(),
                              [](auto& each) { return each.second->linked; });
    if (now >= r.deadline || !linked)
      return false;
    std::vector<place> fresh;
    for (auto& [k, o] : r.objects) {
      if (!o->linked || resident.contains(k))
        continue;
      auto p = place_of(k);
      if (!column_resident(p)) {
        fresh.push_back(p);
        changes.push_back({p.first, p.second, true});
      }
      o->staged = false;
      resident[k] = o;
    }
    order.insert(order.end(), fresh.rbegin(), fresh.rend());
    return true;
  }
  void abort(uint64_t id) {
    reservations.erase(id);
  }
  void quarantine(uint64_t id) {
    if (auto at = reservations.find(id); at != reservations.end())
      for (auto& [k, o] : at->second.objects)
        o->linked = false;
  }

  time_ms expire(time_ms now) {
    auto next = never_ms;
    for (const auto& [id, l] : std::map{leases})
      if (l.deadline <= now)
        close_lease(id);
      else
        next = std::min(next, l.deadline);
    for (const auto& [id, r] : std::map{reservations})
      if (r.deadline <= now)
        abort(id);
      else
        next = std::min(next, r.deadline);
    return next;
  }
  void clear(bool force) {
    for (const auto& [k, o] : std::map{resident})
      if (force || o->readers == 0)
        unlink(k);
    if (force)
      for (const auto& [id, r] : reservations)
        quarantine(id);
  }
  l1_index::deletion erase(const key& k, bool force) {
    std::vector<object_ptr> staged;
    for (const auto& [id, r] : reservations)
      for (const auto& [other, o] : r.objects)
        if (other == k && o->linked)
          staged.push_back(o);
    auto at = resident.find(k);
    if (at == resident.end() && staged.empty())
      return l1_index::deletion::absent;
    if (!force && (!staged.empty() || at->second->readers > 0))
      return l1_index::deletion::locked;
    for (const auto& o : staged)
      o->linked = false;
    if (at != resident.end())
      unlink(k);
    return l1_index::deletion::deleted;
  }
};

} // namespace actord::test
