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

/// Stores a name at once; returns its slot.
uint64_t store(raw_block_slots& slots, std::string_view name) {
  const auto got = slots.reserve(name, 100);
  REQUIRE_EQ(got.result, answer::reserved);
  REQUIRE(slots.publish(name));
  return got.slot;
}

void write_checkpoint(raw_block_slots& slots) {
  slots.begin_checkpoint();
  slots.checkpoint_written();
}

checkpoint_result listing(uint64_t next_slot, std::vector<checkpoint_entry> entries) {
  return {"", next_slot, std::move(entries), 0};
}

std::vector<uint64_t> slots_given(raw_block_slots& slots) {
  std::vector<uint64_t> result;
  for (;;) {
    const auto name = "fresh" + std::to_string(result.size());
    const auto got = slots.reserve(name, 1);
    if (got.result != answer::reserved)
      return result;
    result.push_back(got.slot);
  }
}

using numbers = std::vector<uint64_t>;

} // namespace

TEST_CASE("slots never used go in ascending order until the device is full") {
  raw_block_slots slots{golden_layout()};
  CHECK(slots_given(slots) == numbers{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK_EQ(slots.reserve("one more", 1).result, answer::full);
  CHECK_EQ(slots.next_slot(), 8);
  CHECK_EQ(slots.in_flight(), 8);
  CHECK_EQ(slots.size(), 0);
}

TEST_CASE("a name is found between its publication and its removal") {
  raw_block_slots slots{golden_layout()};
  CHECK_FALSE(slots.find("a"));
  CHECK_EQ(slots.reserve("a", 12288).result, answer::reserved);
  CHECK_FALSE(slots.find("a"));
  CHECK_EQ(slots.reserve("a", 1).result, answer::busy);
  CHECK(slots.publish("a"));
  CHECK_EQ(slots.find("a")->payload_bytes, 12288);
  CHECK_EQ(slots.reserve("a", 1).result, answer::stored);
  CHECK_EQ(slots.erase("a"), removal::erased);
  CHECK_FALSE(slots.find("a"));
  CHECK_EQ(slots.erase("a"), removal::absent);
}

TEST_CASE("sizes that no slot holds are refused") {
  raw_block_slots slots{golden_layout()};
  for (uint64_t size : {uint64_t{0}, uint64_t{12289}, UINT64_MAX})
    CHECK_EQ(slots.reserve("a", size).result, answer::wrong_size);
  CHECK_EQ(slots.reserve("a", 1).result, answer::reserved);
}

TEST_CASE("a name erased while it is written frees its slot when the write ends") {
  raw_block_slots slots{golden_layout()};
  for (bool succeeds : {true, false}) {
    slots.reserve("a", 1);
    CHECK_EQ(slots.erase("a"), removal::cancelled);
    CHECK_EQ(slots.erase("a"), removal::absent);
    CHECK_EQ(slots.reserve("a", 1).result, answer::busy);
    CHECK_EQ(slots.free_slots(), 0);
    if (succeeds)
      CHECK_FALSE(slots.publish("a"));
    else
      slots.abandon("a");
    CHECK_EQ(slots.free_slots(), 1);
    CHECK_EQ(slots.reserve("a", 1).slot, 0);
    slots.abandon("a");
  }
  CHECK_FALSE(slots.dirty());
}

TEST_CASE("the slot freed last goes first") {
  raw_block_slots slots{golden_layout()};
  for (const char* name : {"0", "1", "2", "3"})
    store(slots, name);
  for (const char* name : {"2", "0", "1"})
    slots.erase(name); // no checkpoint has seen them
  CHECK_EQ(slots.free_slots(), 3);
  CHECK(slots_given(slots) == numbers{1, 0, 2, 4, 5, 6, 7});
}

TEST_CASE("a slot that a checkpoint lists waits for one that does not") {
  raw_block_slots slots{golden_layout()};
  store(slots, "a");
  CHECK(slots.dirty());
  write_checkpoint(slots);
  CHECK_FALSE(slots.dirty());
  slots.erase("a");
  CHECK(slots.dirty());
  CHECK_EQ(slots.quarantined(), 1);
  CHECK_EQ(store(slots, "b"), 1);
  write_checkpoint(slots);
  CHECK_EQ(slots.quarantined(), 0);
  CHECK_EQ(store(slots, "c"), 0);
}

TEST_CASE("a slot freed while a checkpoint that lists it is written waits for the next") {
  raw_block_slots slots{golden_layout()};
  store(slots, "a");
  CHECK_EQ(slots.begin_checkpoint().entries.size(), 1);
  slots.erase("a");
  slots.checkpoint_written();
  CHECK(slots.dirty());
  CHECK_EQ(slots.quarantined(), 1);
  write_checkpoint(slots);
  CHECK_EQ(slots.quarantined(), 0);
}

TEST_CASE("a checkpoint that may not have been written frees nothing and protects what it lists") {
  raw_block_slots slots{golden_layout()};
  store(slots, "a");
  write_checkpoint(slots);
  slots.erase("a");
  store(slots, "b");
  slots.begin_checkpoint();
  slots.checkpoint_failed();
  CHECK(slots.dirty());
  CHECK_EQ(slots.quarantined(), 1);
  slots.erase("b");
  CHECK_EQ(slots.quarantined(), 2);
  write_checkpoint(slots);
  CHECK_EQ(slots.quarantined(), 0);
  CHECK(slots_given(slots) == numbers{1, 0, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("after a load the highest free slot goes first and the checkpoint's own are taken") {
  raw_block_slots slots{golden_layout()};
  CHECK_EQ(slots.load(listing(6, {{"b", 4, 7, ""}, {"a", 1, 9, ""}})), 0);
  CHECK_FALSE(slots.dirty());
  CHECK_EQ(slots.find("a")->slot, 1);
  CHECK_EQ(slots.find("b")->payload_bytes, 7);
  CHECK_EQ(slots.free_slots(), 4);
  CHECK(slots_given(slots) == numbers{5, 3, 2, 0, 6, 7});
}

TEST_CASE("an entry beyond the next slot keeps its slot") {
  raw_block_slots slots{golden_layout()};
  CHECK_EQ(slots.load(listing(1, {{"a", 5, 9, ""}})), 0);
  CHECK_EQ(slots.next_slot(), 6);
  CHECK(slots_given(slots) == numbers{4, 3, 2, 1, 0, 6, 7});
}

TEST_CASE("entries that claim one slot are dropped, and it waits for the next checkpoint") {
  raw_block_slots slots{golden_layout()};
  CHECK_EQ(slots.load(listing(3, {{"a", 1, 9, ""}, {"b", 2, 9, ""}, {"c", 1, 9, ""}})), 2);
  CHECK(slots.dirty());
  CHECK_FALSE(slots.find("a"));
  CHECK_FALSE(slots.find("c"));
  CHECK_EQ(slots.find("b")->slot, 2);
  CHECK_EQ(slots.quarantined(), 1);
  CHECK_EQ(store(slots, "d"), 0);
  CHECK_EQ(store(slots, "e"), 3);
  write_checkpoint(slots);
  CHECK_EQ(store(slots, "f"), 1);
}

TEST_CASE("millions of free slots take no memory") {
  auto config = golden_config();
  const auto huge = *make_raw_block_layout(config, uint64_t{1} << 60).layout;
  raw_block_slots slots{huge};
  slots.load(listing(huge.max_slots(), {{"a", huge.max_slots() - 2, 9, ""}}));
  CHECK_EQ(slots.free_slots(), huge.max_slots() - 1);
  CHECK_EQ(store(slots, "b"), huge.max_slots() - 1);
  CHECK_EQ(store(slots, "c"), huge.max_slots() - 3);
}

TEST_CASE("a snapshot holds what is published, by slot, and goes back to the peer as it came") {
  raw_block_slots slots{golden_layout()};
  auto entries = golden_entries(0);
  std::rotate(entries.begin(), entries.begin() + 1, entries.end());
  slots.load(listing(3, entries));
  slots.reserve("in flight", 1);
  const auto snapshot = slots.begin_checkpoint();
  CHECK_EQ(snapshot.next_slot, 4);
  CHECK(snapshot.entries == golden_entries(0));
}

TEST_CASE("the index never outgrows a checkpoint") {
  auto config = golden_config();
  config.meta_total_bytes = 4 * 4096; // checkpoints of 4096 bytes
  const auto layout = *make_raw_block_layout(config, uint64_t{100} << 20).layout;
  raw_block_slots slots{layout};
  std::string name(85, 'n');
  size_t stored = 0;
  for (;; ++stored) {
    name.replace(0, 8, std::to_string(10'000'000 + stored));
    const auto got = slots.reserve(name, 12288);
    if (got.result != answer::reserved) {
      CHECK_EQ(got.result, answer::index_full);
      break;
    }
    slots.publish(name);
  }
  CHECK_GT(stored, 15);
  CHECK_LT(stored, 25);
  const auto all = slots.begin_checkpoint();
  const auto text = encode_checkpoint(layout, all.next_slot, all.entries);
  CHECK_GT(text.size(), 4096 - 250);
  slots.checkpoint_written();
  slots.erase(all.entries[3].name);
  CHECK_EQ(slots.reserve(name, 12288).result, answer::reserved);
  // A checkpoint of a larger container is cut down to what can be written again.
  raw_block_slots other{layout};
  auto too_many = decode_checkpoint(layout, test::as_bytes(text));
  REQUIRE_EQ(too_many.entries.size(), stored);
  for (uint64_t i = 0; i < 5; ++i)
    too_many.entries.push_back({std::string(90, static_cast<char>('a' + i)), 500 + i, 1, ""});
  CHECK_GE(other.load(too_many), 4);
  const auto kept = other.begin_checkpoint();
  CHECK_NE(encode_checkpoint(layout, kept.next_slot, kept.entries), "");
}
