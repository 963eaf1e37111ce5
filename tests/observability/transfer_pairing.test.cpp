#include "observability/transfer_pairing.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

using namespace actord;

TEST_CASE("a transfer is paired by its key, else by session and device") {
  transfer_pairing pairing;
  pairing.start("r#0", "r", "cuda:0", 902);
  pairing.start("r#1", "r", "cuda:0", 903);
  CHECK_EQ(pairing.end("r#0", "r", "cuda:0", 10'000'000'000, 902.5), 20);
  CHECK_EQ(pairing.end("r#1", "r", "cuda:0", 3'000'000'000, 903.25), 12);
  CHECK_FALSE(pairing.end("r#1", "r", "cuda:0", 3'000'000'000, 903.5));
  pairing.start("", "r", "cuda:0", 1);
  pairing.start("", "r", "cuda:1", 2);
  CHECK_EQ(pairing.end("", "r", "cuda:0", 2'000'000'000, 3), 1);
  CHECK_EQ(pairing.pending(), 1);
}

TEST_CASE("a transfer without bytes or time has no throughput and is done") {
  transfer_pairing pairing;
  for (auto [bytes, end] : {std::pair{0, 2.0}, {-5, 2.0}, {5, 1.0}, {5, 0.5}}) {
    pairing.start("k", "", "", 1);
    CHECK_FALSE(pairing.end("k", "", "", bytes, end));
    CHECK_EQ(pairing.pending(), 0);
  }
}

TEST_CASE("a task moves what its completion says, else what was submitted") {
  task_pairing stores;
  stores.start(0, 1, 4'000'000'000, 800);
  CHECK_EQ(stores.end(0, 1, 4'000'000'000, 802), 2);
  stores.start(0, 2, 1000, 803);
  CHECK_FALSE(stores.end(0, 2, 0, 804));
  stores.start(7, 0, 3'000'000'000, 811);
  CHECK_FALSE(stores.end(0, 7, std::nullopt, 813));
  CHECK_EQ(stores.end(7, 0, std::nullopt, 813), 1.5);
}

TEST_CASE("a phase takes milliseconds and knows its worker") {
  phase_pairing phases;
  phases.start(0, "req-9", std::nullopt, 1300);
  phases.start(0, "req-9", 0, 1300.5);
  phases.start(1, "req-9", 0, 1300.5);
  CHECK_EQ(phases.end(0, "req-9", std::nullopt, 1300.125), 125);
  CHECK_EQ(phases.end(0, "req-9", 0, 1300.5), 0);
  CHECK_FALSE(phases.end(1, "req-9", 0, 1300.25));
  CHECK_EQ(phases.pending(), 0);
}

TEST_CASE("pending starts are bounded, the oldest leaves and it is said") {
  phase_pairing phases;
  for (size_t i = 0; i < max_pending_phases; ++i)
    CHECK_FALSE(phases.start(0, std::to_string(i), {}, 0));
  CHECK_FALSE(phases.start(0, "0", {}, 0)); // renewed: no longer the oldest
  CHECK(phases.start(0, "new", {}, 0));
  CHECK_FALSE(phases.end(0, "1", {}, 1));
  CHECK(phases.end(0, "0", {}, 1));
  transfer_pairing transfers;
  for (size_t i = 0; i <= max_pending_transfers; ++i)
    transfers.start(std::to_string(i), "", "", 0);
  CHECK_EQ(transfers.pending(), max_pending_transfers);
  CHECK_FALSE(transfers.end("0", "", "", 1, 1));
}

TEST_CASE("a bounded table does what a simple list does") {
  std::mt19937_64 random(7);
  bounded_table<int, int> table(8);
  std::deque<std::pair<int, int>> model;
  for (int step = 0; step < 20000; ++step) {
    int key = static_cast<int>(random() % 12);
    auto at = std::find_if(model.begin(), model.end(), [&](auto& e) { return e.first == key; });
    if (random() % 3 != 0) {
      if (at != model.end())
        model.erase(at);
      bool full = model.size() == 8;
      if (full)
        model.pop_front();
      model.emplace_back(key, step);
      REQUIRE_EQ(table.put(key, step), full);
    } else {
      auto taken = table.take(key);
      REQUIRE_EQ(taken.has_value(), at != model.end());
      if (taken) {
        REQUIRE_EQ(*taken, at->second);
        model.erase(at);
      }
    }
    REQUIRE_EQ(table.size(), model.size());
    if (!model.empty())
      REQUIRE_EQ(*table.oldest(), model.front().first);
  }
  table.erase_if([](int key, int) { return key % 2 == 0; });
  for (auto [key, value] : model)
    CHECK_EQ(table.find(key) != nullptr, key % 2 != 0);
}
