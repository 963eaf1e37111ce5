// Checkpoints taken in parts, while the index goes on changing.
#include "storage/raw_block_slots.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <map>
#include <random>
#include <set>
#include <string>

using namespace actord;
using namespace actord::test;

namespace {

using answer = raw_block_slots::answer;
using removal = raw_block_slots::removal;

raw_block_layout layout_of(uint64_t slots) {
  auto config = golden_config();
  auto made = make_raw_block_layout(config, config.meta_total_bytes + slots * config.slot_bytes);
  REQUIRE(made.layout);
  return *made.layout;
}

/// Stores and erases names at random and keeps a model beside.
struct churn {
  raw_block_slots slots{layout_of(40)};
  std::mt19937 random{7};
  std::map<std::string, uint64_t> model; // slots by name
  std::set<uint64_t> handed_out;         // since it was cleared
  std::set<std::string> erased;          // as well

  void step() {
    const auto name = std::to_string(random() % 60);
    if (random() % 2 == 0) {
      if (const auto got = slots.reserve(name, 100); got.result == answer::reserved) {
        handed_out.insert(got.slot);
        model[name] = got.slot;
        REQUIRE(slots.publish(name));
      }
    } else if (slots.erase(name) == removal::erased) {
      model.erase(name);
      erased.insert(name);
    }
  }
};

} // namespace

TEST_CASE("a checkpoint in parts lists what stayed, nothing that went, and guards its slots") {
  churn all;
  std::set<uint64_t> listed_before; // by the checkpoint that is on the device
  size_t seen_new = 0, seen_erased = 0;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 20; ++i)
      all.step();
    for (auto slot : all.handed_out)
      CHECK_FALSE(listed_before.contains(slot));
    all.handed_out.clear();
    const auto before = all.model;
    all.erased.clear();
    raw_block_slots::snapshot taken;
    all.slots.start_checkpoint();
    while (all.slots.add_to_checkpoint(taken, 1 + all.random() % 6))
      for (int i = 0; i < 3; ++i)
        all.step();
    const auto after = all.model;
    const auto erased = all.erased;
    seen_erased += taken.erased.size();
    raw_block_slots::drop_erased(taken);
    for (int i = 0; i < 5; ++i)
      all.step(); // while it is being written
    for (auto slot : all.handed_out)
      CHECK_FALSE(listed_before.contains(slot));
    all.handed_out.clear();
    std::map<std::string, uint64_t> listed;
    std::set<uint64_t> listed_now;
    for (const auto& entry : taken.entries) {
      listed[entry.name] = entry.slot;
      CHECK(listed_now.insert(entry.slot).second);
      CHECK_LT(entry.slot, taken.next_slot);
      REQUIRE(after.contains(entry.name));
      CHECK_EQ(after.at(entry.name), entry.slot);
      seen_new += !before.contains(entry.name);
    }
    for (const auto& [name, slot] : before)
      CHECK((erased.contains(name) || listed.contains(name)));
    if (round % 5 == 0) {
      all.slots.checkpoint_failed();
      listed_before.insert(listed_now.begin(), listed_now.end());
    } else {
      all.slots.checkpoint_written();
      listed_before = listed_now;
    }
  }
  CHECK_GT(seen_new, 50u);
  CHECK_GT(seen_erased, 50u);
}

TEST_CASE("a listing in parts tells every published entry once") {
  churn all;
  for (int i = 0; i < 200; ++i)
    all.step();
  all.slots.reserve("unpublished", 1);
  std::map<std::string, uint64_t> told;
  uint64_t from = 0;
  for (auto part = all.slots.list(from, 3); !part.empty(); part = all.slots.list(from, 3))
    for (const auto& entry : part)
      CHECK(told.emplace(entry.name, entry.slot).second);
  CHECK(told == all.model);
}
