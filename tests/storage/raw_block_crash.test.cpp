// Random life of a store: the index agrees with a naive model, and a crash at any point loses
// objects but never mixes them up.
#include "storage/raw_block_slots.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace actord;
using namespace actord::test;

namespace {

using answer = raw_block_slots::answer;
using removal = raw_block_slots::removal;
using listing = std::map<std::string, uint64_t>; // name -> slot

/// What a device holds, as far as the index is concerned.
struct device {
  std::map<uint64_t, std::string> intact; // slot -> name whose whole object lies there
  listing written;                        // the newest checkpoint known to be whole
  std::vector<listing> possible;          // others that a crash might leave as the newest
  uint64_t written_next_slot = 0;

  /// Whether all objects that a checkpoint lists are whole.
  bool holds(const listing& checkpoint) const {
    return std::all_of(checkpoint.begin(), checkpoint.end(), [this](const auto& entry) {
      const auto at = intact.find(entry.second);
      return at != intact.end() && at->second == entry.first;
    });
  }
};

/// The same rules, naively: one list per kind of slot.
struct model {
  listing published, in_flight;
  std::set<std::string> cancelled;
  std::vector<uint64_t> free;                         // the last goes first
  std::vector<std::pair<uint64_t, uint64_t>> waiting; // slot, checkpoints begun when it was freed
  std::set<std::string> listed;                       // names that a checkpoint may list
  uint64_t next_slot = 0, begun = 0, max_slots = 0;

  void release(const std::string& name, uint64_t slot) {
    if (listed.erase(name) > 0)
      waiting.emplace_back(slot, begun);
    else
      free.push_back(slot);
  }
};

class life {
public:
  explicit life(uint64_t seed) : random_{seed} {
    model_.max_slots = layout_.max_slots();
  }

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3: reserve(); break;
      case 4:
      case 5:
      case 6: end_write(); break;
      case 7:
      case 8: erase(); break;
      case 9: begin_checkpoint(); break;
      case 10: end_checkpoint(); break;
      default:
        if (random_() % 10 == 0)
          crash();
    }
    compare();
  }

  size_t reused() const {
    return reused_;
  }
  size_t crashes() const {
    return crashes_;
  }

private:
  std::string any_name() {
    return "name" + std::to_string(random_() % 14);
  }

  void reserve() {
    const auto name = any_name();
    const auto got = slots_.reserve(name, 1 + random_() % 12288);
    if (model_.published.contains(name)) {
      CHECK_EQ(got.result, answer::stored);
    } else if (model_.in_flight.contains(name)) {
      CHECK_EQ(got.result, answer::busy);
    } else if (model_.free.empty() && model_.next_slot == model_.max_slots) {
      CHECK_EQ(got.result, answer::full);
    } else {
      REQUIRE_EQ(got.result, answer::reserved);
      auto expected = model_.next_slot;
      if (model_.free.empty()) {
        ++model_.next_slot;
      } else {
        expected = model_.free.back();
        model_.free.pop_back();
        ++reused_;
      }
      REQUIRE_EQ(got.slot, expected);
      model_.in_flight[name] = got.slot;
      device_.intact.erase(got.slot); // the first byte of the write may be down already
    }
  }

  void end_write() {
    if (model_.in_flight.empty())
      return;
    auto at = std::next(model_.in_flight.begin(),
                        static_cast<ptrdiff_t>(random_() % model_.in_flight.size()));
    const auto [name, slot] = *at;
    const bool cancelled = model_.cancelled.erase(name) > 0;
    model_.in_flight.erase(at);
    if (random_() % 5 == 0) {
      slots_.abandon(name);
      model_.free.push_back(slot);
      return;
    }
    device_.intact[slot] = name;
    CHECK_EQ(slots_.publish(name), !cancelled);
    if (cancelled)
      model_.free.push_back(slot);
    else
      model_.published[name] = slot;
  }

  void erase() {
    const auto name = any_name();
    const auto got = slots_.erase(name);
    if (const auto at = model_.published.find(name); at != model_.published.end()) {
      CHECK_EQ(got, removal::erased);
      model_.release(name, at->second);
      model_.published.erase(at);
    } else if (model_.in_flight.contains(name) && model_.cancelled.insert(name).second) {
      CHECK_EQ(got, removal::cancelled);
    } else {
      CHECK_EQ(got, removal::absent);
    }
  }

  void begin_checkpoint() {
    if (checkpointing_)
      return;
    checkpointing_ = true;
    const auto snapshot = slots_.begin_checkpoint();
    listing entries;
    for (const auto& entry : snapshot.entries)
      entries[entry.name] = entry.slot;
    CHECK(entries == model_.published);
    CHECK_EQ(snapshot.next_slot, model_.next_slot);
    device_.possible.push_back(entries);
    snapshot_next_slot_ = snapshot.next_slot;
    for (const auto& [name, slot] : entries)
      model_.listed.insert(name);
    ++model_.begun;
  }

  void end_checkpoint() {
    if (!checkpointing_)
      return;
    checkpointing_ = false;
    if (random_() % 3 == 0) {
      slots_.checkpoint_failed(); // and may be on the device all the same
      return;
    }
    slots_.checkpoint_written();
    device_.written = device_.possible.back();
    device_.written_next_slot = snapshot_next_slot_;
    device_.possible.clear();
    auto& waiting = model_.waiting;
    while (!waiting.empty() && waiting.front().second < model_.begun) {
      model_.free.push_back(waiting.front().first);
      waiting.erase(waiting.begin());
    }
  }

  /// Starts again with the last checkpoint known to be whole, or with one that might be.
  void crash() {
    ++crashes_;
    if (!device_.possible.empty() && random_() % 2 == 0) {
      device_.written = device_.possible[random_() % device_.possible.size()];
      device_.written_next_slot = layout_.max_slots();
    }
    device_.possible.clear();
    checkpointing_ = false;
    checkpoint_result loaded;
    loaded.next_slot = device_.written_next_slot;
    for (const auto& [name, slot] : device_.written)
      loaded.entries.push_back({name, slot, 1, ""});
    slots_ = raw_block_slots{layout_};
    CHECK_EQ(slots_.load(loaded), 0);
    model_ = {};
    model_.max_slots = layout_.max_slots();
    model_.next_slot = loaded.next_slot;
    model_.published = device_.written;
    std::set<uint64_t> used;
    for (const auto& [name, slot] : device_.written) {
      model_.listed.insert(name);
      used.insert(slot);
    }
    for (uint64_t slot = 0; slot < loaded.next_slot; ++slot)
      if (!used.contains(slot))
        model_.free.push_back(slot);
  }

  void compare() {
    REQUIRE(device_.holds(device_.written));
    for (const auto& possible : device_.possible)
      REQUIRE(device_.holds(possible));
    REQUIRE(device_.holds(model_.published));
    CHECK_EQ(slots_.size(), model_.published.size());
    CHECK_EQ(slots_.in_flight(), model_.in_flight.size());
    CHECK_EQ(slots_.free_slots(), model_.free.size());
    CHECK_EQ(slots_.quarantined(), model_.waiting.size());
    CHECK_EQ(slots_.next_slot(), model_.next_slot);
    for (const auto& [name, slot] : model_.published)
      CHECK_EQ(slots_.find(name)->slot, slot);
    for (const auto& [name, slot] : model_.in_flight)
      CHECK_FALSE(slots_.find(name));
    if (!slots_.dirty())
      CHECK(device_.written == model_.published);
  }

  std::mt19937_64 random_;
  raw_block_layout layout_ = golden_layout();
  raw_block_slots slots_{layout_};
  model model_;
  device device_;
  bool checkpointing_ = false;
  uint64_t snapshot_next_slot_ = 0;
  size_t reused_ = 0, crashes_ = 0;
};

} // namespace

TEST_CASE("no slot of an entry that a crash may bring back is handed out again") {
  size_t reused = 0, crashes = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    life one{seed};
    for (int i = 0; i < 1'500; ++i)
      one.step();
    reused += one.reused();
    crashes += one.crashes();
  }
  CHECK_GT(reused, 1'000);
  CHECK_GT(crashes, 300);
}
