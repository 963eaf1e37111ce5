#include "storage/l1_index.hpp"

#include <algorithm>
#include <cassert>
#include <unordered_map>

namespace actord {

namespace {

l1_index::config rounded(l1_index::config cfg) {
  cfg.capacity_bytes -= cfg.capacity_bytes % cfg.alignment_bytes;
  return cfg;
}

} // namespace

l1_index::l1_index(const config& cfg, std::unique_ptr<eviction_policy> policy)
  : config_{rounded(cfg)}, store_{config_.capacity_bytes, config_.alignment_bytes,
                                  std::move(policy)} {
}

l1_index::~l1_index() = default;

void l1_index::grow(uint64_t bytes) {
  assert(bytes <= config_.capacity_bytes - store_.pool().total_bytes());
  store_.pool().grow(bytes);
}

space_id l1_index::intern(const key_space& space) {
  return store_.spaces().intern(space);
}

std::optional<space_id> l1_index::find(const key_space& space) const {
  return store_.spaces().find(space);
}

const key_space& l1_index::space(space_id id) const {
  auto at = store_.spaces().slot_of(id);
  assert(at != nil);
  return store_.spaces().space(at);
}

time_ms l1_index::expire(time_ms now) {
  auto next = never_ms;
  while (auto id = leases_.oldest()) {
    auto deadline = leases_.find(id)->deadline_ms;
    if (deadline > now) {
      next = std::min(next, deadline);
      break;
    }
    close_lease(id);
  }
  for (auto id = reservations_.oldest(); id != 0;) {
    const auto following = reservations_.after(id);
    const auto& reservation = *reservations_.find(id);
    if (!reservation.loading && reservation.deadline > now) {
      next = std::min(next, reservation.deadline);
      break;
    }
    if (!reservation.loading)
      end_reservation(id);
    id = following;
  }
  return next;
}

void l1_index::touch(space_id space, std::span<const chunk_hash> chain) {
  auto at = store_.spaces().slot_of(space);
  if (at == nil)
    return;
  for (auto hash = chain.rbegin(); hash != chain.rend(); ++hash)
    if (auto column = store_.find(at, *hash); column != nil)
      store_.touch(column);
}

uint64_t l1_index::evict(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt) {
  return store_.evict(goal_bytes, max_columns, salt);
}

void l1_index::clear(bool force) {
  store_.for_columns([&](column_id column) {
    store_.for_cells(column, [&](cell_id id, const cell& present) {
      if (force || (!present.staged() && present.readers == 0))
        detach(id);
    });
  });
}

l1_index::deletion l1_index::erase(const object_key& key, bool force) {
  auto world = key.kv_rank >> 24;
  auto rank = key.kv_rank >> 16 & 0xff;
  auto id = rank < world && key.kv_rank == pack_kv_rank(world, rank)
              ? find({key.model_name, world, key.cache_salt})
              : std::nullopt;
  if (!id || key.object_group_id > UINT16_MAX)
    return deletion::absent;
  auto column = store_.find(store_.spaces().slot_of(*id), key.hash);
  if (column == nil)
    return deletion::absent;
  std::vector<cell_id> found;
  bool locked = false;
  store_.for_cells(column, [&](cell_id present_id, const cell& present) {
    if (present.rank != rank || present.group != key.object_group_id)
      return;
    found.push_back(present_id);
    locked |= present.staged() || present.readers > 0;
  });
  if (found.empty())
    return deletion::absent;
  if (locked && !force)
    return deletion::locked;
  for (auto present : found)
    detach(present);
  return deletion::deleted;
}

l1_usage l1_index::usage() const {
  const auto& totals = store_.totals();
  l1_usage result;
  result.used_bytes = store_.pool().used_bytes();
  result.total_bytes = store_.pool().total_bytes();
  result.configured_bytes = config_.capacity_bytes;
  result.staging_bytes = totals.staging_bytes;
  result.index_bytes = store_.table_bytes();
  result.resident_objects = totals.resident;
  result.staged_objects = totals.staged - detached_cells_;
  result.read_locked_objects = totals.read;
  result.temporary_objects = totals.temporary;
  result.dirty_objects = totals.dirty;
  result.columns = totals.columns;
  result.leases = leases_.size();
  result.claims = claims_.size();
  result.reservations = reservations_.size();
  result.quarantined = detached_;
  return result;
}

std::vector<std::pair<std::string, uint64_t>> l1_index::bytes_by_salt() const {
  std::vector<std::pair<std::string, uint64_t>> result;
  for (const auto& [id, salt] : store_.spaces().salts())
    if (salt.bytes > 0)
      result.emplace_back(salt.name, salt.bytes);
  return result;
}

uint64_t l1_index::bytes_of(const std::string& salt) const {
  const auto id = store_.spaces().find_salt(salt);
  const auto known = id ? store_.spaces().salts().find(*id) : store_.spaces().salts().end();
  return known == store_.spaces().salts().end() ? 0 : known->second.bytes;
}

std::optional<salt_id> l1_index::find_salt(const std::string& salt) const {
  return store_.spaces().find_salt(salt);
}

void l1_index::record_changes(bool on) {
  store_.record_changes(on);
}

void l1_index::record_traffic(bool on) {
  store_.record_traffic(on);
}

std::vector<salt_traffic> l1_index::drain_traffic() {
  return store_.drain_traffic();
}

void l1_index::record_objects(bool on) {
  store_.record_objects(on);
}

std::vector<object_change> l1_index::drain_objects() {
  return store_.drain_objects();
}

std::optional<std::string> l1_index::salt_name(salt_id id) {
  auto* entry = store_.spaces().find_salt(id);
  return entry ? std::optional{entry->name} : std::nullopt;
}

std::vector<chunk_change> l1_index::drain_changes() {
  return store_.drain_changes();
}

bool l1_index::consistent() const {
  std::unordered_map<cell_id, uint64_t> shares;
  uint64_t staged = 0, detached = 0;
  bool holds = store_.consistent();
  leases_.for_each([&](uint32_t, const lease& each) {
    uint64_t remaining = 0;
    for (const auto& share : each.shares) {
      remaining += share.count;
      if (share.count > 0)
        shares[share.cell] += share.count;
    }
    holds &= remaining == each.remaining && remaining > 0;
  });
  claims_.for_each([&](uint32_t, const claim_state& each) {
    for (auto id : each.cells)
      ++shares[id];
  });
  reservations_.for_each([&](uint32_t slot, const reservation_state& each) {
    uint32_t linked = 0;
    for (auto id : each.cells) {
      linked += store_.at_cell(id).column != nil ? 1 : 0;
      holds &= store_.at_cell(id).reservation == slot;
    }
    staged += each.cells.size();
    holds &= linked == each.linked;
    detached += linked == 0 ? 1 : 0;
  });
  uint64_t orphans = 0, read = 0;
  for (const auto& [id, count] : shares) {
    holds &= store_.at_cell(id).readers == count;
    (store_.at_cell(id).column == nil ? orphans : read) += 1;
  }
  const auto& totals = store_.totals();
  return holds && staged == totals.staged && detached == detached_ && read == totals.read
         && store_.cells_in_use() == totals.resident + totals.staged + orphans;
}

} // namespace actord
