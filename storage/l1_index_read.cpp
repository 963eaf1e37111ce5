// The readers' part of l1_index: lookups, leases, claims.
#include "storage/l1_index.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

namespace {

constexpr uint32_t max_shares = 128;

uint16_t rank_of(const object_ref& object) {
  return static_cast<uint16_t>(object.kv_rank >> 16 & 0xff);
}

bool serves(const cell& candidate, uint32_t world, std::span<const group_layout> groups) {
  return !candidate.staged() && candidate.rank < world && candidate.group < groups.size()
         && !groups[candidate.group].aux
         && candidate.length == groups[candidate.group].object_bytes;
}

} // namespace

/// Length of the longest servable prefix; leaves the columns of the chunks seen
/// in columns_.
uint32_t l1_index::fold(uint32_t space, std::span<const chunk_hash> chain,
                        std::span<const group_layout> groups) {
  auto world = store_.spaces().space(space).world_size;
  size_t rows = 0, full_rows = 0;
  for (const auto& group : groups) {
    rows += group.aux ? 0 : world;
    full_rows += group.aux || group.window_chunks > 0 ? 0 : world;
  }
  columns_.clear();
  if (rows == 0)
    return 0;
  // Per row the length of the run of present chunks that ends at the chunk last
  // seen present.
  runs_.assign(groups.size() * world, 0);
  last_seen_.assign(groups.size() * world, nil);
  uint32_t hit = 0;
  for (uint32_t chunk = 0; chunk < chain.size(); ++chunk) {
    auto column = store_.find(space, chain[chunk]);
    columns_.push_back(column);
    size_t satisfied = 0, full_satisfied = 0;
    if (column != nil)
      store_.for_cells(column, [&](cell_id, const cell& candidate) {
        if (!serves(candidate, world, groups))
          return;
        auto row = size_t{candidate.group} * world + candidate.rank;
        runs_[row] = last_seen_[row] + 1 == chunk ? runs_[row] + 1 : 1;
        last_seen_[row] = chunk;
        auto window = groups[candidate.group].window_chunks;
        auto needed = chunk + 1 - window_start(window, 0, chunk + 1);
        satisfied += runs_[row] >= needed ? 1 : 0;
        full_satisfied += window <= 0 && runs_[row] >= needed ? 1 : 0;
      });
    if (satisfied == rows)
      hit = chunk + 1;
    // A row that needs every chunk never recovers.
    if (full_satisfied < full_rows)
      break;
  }
  return hit;
}

/// Takes the shares of columns_[0, hit).
lease l1_index::hold(uint32_t hit, uint32_t world, std::span<const group_layout> groups,
                     uint32_t shares) {
  lease result;
  result.hit_chunks = hit;
  result.world_size = world;
  size_t size = 0;
  for (const auto& group : groups) {
    auto start = group.aux ? hit : window_start(group.window_chunks, 0, hit);
    result.groups.push_back({start, size});
    size += size_t{hit - start} * world;
  }
  result.shares.resize(size);
  for (uint32_t chunk = 0; chunk < hit; ++chunk) {
    if (columns_[chunk] == nil)
      continue;
    store_.for_cells(columns_[chunk], [&](cell_id id, const cell& candidate) {
      if (!serves(candidate, world, groups) || chunk < result.groups[candidate.group].start)
        return;
      result.at(result.groups[candidate.group], chunk, candidate.rank) = {id, shares};
      result.remaining += shares;
      store_.hold(id, shares);
    });
  }
  assert(result.remaining == size * shares);
  return result;
}

lookup_outcome
l1_index::lookup(space_id space, std::span<const chunk_hash> chain,
                 std::span<const group_layout> groups, uint32_t shares, time_ms now) {
  auto at = store_.spaces().slot_of(space);
  if (at == nil)
    return {};
  auto hit = fold(at, chain, groups);
  if (hit == 0)
    return {};
  auto held = hold(hit, store_.spaces().space(at).world_size, groups,
                   std::clamp<uint32_t>(shares, 1, max_shares));
  held.deadline_ms = now + config_.read_ttl_ms;
  for (auto chunk = hit; chunk > 0; --chunk)
    if (columns_[chunk - 1] != nil)
      store_.touch(columns_[chunk - 1]);
  auto id = leases_.create({});
  auto* kept = leases_.find(id);
  if (kept == nullptr) {
    // The table of leases is full (2^24): without one the hit could go at any
    // time.
    for (const auto& share : held.shares)
      store_.drop(share.cell, share.count);
    return {};
  }
  const auto objects = held.shares.size();
  *kept = std::move(held);
  return {id, hit, objects};
}

/// Lists in claimed_ the shares that the claim takes; false when one is
/// missing.
bool l1_index::collect_claim(lease& from, uint16_t rank, uint32_t first, uint32_t end,
                             std::span<const group_layout> groups) {
  claimed_.clear();
  for (auto chunk = first; chunk < end; ++chunk) {
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].aux || chunk < window_start(groups[g].window_chunks, first, end))
        continue;
      if (g >= from.groups.size() || chunk < from.groups[g].start)
        return false;
      auto& share = from.at(from.groups[g], chunk, rank);
      const auto& object = store_.at_cell(share.cell);
      if (share.count == 0 || object.length != groups[g].object_bytes)
        return false;
      claimed_.push_back(
        {&share, {chunk - first, object.group, rank, object.offset, object.length}});
    }
  }
  return true;
}

std::optional<claim_outcome>
l1_index::claim(lease_id id, uint16_t rank, uint32_t first, uint32_t end,
                std::span<const group_layout> groups, time_ms now) {
  auto* from = leases_.find(id);
  if (from == nullptr || now >= from->deadline_ms || rank >= from->world_size || first > end
      || end > from->hit_chunks || !collect_claim(*from, rank, first, end, groups))
    return std::nullopt;
  claim_outcome result;
  if (claimed_.empty())
    return result;
  claim_state taken;
  for (auto& [share, where] : claimed_) {
    --share->count;
    taken.cells.push_back(share->cell);
    if (auto column = store_.at_cell(share->cell).column; column != nil)
      taken.salt = store_.spaces().salt(store_.at_column(column).space);
    result.slots.push_back(where);
  }
  from->remaining -= claimed_.size();
  result.claim = claims_.create(std::move(taken));
  if (result.claim == 0) {
    for (auto& [share, where] : claimed_)
      ++share->count;
    from->remaining += claimed_.size();
    return std::nullopt;
  }
  if (from->remaining == 0)
    leases_.erase(id);
  return result;
}

void l1_index::release(lease_id id, std::optional<uint16_t> rank, uint32_t first, uint32_t end,
                       uint32_t shares) {
  auto* from = leases_.find(id);
  if (from == nullptr || (rank && *rank >= from->world_size))
    return;
  uint32_t first_rank = rank ? *rank : 0;
  auto last_rank = rank ? first_rank + 1 : from->world_size;
  for (const auto& group : from->groups)
    for (auto chunk = std::max(first, group.start); chunk < std::min(end, from->hit_chunks);
         ++chunk)
      for (auto r = first_rank; r < last_rank; ++r) {
        auto& share = from->at(group, chunk, r);
        auto dropped = std::min(shares, share.count);
        if (dropped == 0)
          continue;
        share.count -= dropped;
        from->remaining -= dropped;
        store_.drop(share.cell, dropped);
      }
  if (from->remaining == 0)
    leases_.erase(id);
}

void l1_index::close_lease(lease_id id) {
  auto* closed = leases_.find(id);
  if (closed == nullptr)
    return;
  for (const auto& share : closed->shares)
    if (share.count > 0)
      store_.drop(share.cell, share.count);
  leases_.erase(id);
}

void l1_index::finish_claim(claim_id id) {
  auto* finished = claims_.find(id);
  if (finished == nullptr)
    return;
  const bool read = !finished->pinned;
  if (read)
    store_.note(finished->salt, &salt_traffic::read, finished->cells.size());
  for (auto cell_read : finished->cells) {
    if (const auto& object = store_.at_cell(cell_read); read && object.column != nil)
      store_.record_object(object_change::kind::read, object);
    store_.drop(cell_read, 1);
  }
  claims_.erase(id);
}

hold_outcome l1_index::hold_present(space_id space, std::span<const chunk_hash> chain,
                                    std::span<const group_layout> groups, time_ms now) {
  hold_outcome result;
  auto at = store_.spaces().slot_of(space);
  if (at == nil)
    return result;
  const auto world = store_.spaces().space(at).world_size;
  const auto chunks = static_cast<uint32_t>(chain.size());
  result.world_size = world;
  result.present.assign(groups.size() * world * chunks, false);
  lease held;
  held.hit_chunks = chunks;
  held.world_size = world;
  held.deadline_ms = now + config_.read_ttl_ms;
  for (size_t g = 0; g < groups.size(); ++g)
    held.groups.push_back({0, g * world * chunks});
  held.shares.resize(groups.size() * world * chunks);
  for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
    const auto column = store_.find(at, chain[chunk]);
    if (column == nil)
      continue;
    store_.for_cells(column, [&](cell_id id, const cell& candidate) {
      if (!serves(candidate, world, groups))
        return;
      result.present[(size_t{candidate.group} * world + candidate.rank) * chunks + chunk] = true;
      held.at(held.groups[candidate.group], chunk, candidate.rank) = {id, 1};
      ++held.remaining;
      store_.hold(id, 1);
    });
  }
  if (held.remaining == 0)
    return result;
  result.lease = leases_.create({});
  if (auto* kept = leases_.find(result.lease)) {
    *kept = std::move(held);
    return result;
  }
  for (const auto& share : held.shares)
    if (share.count > 0)
      store_.drop(share.cell, share.count);
  result.present.assign(result.present.size(), false);
  return result;
}

cell_id l1_index::resident(const object_ref& object) const {
  const auto space = find(*object.space);
  const auto column = space ? store_.find(store_.spaces().slot_of(*space), object.hash) : nil;
  return column == nil ? nil
                       : store_.resident_cell(column, rank_of(object),
                                              static_cast<uint16_t>(object.object_group_id));
}

pin_outcome l1_index::pin(std::span<const object_ref> objects) {
  pin_outcome result;
  claim_state pinned;
  pinned.pinned = true;
  for (const auto& object : objects) {
    const auto id = resident(object);
    result.slots.push_back({static_cast<uint32_t>(result.slots.size()),
                            static_cast<uint16_t>(object.object_group_id), rank_of(object), 0, 0});
    if (id == nil)
      continue;
    result.slots.back().offset_bytes = store_.at_cell(id).offset;
    result.slots.back().length_bytes = store_.at_cell(id).length;
    store_.hold(id, 1);
    pinned.cells.push_back(id);
  }
  if (pinned.cells.empty())
    return result;
  auto cells = pinned.cells;
  result.claim = claims_.create(std::move(pinned));
  if (result.claim != 0)
    return result;
  for (auto id : cells)
    store_.drop(id, 1);
  for (auto& each : result.slots)
    each.length_bytes = 0;
  return result;
}

} // namespace actord
