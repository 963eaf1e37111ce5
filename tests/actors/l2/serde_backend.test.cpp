// A serde between L1 and a store.
#include "actors/l2/serde_backend.hpp"

#include "actors/l2/fault_backend.hpp"
#include "actors/l2/mock_backend.hpp"
#include "storage/serde/checksum.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/l2_stores.hpp"
#include "tests/fixtures/serde_stores.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <random>

using namespace actord;
using namespace actord::fixtures;
using namespace std::chrono_literals;

namespace {

using results = std::vector<l2_result>;
constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;
constexpr auto corrupt = l2_result::corrupt;
constexpr auto failed = l2_result::failed;

} // namespace

TEST_CASE("what is stored through a serde comes back, and lies encoded in the store") {
  under_serde store{aesgcm()};
  const std::vector objects{an_object(1, 10'000), an_object(2, 4096), an_object(3, 1),
                            an_object(4, 0)};
  const slots written{objects, 1}, read{objects, 2};
  CHECK(call(*store.serde, &l2_backend::probe, written).results == results(4, absent));
  const auto stored = call(*store.serde, &l2_backend::store, written);
  CHECK(stored.results == results(4, ok));
  CHECK(stored.error.empty());
  CHECK(stored.stored_bytes == std::vector<uint64_t>{10'029, 4125, 30, 29});
  CHECK(call(*store.serde, &l2_backend::load, read).results == results(4, ok));
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == written.bytes(i));
  // In the store: a frame under the object's own name.
  const slots raw{{an_object(2, 4125)}, 3};
  REQUIRE(call(*store.inner, &l2_backend::load, raw).results == results{ok});
  CHECK(raw.bytes(0)[0] == 1);
  CHECK(raw.bytes(0).find(written.bytes(1).substr(0, 16)) == std::string::npos);
  const auto lane = store.same->open_lane();
  std::vector<std::byte> plain(4096);
  const auto key = to_key(objects[1]);
  CHECK(lane->decode({key, "", 4096}, {(*raw.batch())[0].bytes, 4125}, plain) == serde_fault::none);
  CHECK(std::equal(plain.begin(), plain.end(), (*written.batch())[1].bytes));
  CHECK(call(*store.serde, &l2_backend::erase, written).results == results(4, ok));
  CHECK(call(*store.serde, &l2_backend::load, read).results == results(4, absent));
}

TEST_CASE("callers hear the lengths that objects have in the store") {
  under_serde store{fp8()};
  const std::vector objects{an_object(1, 1000), an_object(2, 64)};
  const slots written{objects, 1};
  CHECK(call(*store.serde, &l2_backend::store, written).stored_bytes
        == std::vector<uint64_t>{500, 32});
  const auto probed = call(*store.serde, &l2_backend::probe, written);
  CHECK(probed.results == results(2, ok));
  std::map<std::string, uint64_t> found;
  auto over = std::make_shared<std::promise<void>>();
  store.serde->scan([&, over](std::vector<l2_found> page) {
    for (const auto& each : page)
      found[to_hex(each.object.hash)] = each.object.length_bytes;
    if (page.empty())
      over->set_value();
  });
  over->get_future().get();
  for (size_t i = 0; i < objects.size(); ++i) {
    CHECK(probed.stored_bytes[i] == store.serde->stored_length_bytes(objects[i]));
    CHECK(found.at(to_hex(objects[i].hash)) == store.serde->stored_length_bytes(objects[i]));
  }
  CHECK(store.serde->capacity_bytes() == store.inner->capacity_bytes());
  CHECK(status_of(*store.serde, "serde") == "fp8");
  CHECK(status_of(*store.serde, "used_bytes") == "532");
}

TEST_CASE("fp8 keeps what an 8-bit float can say") {
  under_serde store{fp8()};
  const slots written{{an_object(1, 4)}, 1}, read{{an_object(1, 4)}, 2};
  const uint16_t values[2] = {0x3F80, 0xC040}; // 1 and -3 as bfloat16
  std::memcpy((*written.batch())[0].bytes, values, sizeof values);
  REQUIRE(call(*store.serde, &l2_backend::store, written).results == results{ok});
  REQUIRE(call(*store.serde, &l2_backend::load, read).results == results{ok});
  CHECK(read.bytes(0) == written.bytes(0));
}

TEST_CASE("what the serde has no form for is left out, the rest of its call is not") {
  under_serde store{fp8(), {.staging_bytes = 64 << 10}};
  // Odd length, a model of unknown element type, and more than the staging memory.
  const std::vector objects{an_object(1, 100), an_object(2, 101),
                            an_object(3, 100, a_space("org/other")), an_object(4, 400'000),
                            an_object(5, 100)};
  const results expected{ok, wrong_length, wrong_length, wrong_length, ok};
  const slots written{objects, 1}, read{objects, 2};
  const auto stored = call(*store.serde, &l2_backend::store, written);
  CHECK(stored.results == expected);
  CHECK(stored.error.find(to_hex(objects[1].hash)) != std::string::npos);
  CHECK(call(*store.serde, &l2_backend::load, read).results == expected);
  CHECK(call(*store.serde, &l2_backend::probe, read).results
        == results{ok, absent, absent, absent, ok});
  CHECK(store.serde->stored_length_bytes(objects[2]) == 0);
  CHECK(status_of(*store.serde, "objects") == "2");
}

TEST_CASE("a frame that does not open is corrupt, one of another length is not, others load") {
  under_serde store{aesgcm()};
  const auto objects = many(5, 300);
  const slots written{objects, 1}, read{objects, 2};
  call(*store.serde, &l2_backend::store, written);
  const auto replace = [&](size_t index, uint64_t length, size_t changed_byte) {
    auto stored = objects[index];
    stored.length_bytes = 329;
    const slots frame{{stored}, 3};
    REQUIRE(call(*store.inner, &l2_backend::load, frame).results == results{ok});
    call(*store.inner, &l2_backend::erase, frame);
    (*frame.batch())[0].bytes[changed_byte] ^= std::byte{1};
    auto shorter = (*frame.batch())[0];
    shorter.object.length_bytes = length;
    auto told = std::make_shared<std::promise<void>>();
    store.inner->store(std::make_shared<const std::vector<l2_item>>(std::vector{shorter}),
                       [told](l2_report) { told->set_value(); });
    told->get_future().get();
  };
  replace(0, 329, 0);   // version
  replace(1, 329, 100); // text
  replace(3, 200, 0);   // cut off
  const auto loaded = call(*store.serde, &l2_backend::load, read);
  CHECK(loaded.results == results{corrupt, corrupt, ok, wrong_length, ok});
  CHECK(loaded.error.find("cannot load object") == 0);
  CHECK(read.bytes(2) == written.bytes(2));
  CHECK(read.bytes(4) == written.bytes(4));
  CHECK(read.bytes(1) == std::string(300, 0)); // nothing that was not verified
  CHECK(status_of(*store.serde, "serde_corrupt") == "2");
  // No frame had been opened before them: it may be our key that is wrong.
  CHECK(status_of(*store.serde, "objects") == "5");
  CHECK(call(*store.serde, &l2_backend::load, read).results
        == results{corrupt, corrupt, ok, wrong_length, ok});
  CHECK(status_of(*store.serde, "objects") == "3");
  CHECK(call(*store.serde, &l2_backend::store, written).results == results(5, ok));
  CHECK(call(*store.serde, &l2_backend::load, read).results == results(5, ok));
  CHECK(read.bytes(1) == written.bytes(1));
}

TEST_CASE("an object whose checksum is wrong is removed at once") {
  under_serde store{[] { return serde_made{std::make_unique<checksum_serde>(), {}}; }};
  const auto objects = many(3, 300);
  const slots written{objects, 1}, read{objects, 2};
  REQUIRE(call(*store.serde, &l2_backend::store, written).results == results(3, ok));
  auto first = objects[0], second = objects[1];
  first.length_bytes = second.length_bytes = 300 + checksum_serde::overhead_bytes;
  const slots frame{{second}, 3};
  REQUIRE(call(*store.inner, &l2_backend::load, frame).results == results{ok});
  // The second's bytes under the first's name.
  const l2_item exchanged{first, (*frame.batch())[0].bytes, 0};
  call(*store.inner, &l2_backend::erase, written);
  auto told = std::make_shared<std::promise<void>>();
  store.inner->store(std::make_shared<const std::vector<l2_item>>(std::vector{exchanged}),
                     [told](l2_report) { told->set_value(); });
  told->get_future().get();
  CHECK(call(*store.serde, &l2_backend::load, read).results == results{corrupt, absent, absent});
  CHECK(status_of(*store.serde, "objects") == "0");
  // Of any length: asked for before it is erased.
  REQUIRE(call(*store.serde, &l2_backend::store, written).results == results(3, ok));
  auto any = objects;
  for (auto& each : any)
    each.length_bytes = 0;
  CHECK(call(*store.serde, &l2_backend::probe, slots{any, 1}).results == results(3, ok));
}

TEST_CASE("a serde agrees with a map, whatever is asked of it") {
  for (const auto& kind : {aesgcm(), fp8()}) {
    under_serde store{kind, {.staging_bytes = 16 << 10, .workers = 2}};
    std::mt19937 random{5};
    std::map<uint8_t, std::string> model;
    for (uint32_t step = 0; step < 400; ++step) {
      std::vector<object_ref> objects;
      for (uint32_t i = 0, count = random() % 6, first = random(); i < count; ++i)
        objects.push_back(an_object(static_cast<uint8_t>((first + i) % 20), 2 * (1 + i) * 700));
      const slots batch{objects, step};
      for (const auto& item : *batch.batch()) // numbers that 8-bit floats can say
        for (uint64_t i = 0; i < item.object.length_bytes; i += 2) {
          item.bytes[i] = std::byte{0x80};
          item.bytes[i + 1] = std::byte{0x3F} ^ (item.bytes[i + 1] & std::byte{0x80});
        }
      switch (random() % 4) {
        case 0:
          CHECK(call(*store.serde, &l2_backend::store, batch).results
                == results(objects.size(), ok));
          for (size_t i = 0; i < objects.size(); ++i)
            if (auto& held = model[objects[i].hash.bytes[0]];
                held.size() != objects[i].length_bytes)
              held = batch.bytes(i);
          break;
        case 1:
          call(*store.serde, &l2_backend::erase, batch);
          for (const auto& object : objects)
            model.erase(object.hash.bytes[0]);
          break;
        default: {
          const auto loaded = call(*store.serde, &l2_backend::load, batch);
          for (size_t i = 0; i < objects.size(); ++i) {
            const auto held = model.find(objects[i].hash.bytes[0]);
            const auto expected = held == model.end()                              ? absent
                                  : held->second.size() != objects[i].length_bytes ? wrong_length
                                                                                   : ok;
            CHECK(loaded.results[i] == expected);
            if (expected == ok)
              CHECK(batch.bytes(i) == held->second);
          }
        }
      }
    }
    CHECK(status_of(*store.serde, "serde_staging_used_bytes") == "0");
    CHECK(std::stoull(status_of(*store.serde, "serde_staging_peak_bytes")) <= 16 << 10);
  }
}

TEST_CASE("objects wait in line for staging memory, and never have more than there is") {
  over_held store{{.staging_bytes = 32 << 10}}; // four objects of 8 KiB
  const auto objects = many(6, 8000);
  const slots first{objects, 1}, second{objects, 2};
  auto one = store.ask(&l2_backend::load, first.batch());
  auto two = store.ask(&l2_backend::load, second.batch());
  size_t seen = 0;
  while (seen < 12) {
    auto held = store.inner->wait_for_call();
    seen += held.batch->size();
    CHECK(std::stoull(status_of(*store.serde, "serde_staging_used_bytes")) <= 32 << 10);
    for (const auto& item : *held.batch) {
      CHECK(item.object.length_bytes == 8029);
      CHECK(item.room_bytes == 8192);
      for (const auto* l1 : {&first, &second})
        CHECK(std::ranges::find(*l1->batch(), item.bytes, &l2_item::bytes) == l1->batch()->end());
      CHECK(reinterpret_cast<uintptr_t>(item.bytes) % 4096 == 0);
      std::fill_n(item.bytes, item.room_bytes, std::byte{1}); // no frame
    }
    held.answer(all_ok(*held.batch));
  }
  CHECK(one.get().results == results(6, corrupt));
  CHECK(two.get().results == results(6, corrupt));
  CHECK(status_of(*store.serde, "serde_staging_peak_bytes") == std::to_string(32 << 10));
}

TEST_CASE("calls in line have their turn one after the other") {
  over_held store{{.staging_bytes = 8192}}; // one object at a time
  const slots first{many(3, 8000), 1}, second{{an_object(9, 8000)}, 2};
  auto one = store.ask(&l2_backend::load, first.batch());
  auto two = store.ask(&l2_backend::load, second.batch());
  std::string order;
  for (size_t i = 0; i < 4; ++i) {
    auto held = store.inner->wait_for_call();
    REQUIRE(held.batch->size() == 1);
    order += std::to_string((*held.batch)[0].object.hash.bytes[0]);
    held.answer(all_absent(*held.batch));
  }
  CHECK(order == "0192");
  CHECK(one.get().results == results(3, absent));
  CHECK(two.get().results == results{absent});
}

TEST_CASE("what has waited for its limit fails as soon as memory comes back") {
  over_held store{{.staging_bytes = 8192, .load_limit_ms = 100}};
  const slots first{many(2, 8000), 1}, late{many(2, 8000), 2};
  auto one = store.ask(&l2_backend::load, first.batch());
  store.now += 60ms;
  auto two = store.ask(&l2_backend::load, late.batch());
  auto held = store.inner->wait_for_call();
  store.now += 40ms; // the first's limit, not the second's
  held.answer(all_absent(*held.batch));
  const auto report = one.get();
  CHECK(report.results == results{absent, failed});
  CHECK(report.error.find("time limit") != std::string::npos);
  for (size_t i = 0; i < 2; ++i) {
    held = store.inner->wait_for_call();
    held.answer(all_absent(*held.batch));
  }
  CHECK(two.get().results == results(2, absent));
  CHECK(status_of(*store.serde, "serde_given_up") == "1");
}

TEST_CASE("a serde that ends fails what is in line and waits for the rest") {
  over_held store{{.staging_bytes = 8192}};
  const slots staged{{an_object(1, 8000)}, 1}, in_line{many(3, 8000), 2};
  auto one = store.ask(&l2_backend::load, staged.batch());
  auto two = store.ask(&l2_backend::load, in_line.batch());
  auto held = store.inner->wait_for_call();
  std::atomic<bool> ended = false;
  std::thread ending{[&] {
    store.serde.reset();
    ended = true;
  }};
  const auto report = two.get(); // the end has begun
  CHECK(report.results == results(3, failed));
  CHECK(report.error.find("closed") != std::string::npos);
  CHECK_FALSE(ended);
  held.answer(all_absent(*held.batch));
  ending.join();
  CHECK(one.get().results == results{absent});
}

TEST_CASE("the inner store is never called while it is being called") {
  over_held store{{}};
  const slots objects{many(1, 100), 1};
  std::future<l2_report> probed;
  size_t entered = 0;
  store.inner->on_call = [&] {
    if (++entered > 1)
      return;
    std::thread other{[&] { probed = store.ask(&l2_backend::probe, objects.batch()); }};
    other.join();
    CHECK(entered == 1);
  };
  auto loaded = store.ask(&l2_backend::load, objects.batch());
  CHECK(entered == 2);
  for (size_t i = 0; i < 2; ++i) {
    auto held = store.inner->wait_for_call();
    held.answer(all_absent(*held.batch));
  }
  CHECK(loaded.get().results == results{absent});
  CHECK(probed.get().results == results{absent});
}

TEST_CASE("under many calls at once each is answered once and owns its memory then") {
  std::atomic<uint64_t> answered = 0;
  const auto objects = many(7, 6000);
  std::vector<slots> memory;
  for (uint32_t i = 0; i < 150; ++i)
    memory.emplace_back(objects, i);
  uint64_t peak = 0;
  {
    const l2_time_limits limits{.store_ms = 40, .load_ms = 30, .lookup_ms = 10};
    const auto timer = std::make_shared<timer_thread>();
    fault_inject_l2_options faults;
    faults.rate = 0.1;
    faults.hang_rate = 0.05;
    faults.torn_write_rate = faults.bit_flip_rate = faults.enospc_rate = 0.2;
    auto mock = std::make_unique<mock_backend>(mock_l2_options{1 << 22, 1e9}, limits, timer);
    serde_backend_options options;
    options.make = aesgcm();
    options.staging_bytes = 64 << 10;
    options.workers = 3;
    serde_backend store{options,
                        std::make_unique<fault_backend>(faults, limits, std::move(mock), timer)};
    REQUIRE(store.open().empty());
    constexpr l2_call calls[]
      = {&l2_backend::store, &l2_backend::load,  &l2_backend::probe, &l2_backend::load,
         &l2_backend::erase, &l2_backend::store, &l2_backend::load};
    for (size_t i = 0; i < memory.size(); ++i)
      (store.*calls[i % 7])(memory[i].batch(), [&, i](l2_report report) {
        if (report.results.size() != 7 || report.stored_bytes.size() != 7)
          return;
        for (const auto& item : *memory[i].batch())
          std::fill_n(item.bytes, item.room_bytes, std::byte{0x5A});
        ++answered;
      });
    peak = std::stoull(status_of(store, "serde_staging_peak_bytes"));
  }
  CHECK(answered == memory.size());
  CHECK(peak > 0);
  CHECK(peak <= 64 << 10);
  for (const auto& each : memory)
    for (size_t i = 0; i < 7; ++i)
      REQUIRE(each.bytes(i) == std::string(6000, 0x5A));
}
