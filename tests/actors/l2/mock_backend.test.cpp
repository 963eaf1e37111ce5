// Memory that behaves like a slow store.
#include "actors/l2/mock_backend.hpp"

#include "storage/object_key.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/l2_stores.hpp"
#include "tests/fixtures/manual_timer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

using namespace actord;
using namespace actord::fixtures;
using namespace std::chrono_literals;

namespace {

using results = std::vector<l2_result>;
constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;

/// A mock whose time a test turns.
struct mock {
  explicit mock(uint64_t max_bytes = 1 << 20, double bytes_per_second = 1000,
                l2_time_limits limits = {})
    : backend({max_bytes, bytes_per_second}, limits, timer) {
  }
  l2_report run(l2_call what, const slots& objects) {
    const auto call = begin_call(backend, what, objects.batch());
    timer->run_out();
    return *call;
  }

  std::shared_ptr<manual_timer> timer = std::make_shared<manual_timer>();
  mock_backend backend;
};

} // namespace

TEST_CASE("what a mock stores comes back, and is gone once erased") {
  mock store;
  const std::vector objects{an_object(1, 100), an_object(2, 4096), an_object(3, 0)};
  const slots written{objects, 1}, read{objects, 2};
  CHECK(store.run(&l2_backend::probe, written).results == results(3, absent));
  const auto stored = store.run(&l2_backend::store, written);
  CHECK(stored.results == results(3, ok));
  CHECK(stored.stored_bytes == std::vector<uint64_t>{100, 4096, 0});
  CHECK(store.run(&l2_backend::probe, written).stored_bytes == stored.stored_bytes);
  CHECK(store.run(&l2_backend::load, read).results == results(3, ok));
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == written.bytes(i));
  CHECK(status_of(store.backend, "used_bytes") == "4196");
  CHECK(store.run(&l2_backend::erase, written).results == results(3, ok));
  CHECK(store.run(&l2_backend::erase, written).results == results(3, absent));
  CHECK(store.run(&l2_backend::load, read).results == results(3, absent));
  CHECK(status_of(store.backend, "used_bytes") == "0");
}

TEST_CASE("a call takes as long as its bytes need at the bandwidth") {
  mock store; // 1000 bytes a second
  const std::vector objects{an_object(1, 300), an_object(2, 200)};
  const slots written{objects, 1}, read{objects, 2};
  auto call = begin_call(store.backend, &l2_backend::store, written.batch());
  store.timer->advance(499ms);
  CHECK_FALSE(call);
  store.timer->advance(1ms);
  CHECK(call->results == results(2, ok));
  call = begin_call(store.backend, &l2_backend::load, read.batch());
  store.timer->advance(499ms);
  CHECK_FALSE(call);
  store.timer->advance(1ms);
  CHECK(call->results == results(2, ok));
  // What moves no bytes takes no time, but is never answered from within the call.
  for (auto what : {&l2_backend::store, &l2_backend::probe}) {
    call = begin_call(store.backend, what, written.batch());
    CHECK_FALSE(call);
    store.timer->advance(0ms);
    CHECK(call);
  }
}

TEST_CASE("a call that needs longer than its limit fails when that is over") {
  mock store{1 << 20, 1000, {.store_ms = 100, .load_ms = 100, .lookup_ms = 100}};
  const slots objects{{an_object(1, 101)}, 1}, fitting{{an_object(2, 100)}, 1};
  const auto call = begin_call(store.backend, &l2_backend::store, objects.batch());
  store.timer->advance(99ms);
  CHECK_FALSE(call);
  store.timer->advance(1ms);
  CHECK(call->results == results{l2_result::failed});
  CHECK(call->error.find("time limit") != std::string::npos);
  CHECK(store.run(&l2_backend::probe, objects).results == results{absent});
  CHECK(store.run(&l2_backend::store, fitting).results == results{ok});
}

TEST_CASE("what is there is ok and not stored again, what does not fit is refused") {
  mock store{1000};
  const slots first{{an_object(1, 600)}, 1}, again{{an_object(1, 600)}, 2};
  const slots large{{an_object(2, 1001)}, 1}, second{{an_object(3, 401)}, 1};
  const slots fitting{{an_object(4, 400)}, 1}, read{{an_object(1, 600)}, 3};
  CHECK(store.run(&l2_backend::store, first).stored_bytes[0] == 600);
  for (const auto* each : {&again, &large, &second}) {
    const auto report = store.run(&l2_backend::store, *each);
    CHECK(report.results == results{each == &again ? ok : l2_result::no_space});
    CHECK(report.stored_bytes[0] == 0);
  }
  CHECK(store.run(&l2_backend::store, fitting).stored_bytes[0] == 400);
  CHECK(store.run(&l2_backend::probe, second).results == results{absent});
  CHECK(store.run(&l2_backend::load, read).results == results{ok});
  CHECK(read.bytes(0) == first.bytes(0));
  CHECK(status_of(store.backend, "skipped") == "3");
  CHECK(store.backend.capacity_bytes() == 1000);
}

TEST_CASE("an object of another length is a miss, and replaced by a store") {
  mock store{1000};
  const slots half{{an_object(1, 300)}, 1}, whole{{an_object(1, 600)}, 2},
    read{{an_object(1, 600)}, 3};
  store.run(&l2_backend::store, half);
  CHECK(store.run(&l2_backend::load, read).results == results{wrong_length});
  CHECK(store.run(&l2_backend::store, whole).stored_bytes[0] == 600);
  CHECK(store.run(&l2_backend::load, read).results == results{ok});
  CHECK(read.bytes(0) == whole.bytes(0));
  CHECK(status_of(store.backend, "used_bytes") == "600");
}

TEST_CASE("a mock lists what it holds") {
  mock store{1 << 24, 1e9};
  std::map<std::string, uint64_t> held, found;
  std::vector<object_ref> objects;
  for (size_t i = 0; i < 2500; ++i) {
    objects.push_back(an_object(static_cast<uint8_t>(i), i % 7));
    objects.back().hash.bytes[1] = static_cast<uint8_t>(i / 256);
    held[to_hex(objects.back().hash)] = i % 7;
  }
  store.run(&l2_backend::store, slots{objects, 1});
  size_t pages = 0, ends = 0;
  store.backend.scan([&](std::vector<l2_found> page) {
    REQUIRE(ends == 0);
    ++pages;
    ends += page.empty() ? 1 : 0;
    for (const auto& each : page)
      found[to_hex(each.object.hash)] = each.object.length_bytes;
  });
  store.timer->run_out();
  CHECK(found == held);
  CHECK(ends == 1);
  CHECK(pages == 4);
}

TEST_CASE("a mock agrees with a map, whatever is asked of it") {
  std::mt19937 random{7};
  constexpr uint64_t room = 4000;
  mock store{room, 1e6};
  std::map<uint8_t, std::string> model;
  const auto used = [&] {
    uint64_t sum = 0;
    for (const auto& [number, bytes] : model)
      sum += bytes.size();
    return sum;
  };
  for (uint32_t step = 0; step < 3000; ++step) {
    const auto number = static_cast<uint8_t>(random() % 12);
    const slots one{{an_object(number, 300 + 100 * (random() % 8 == 0) + number)}, step};
    const auto length = one.batch()->front().object.length_bytes;
    const auto there = model.find(number);
    switch (random() % 4) {
      case 0: {
        const auto report = store.run(&l2_backend::store, one);
        const auto freed = there == model.end() ? 0 : there->second.size();
        const bool writes = freed != length && used() - freed + length <= room;
        CHECK(report.stored_bytes[0] == (writes ? length : 0));
        if (writes)
          model[number] = one.bytes(0);
        break;
      }
      case 1: {
        const auto result = store.run(&l2_backend::load, one).results[0];
        if (there == model.end())
          CHECK(result == absent);
        else if (there->second.size() != length)
          CHECK(result == wrong_length);
        else
          CHECK((result == ok && one.bytes(0) == there->second));
        break;
      }
      case 2:
        CHECK(store.run(&l2_backend::probe, one).stored_bytes[0]
              == (there == model.end() ? 0 : there->second.size()));
        break;
      default:
        CHECK(store.run(&l2_backend::erase, one).results[0]
              == (there == model.end() ? absent : ok));
        model.erase(number);
    }
    REQUIRE(status_of(store.backend, "used_bytes") == std::to_string(used()));
  }
}

TEST_CASE("a timer's thread calls everything once, the rest when it ends") {
  std::atomic<uint64_t> called = 0;
  constexpr uint64_t threads = 4, each = 500;
  {
    timer_thread timer;
    std::vector<std::thread> callers;
    for (uint64_t i = 0; i < threads; ++i)
      callers.emplace_back([&] {
        for (uint64_t k = 0; k < each; ++k)
          timer.at(timer.now() + (k % 2 == 0 ? 0h : 1h), [&called] { ++called; });
      });
    for (auto& caller : callers)
      caller.join();
  }
  CHECK(called == threads * each);
}

TEST_CASE("what a timer calls may end it") {
  auto timer = std::make_shared<timer_thread>();
  const auto last = std::make_shared<std::shared_ptr<timer_thread>>();
  const auto handed = std::make_shared<std::promise<void>>();
  const auto over = std::make_shared<std::promise<void>>();
  timer->at(timer->now(), [last, handed, over] {
    handed->get_future().get();
    last->reset();
    over->set_value();
  });
  *last = std::move(timer);
  handed->set_value();
  over->get_future().get();
}

TEST_CASE("calls of a mock are all answered, by its thread or when it ends") {
  std::atomic<uint64_t> answered = 0;
  const std::vector objects{an_object(1, 5000), an_object(2, 5000)};
  std::vector<slots> memory;
  for (uint32_t i = 0; i < 200; ++i)
    memory.emplace_back(objects, i);
  {
    mock_backend store{{1 << 20, 1e4}, {}, std::make_shared<timer_thread>()};
    for (size_t i = 0; i < memory.size(); ++i)
      (store
       .*(i % 3 == 0   ? &l2_backend::store
          : i % 3 == 1 ? &l2_backend::load
                       : &l2_backend::probe))(memory[i].batch(), [&, i](l2_report report) {
        REQUIRE(report.results.size() == 2);
        // Whoever has an answer owns the memory again.
        std::ranges::fill_n((*memory[i].batch())[0].bytes, 5000, std::byte{0x5A});
        ++answered;
      });
  }
  CHECK(answered == memory.size());
  for (const auto& each : memory)
    CHECK(each.bytes(0) == std::string(5000, 0x5A));
}
