#include "runtime/bounded_inbox.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using actord::runtime::bounded_inbox;

TEST_CASE("an inbox takes what fits, drops and counts the rest, and has room again after a take") {
  bounded_inbox<int> uut{3};
  CHECK_EQ(uut.push(1), 1u);
  CHECK_EQ(uut.push(2), 2u);
  CHECK_EQ(uut.push(3), 3u);
  CHECK_EQ(uut.push(4), 0u);
  CHECK_EQ(uut.push(5), 0u);
  CHECK_EQ(uut.counts().waiting, 3u);
  CHECK_EQ(uut.take_all(), (std::vector<int>{1, 2, 3}));
  CHECK_EQ(uut.push(6), 1u);
  CHECK_EQ(uut.take_all(), (std::vector<int>{6}));
  CHECK(uut.take_all().empty());
  CHECK_EQ(uut.counts().admitted, 4u);
  CHECK_EQ(uut.counts().dropped, 2u);
  CHECK_EQ(uut.counts().waiting, 0u);
}

TEST_CASE("a closed inbox drops everything and keeps what it has") {
  bounded_inbox<int> uut{3};
  uut.push(1);
  uut.close();
  CHECK_EQ(uut.push(2), 0u);
  CHECK_EQ(uut.counts().dropped, 1u);
  CHECK_EQ(uut.take_all(), (std::vector<int>{1}));
}

TEST_CASE("what nobody takes is freed with the inbox") {
  auto value = std::make_shared<int>(1);
  {
    bounded_inbox<std::shared_ptr<int>> uut{2};
    uut.push(value);
    CHECK_EQ(value.use_count(), 2);
  }
  CHECK_EQ(value.use_count(), 1);
}

TEST_CASE(
  "many producers: admitted and dropped add up, the bound holds, each one's order is kept") {
  constexpr uint64_t producers = 3, each = 30'000, capacity = 64;
  struct item {
    uint64_t producer, number;
  };
  bounded_inbox<item> uut{capacity};
  std::atomic<uint64_t> running = producers;
  std::vector<std::thread> threads;
  for (uint64_t p = 0; p < producers; ++p)
    threads.emplace_back([&uut, &running, p] {
      for (uint64_t n = 1; n <= each; ++n)
        uut.push({p, n});
      --running;
    });
  std::vector<uint64_t> last(producers);
  uint64_t taken = 0;
  bool in_order = true, bounded = true;
  for (bool more = true; more;) {
    more = running > 0;
    const auto batch = uut.take_all();
    bounded &= batch.size() <= capacity;
    taken += batch.size();
    for (const auto& got : batch) {
      in_order &= got.number > last[got.producer];
      last[got.producer] = got.number;
    }
  }
  for (auto& one : threads)
    one.join();
  taken += uut.take_all().size();
  const auto counts = uut.counts();
  CHECK(in_order);
  CHECK(bounded);
  CHECK_EQ(counts.admitted + counts.dropped, producers * each);
  CHECK_EQ(counts.admitted, taken);
  CHECK_EQ(counts.waiting, 0u);
}
