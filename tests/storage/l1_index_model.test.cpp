#include "storage/l1_index.hpp"
#include "tests/storage/l1_model.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace actord;
using test::l1_model;

namespace {

constexpr uint64_t unit_bytes = 4096;
constexpr uint64_t pool_units = 48;

struct space_case {
  key_space name;
  std::vector<group_layout> groups;
};

/// Drives index and model with the same random calls and compares what can be observed.
class twin {
public:
  explicit twin(uint64_t seed)
    : random_{seed}, index_{{pool_units * unit_bytes, unit_bytes, 500, 300},
                            make_eviction_policy(eviction_kind::lru, 0)},
      model_{unit_bytes, pool_units, 500, 300, {}, {}, {}, {}, {}, {}} {
    index_.grow(pool_units * unit_bytes);
    index_.record_changes(true);
    cases_ = {{{"one", 1, ""}, {{-1, 100, false}}},
              {{"two", 2, ""}, {{-1, 100, false}, {2, 70, false}}},
              {{"two", 2, "salt"}, {{1, 100, false}, {-1, 4096, true}}}};
    for (const auto& each : cases_)
      spaces_.push_back(index_.intern(each.name));
    // Prompts that share heads: a tree of hashes.
    for (uint8_t prompt = 0; prompt < 6; ++prompt)
      for (uint8_t chunk = 0; chunk < 6; ++chunk)
        prompts_[prompt][chunk].bytes = {chunk, chunk < 3 ? uint8_t{0} : prompt, 7};
  }

  void step() {
    now_ += static_cast<time_ms>(below(8) == 0 ? below(200) : below(3));
    switch (below(16)) {
      case 0:
      case 1:
      case 2: return reserve();
      case 3:
      case 4:
      case 5: return lookup();
      case 6:
      case 7: return claim();
      case 8:
      case 9: return commit();
      case 10: return finish_claim();
      case 11: return release();
      case 12: return end_reservation();
      case 13: return evict();
      case 14: return rarely();
      default: return forget();
    }
  }

  void compare() {
    auto usage = index_.usage();
    REQUIRE_EQ(usage.used_bytes, model_.live().size() * unit_bytes);
    REQUIRE_EQ(usage.resident_objects, model_.resident.size());
    REQUIRE_EQ(usage.columns, model_.order.size());
    REQUIRE_EQ(usage.leases, model_.leases.size());
    REQUIRE_EQ(usage.claims, model_.claims.size());
    REQUIRE_EQ(usage.reservations, model_.reservations.size());
    REQUIRE_EQ(index_.evictable_bytes(), model_.evictable_units() * unit_bytes);
    uint64_t staged = 0, staging_bytes = 0, quarantined = 0, read = 0;
    for (const auto& [id, r] : model_.reservations) {
      uint64_t linked = 0;
      for (const auto& [k, o] : r.objects) {
        staging_bytes += o->length;
        linked += o->linked ? 1 : 0;
      }
      staged += linked; // what was quarantined is no longer on its way into the index
      quarantined += linked == 0 ? 1 : 0;
    }
    for (const auto& [k, o] : model_.resident)
      read += o->readers > 0 ? 1 : 0;
    REQUIRE_EQ(usage.staged_objects, staged);
    REQUIRE_EQ(usage.staging_bytes, staging_bytes);
    REQUIRE_EQ(usage.quarantined, quarantined);
    REQUIRE_EQ(usage.read_locked_objects, read);
    compare_salts();
    // The order in which one call changes chunks is defined for commits only.
    auto ours = index_.drain_changes();
    std::sort(ours.begin(), ours.end());
    std::sort(model_.changes.begin(), model_.changes.end());
    REQUIRE(ours == model_.changes);
    model_.changes.clear();
    REQUIRE(index_.consistent());
  }

  /// How often each outcome was seen: a walk that avoids the hard cases proves nothing.
  std::map<std::string, int> seen;

private:
  void compare_salts() {
    std::map<std::string, uint64_t> expected;
    for (const auto& [k, o] : model_.resident)
      expected[index_.space(std::get<0>(k)).cache_salt] += unit_bytes;
    std::map<std::string, uint64_t> ours;
    for (const auto& [salt, bytes] : index_.bytes_by_salt())
      ours[salt] = bytes;
    REQUIRE(ours == expected);
    std::map<std::string, uint64_t> expected_models, our_models;
    for (const auto& [k, o] : model_.resident)
      expected_models[index_.space(std::get<0>(k)).model_name] += unit_bytes;
    for (const auto& [model, bytes] : index_.bytes_by_model())
      our_models[model] = bytes;
    REQUIRE(our_models == expected_models);
  }

  uint64_t below(uint64_t bound) {
    return random_() % bound;
  }
  void choose_space() {
    which_ = below(cases_.size());
    space_ = spaces_[which_];
    world_ = cases_[which_].name.world_size;
    groups_ = cases_[which_].groups;
    if (below(12) == 0)
      groups_[0].object_bytes += 50; // the model was registered with another layout
    const auto& prompt = prompts_[below(6)];
    auto first = below(4) == 0 ? below(6) : 0;
    chain_.assign(prompt.begin() + static_cast<ptrdiff_t>(first), prompt.end());
    chain_.resize(1 + below(chain_.size()));
  }
  uint64_t any(const std::vector<uint64_t>& ids) {
    // Sometimes an id that is over, or never was.
    if (ids.empty() || below(20) == 0)
      return below(3) == 0 ? random_() : past_[below(past_.size())];
    return ids[below(ids.size())];
  }
  template <class Map>
  uint64_t any_of(const Map& map) {
    std::vector<uint64_t> ids;
    for (const auto& each : map)
      ids.push_back(each.first);
    return any(ids);
  }

  void reserve() {
    choose_space();
    if (below(10) == 0)
      chain_.push_back(chain_[below(chain_.size())]);
    auto rank = static_cast<uint16_t>(below(world_));
    auto tag = below(3);
    auto odd = below(2);
    l1_index::skip_object skip;
    if (below(4) == 0)
      skip = [odd](uint32_t chunk, uint16_t group) { return (chunk + group) % 2 == odd; };
    auto ours = index_.reserve(space_, chain_, rank, groups_, tag, now_, skip);
    auto columns = model_.order.size();
    auto expected
      = model_.reserve(ours.reservation, space_, chain_, rank, groups_, tag, now_, skip);
    using code = reserve_outcome::code;
    REQUIRE_EQ(ours.status == code::out_of_memory, !expected);
    ++seen[ours.status == code::ok ? "reserved" : expected ? "nothing to write" : "out of memory"];
    if (model_.order.size() < columns)
      ++seen["evicted for a reservation"];
    if (!expected)
      return;
    REQUIRE_EQ(ours.status == code::nothing_to_write, expected->empty());
    REQUIRE_EQ(ours.slots.size(), expected->size());
    for (size_t i = 0; i < expected->size(); ++i) {
      auto& [wanted, object] = (*expected)[i];
      CHECK_EQ(ours.slots[i].rank, rank);
      REQUIRE(
        (l1_model::wanted{ours.slots[i].chunk, ours.slots[i].group, ours.slots[i].length_bytes}
         == wanted));
      object->offset = ours.slots[i].offset_bytes;
    }
    note(ours.reservation);
    std::set<uint64_t> offsets;
    for (const auto& object : model_.live()) {
      REQUIRE_EQ(*object->offset % unit_bytes, 0);
      REQUIRE(offsets.insert(*object->offset).second); // nothing is handed out twice
    }
  }
  void lookup() {
    choose_space();
    auto shares = static_cast<uint32_t>(below(8) == 0 ? below(500) : 1 + below(3));
    auto ours = index_.lookup(space_, chain_, groups_, shares, now_);
    REQUIRE_EQ(ours.hit_chunks,
               model_.lookup(ours.lease, space_, world_, chain_, groups_, shares, now_));
    REQUIRE_EQ(ours.lease == 0, ours.hit_chunks == 0);
    ++seen[ours.hit_chunks == 0 ? "miss" : ours.hit_chunks < chain_.size() ? "part" : "hit"];
    note(ours.lease);
  }
  void claim() {
    auto id = any_of(model_.leases);
    choose_space();
    auto rank = static_cast<uint16_t>(below(3));
    auto first = static_cast<uint32_t>(below(3)), end = static_cast<uint32_t>(below(7));
    if (auto at = model_.leases.find(id); at != model_.leases.end() && below(4) != 0) {
      end = at->second.hit;
      first = below(2) == 0 ? 0 : static_cast<uint32_t>(below(end + 1));
    }
    auto ours = index_.claim(id, rank, first, end, groups_, now_);
    auto expected = model_.claim(id, rank, first, end, groups_, now_);
    REQUIRE_EQ(ours.has_value(), expected.has_value());
    ++seen[!ours ? "claim refused" : ours->slots.empty() ? "empty claim" : "claimed"];
    if (!ours)
      return;
    REQUIRE_EQ(ours->slots.size(), expected->size());
    REQUIRE_EQ(ours->claim == 0, expected->empty());
    std::vector<l1_model::object_ptr> objects;
    for (size_t i = 0; i < expected->size(); ++i) {
      const auto& [wanted, object] = (*expected)[i];
      REQUIRE(
        (ours->slots[i] == slot{wanted.chunk, wanted.group, rank, *object->offset, wanted.length}));
      objects.push_back(object);
    }
    if (ours->claim != 0)
      model_.claims[ours->claim] = objects;
    note(ours->claim);
  }
  void commit() {
    auto id = any_of(model_.reservations);
    auto done = index_.commit(id, now_);
    ++seen[done ? "committed" : "commit refused"];
    REQUIRE_EQ(done, model_.commit(id, now_));
  }
  void finish_claim() {
    auto id = any_of(model_.claims);
    index_.finish_claim(id);
    model_.finish_claim(id);
  }
  void release() {
    auto id = any_of(model_.leases);
    auto rank = below(2) == 0 ? std::nullopt : std::optional{static_cast<uint16_t>(below(2))};
    auto first = static_cast<uint32_t>(below(4)), end = static_cast<uint32_t>(below(9));
    auto shares = static_cast<uint32_t>(below(4));
    index_.release(id, rank, first, end, shares);
    model_.release(id, rank, first, end, shares);
  }
  void end_reservation() {
    auto id = any_of(model_.reservations);
    if (below(2) == 0) {
      index_.abort(id);
      model_.abort(id);
    } else {
      index_.quarantine(id);
      model_.quarantine(id);
    }
  }
  void evict() {
    auto goal = below(6) * unit_bytes;
    auto columns = below(5);
    std::optional<salt_id> salt;
    std::optional<std::set<space_id>> only;
    if (below(3) == 0) {
      salt = index_.find_salt("salt");
      only = {spaces_[2]};
    }
    auto freed = index_.evict(goal, columns, salt);
    ++seen[salt && freed > 0 ? "evicted of a salt" : freed > 0 ? "evicted" : "evicted nothing"];
    REQUIRE_EQ(freed, model_.evict(goal, columns, only));
  }
  void rarely() {
    choose_space();
    if (auto dice = below(24); dice < 2) {
      index_.clear(dice == 0);
      model_.clear(dice == 0);
    } else if (dice < 8) {
      index_.touch(space_, chain_);
      model_.touch(space_, chain_);
    } else {
      REQUIRE_EQ(index_.expire(now_), model_.expire(now_));
    }
  }
  void forget() {
    choose_space();
    if (below(2) == 0) {
      auto id = any_of(model_.leases);
      index_.close_lease(id);
      model_.close_lease(id);
      return;
    }
    auto rank = static_cast<uint16_t>(below(world_));
    auto group = static_cast<uint16_t>(below(groups_.size()));
    auto force = below(3) == 0;
    const auto& name = cases_[which_].name;
    object_key key{chain_.back(), name.model_name, pack_kv_rank(world_, rank), group,
                   name.cache_salt};
    auto done = index_.erase(key, force);
    using deletion = l1_index::deletion;
    ++seen[done == deletion::deleted ? "deleted" : done == deletion::locked ? "locked" : "absent"];
    REQUIRE_EQ(done, model_.erase({space_, chain_.back(), rank, group}, force));
  }
  void note(uint64_t id) {
    if (id != 0)
      past_.push_back(id);
  }

  std::mt19937_64 random_;
  l1_index index_;
  l1_model model_;
  time_ms now_ = 1000;
  std::vector<space_case> cases_;
  std::vector<space_id> spaces_;
  std::array<std::array<chunk_hash, 6>, 6> prompts_;
  std::vector<uint64_t> past_{0};
  // Of the current step.
  size_t which_ = 0;
  space_id space_ = 0;
  uint32_t world_ = 1;
  std::vector<group_layout> groups_;
  std::vector<chunk_hash> chain_;
};

} // namespace

TEST_CASE("random use of the index equals a naive model in everything observable") {
  std::map<std::string, int> seen;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    twin both{seed};
    for (int step = 0; step < 1500; ++step) {
      CAPTURE(step);
      both.step();
      both.compare();
    }
    for (const auto& [outcome, count] : both.seen)
      seen[outcome] += count;
  }
  CHECK_EQ(seen.size(), 18);
  for (const auto& each : seen) {
    CAPTURE(each.first);
    CHECK_GE(each.second, 50);
  }
}
