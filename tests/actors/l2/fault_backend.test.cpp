// A store with faults.
#include "actors/l2/fault_backend.hpp"

#include "actors/l2/mock_backend.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/l2_stores.hpp"
#include "tests/fixtures/manual_timer.hpp"
#include "tests/storage/l2_vectors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>

using namespace actord;
using namespace actord::fixtures;
using namespace std::chrono_literals;

namespace {

using results = std::vector<l2_result>;
constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto failed = l2_result::failed;

/// Faults by name: the options proper cannot be named one by one without warnings.
struct asked {
  double rate = 0;
  std::vector<int64_t> gap_indices = {};
  std::vector<double> gap_tail_ratios = {};
  int64_t delay_ms = 0;
  double hang_rate = 0, torn_write_rate = 0, bit_flip_rate = 0, enospc_rate = 0;
  int64_t fault_seed = 0;

  operator fault_inject_l2_options() const {
    fault_inject_l2_options result;
    result.rate = rate;
    result.gap_indices = gap_indices;
    result.gap_tail_ratios = gap_tail_ratios;
    result.delay_ms = delay_ms;
    result.hang_rate = hang_rate;
    result.torn_write_rate = torn_write_rate;
    result.bit_flip_rate = bit_flip_rate;
    result.enospc_rate = enospc_rate;
    result.fault_seed = fault_seed;
    return result;
  }
};

/// Faults over a store that answers at once.
struct over_instant {
  explicit over_instant(const asked& options) {
    auto made = std::make_unique<instant_backend>();
    inner = made.get();
    faults = std::make_unique<fault_backend>(options, limits, std::move(made), timer);
  }
  l2_report run(l2_call what, const slots& objects) {
    const auto call = begin_call(*faults, what, objects.batch());
    timer->run_out();
    return *call;
  }
  open_call begin(l2_call what, const slots& objects) {
    return begin_call(*faults, what, objects.batch());
  }

  l2_time_limits limits{.store_ms = 300, .load_ms = 200, .lookup_ms = 100};
  std::shared_ptr<manual_timer> timer = std::make_shared<manual_timer>();
  instant_backend* inner = nullptr;
  std::unique_ptr<fault_backend> faults;
};

/// Which bits differ.
std::vector<uint64_t> differing_bits(const std::string& left, const std::string& right) {
  std::vector<uint64_t> result;
  for (size_t i = 0; i < left.size(); ++i)
    for (uint64_t bit = 0; bit < 8; ++bit)
      if (((left[i] ^ right[i]) >> bit & 1) != 0)
        result.push_back(8 * i + bit);
  return result;
}

} // namespace

TEST_CASE("keys and seeds fall where the peer puts them") {
  const auto& vectors = test::l2_vectors();
  size_t compared = 0;
  for (const auto& each : vectors.at("fault_inject")) {
    const auto& named = vectors.at("names").at(each.at("key_index").get<size_t>());
    REQUIRE(named.at("key").at("chunk_hash_hex").get<std::string>().size() == 64);
    CHECK(fault_bucket(each.at("seed"), test::key_of(named.at("key")))
          == each.at("bucket_of_1000000"));
    ++compared;
  }
  CHECK(compared == 10);
}

TEST_CASE("loads hide objects below the rate's bucket, and only loads") {
  const auto key
    = test::key_of(test::l2_vectors().at("names").at(0).at("key")); // bucket 8358 with seed 0
  for (auto [rate, hidden] : {std::pair{0.008358, false}, std::pair{0.008359, true}}) {
    over_instant store{{.rate = rate}};
    const slots object{{to_ref(key, 10)}, 1};
    CHECK(store.run(&l2_backend::load, object).results == results{hidden ? absent : ok});
    CHECK(store.run(&l2_backend::probe, object).results == results{ok});
    CHECK(store.run(&l2_backend::store, object).results == results{ok});
    CHECK(store.run(&l2_backend::erase, object).results == results{ok});
    CHECK(status_of(*store.faults, "faults_hidden") == (hidden ? "1" : "0"));
  }
}

TEST_CASE("loads hide the places of gaps, counted from either end as Python rounds") {
  // round((1 - ratio) * (n - 1)): 0.5 of 0..3 is 1.5, to the even 2; of 0..5 is 2.5, to 2.
  const auto hidden = [](const asked& options, size_t count) {
    over_instant store{options};
    const auto report = store.run(&l2_backend::load, slots{many(count, 8), 1});
    std::vector<size_t> places;
    for (size_t i = 0; i < count; ++i)
      if (report.results[i] == absent)
        places.push_back(i);
    return places;
  };
  using places = std::vector<size_t>;
  CHECK(hidden({.gap_indices = {0, 2, 7}}, 5) == places{0, 2});
  CHECK(hidden({.gap_tail_ratios = {0.5}}, 4) == places{2});
  CHECK(hidden({.gap_tail_ratios = {0.5}}, 6) == places{2});
  CHECK(hidden({.gap_tail_ratios = {0, 1}}, 6) == places{0, 5});
  CHECK(hidden({.gap_indices = {1}, .gap_tail_ratios = {0.25}}, 5) == places{1, 3});
  CHECK(hidden({.gap_tail_ratios = {0.3}}, 1) == places{0});
}

TEST_CASE("a miss stays the miss it was where a gap would hide it") {
  auto timer = std::make_shared<manual_timer>();
  fault_backend store{asked{.gap_indices = {0}},
                      {},
                      std::make_unique<mock_backend>(mock_l2_options{1 << 20, 1e6},
                                                     l2_time_limits{}, timer),
                      timer};
  const slots half{{an_object(1, 10)}, 1}, whole{{an_object(1, 20)}, 1};
  begin_call(store, &l2_backend::store, half.batch());
  timer->run_out();
  const auto call = begin_call(store, &l2_backend::load, whole.batch());
  timer->run_out();
  CHECK(call->results == results{l2_result::wrong_length});
}

TEST_CASE("every answer is late by the delay, and fails once its limit is over") {
  over_instant store{{.delay_ms = 150}};
  const slots objects{many(2, 8), 1};
  const auto loading = store.begin(&l2_backend::load, objects);  // limit 200
  const auto probing = store.begin(&l2_backend::probe, objects); // limit 100
  store.timer->advance(99ms);
  CHECK_FALSE(probing);
  store.timer->advance(1ms);
  CHECK(probing->results == results(2, failed));
  CHECK(probing->error.find("delay_ms") != std::string::npos);
  store.timer->advance(49ms);
  CHECK_FALSE(loading);
  store.timer->advance(1ms);
  CHECK(loading->results == results(2, ok));
  CHECK(loading->error.empty());
}

TEST_CASE("a call that hangs fails when its limit is over, whatever it was") {
  over_instant store{{.hang_rate = 1}};
  const slots objects{many(3, 8), 1};
  for (auto [what, limit_ms] : {std::pair<l2_call, int64_t>{&l2_backend::store, 300},
                                {&l2_backend::load, 200},
                                {&l2_backend::probe, 100},
                                {&l2_backend::erase, 100}}) {
    const auto call = store.begin(what, objects);
    store.timer->advance(std::chrono::milliseconds(limit_ms - 1));
    CHECK_FALSE(call);
    store.timer->advance(1ms);
    CHECK(call->results == results(3, failed));
    CHECK(call->stored_bytes.size() == 3);
    CHECK(call->error.find("hang_rate") != std::string::npos);
  }
  CHECK(status_of(*store.faults, "faults_hung") == "4");
}

TEST_CASE("a call that hangs is not answered before the inner store lets go of the memory") {
  over_instant store{{.hang_rate = 1}};
  store.inner->waits = true;
  const slots objects{many(1, 8), 1};
  const auto call = store.begin(&l2_backend::load, objects);
  store.timer->advance(10s);
  CHECK_FALSE(call);
  store.inner->held.front()();
  store.timer->advance(0ms);
  CHECK(call->results == results{failed});
}

TEST_CASE("a torn write leaves the first half and says that it stored the whole") {
  over_instant store{{.torn_write_rate = 1}};
  const slots objects{{an_object(1, 101), an_object(2, 2), an_object(3, 1), an_object(4, 0)}, 1};
  const auto report = store.run(&l2_backend::store, objects);
  CHECK(report.results == results(4, ok));
  CHECK(report.stored_bytes == std::vector<uint64_t>{101, 2, 1, 0});
  CHECK(report.error.empty());
  std::vector<uint64_t> lengths;
  for (const auto& item : store.inner->stored)
    lengths.push_back(item.object.length_bytes);
  CHECK(lengths == std::vector<uint64_t>{50, 1, 1, 0});
  CHECK(store.inner->stored[0].bytes == (*objects.batch())[0].bytes);
}

TEST_CASE("readers of a torn write find it too short, and a whole write heals it") {
  auto timer = std::make_shared<manual_timer>();
  auto made
    = std::make_unique<mock_backend>(mock_l2_options{1 << 20, 1e6}, l2_time_limits{}, timer);
  auto* inner = made.get();
  fault_backend store{asked{.torn_write_rate = 1}, {}, std::move(made), timer};
  const slots written{{an_object(1, 100)}, 1}, read{{an_object(1, 100)}, 2};
  const auto run = [&](l2_backend& backend, l2_call what, const slots& objects) {
    const auto call = begin_call(backend, what, objects.batch());
    timer->run_out();
    return call->results[0];
  };
  CHECK(run(store, &l2_backend::store, written) == ok);
  CHECK(run(store, &l2_backend::load, read) == l2_result::wrong_length);
  CHECK(run(*inner, &l2_backend::store, written) == ok);
  CHECK(run(store, &l2_backend::load, read) == ok);
  CHECK(read.bytes(0) == written.bytes(0));
}

TEST_CASE("a flipped bit is one bit of the object, and no report tells") {
  over_instant store{{.bit_flip_rate = 1}};
  const slots objects{many(64, 33), 1}, same{many(64, 33), 1};
  const auto report = store.run(&l2_backend::load, objects);
  CHECK(report.results == results(64, ok));
  CHECK(report.error.empty());
  std::vector<uint64_t> bits;
  for (size_t i = 0; i < 64; ++i) {
    const auto differ = differing_bits(objects.bytes(i), same.bytes(i));
    REQUIRE(differ.size() == 1);
    bits.push_back(differ[0]);
    // The rest of the slot is not the object's.
    const auto& item = (*objects.batch())[i];
    CHECK(std::equal(item.bytes + 33, item.bytes + item.room_bytes, (*same.batch())[i].bytes + 33));
  }
  std::ranges::sort(bits);
  bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
  CHECK(bits.size() > 40); // of 264
  CHECK(status_of(*store.faults, "faults_flipped") == "64");
}

TEST_CASE("an object without bytes has no bit to flip") {
  over_instant store{{.bit_flip_rate = 1}};
  CHECK(store.run(&l2_backend::load, slots{many(2, 0), 1}).results == results(2, ok));
}

TEST_CASE("what finds no space is not stored, the rest of its call is") {
  over_instant store{{.enospc_rate = 0.5}};
  const slots objects{many(200, 8), 1};
  const auto report = store.run(&l2_backend::store, objects);
  const auto refused = static_cast<size_t>(std::ranges::count(report.results, l2_result::no_space));
  CHECK(refused > 70);
  CHECK(refused < 130);
  CHECK(report.error.find("enospc_rate") != std::string::npos);
  size_t next = 0;
  for (size_t i = 0; i < 200; ++i) {
    CHECK(report.stored_bytes[i] == (report.results[i] == ok ? 8 : 0));
    if (report.results[i] == ok)
      CHECK(store.inner->stored.at(next++).object.hash == (*objects.batch())[i].object.hash);
  }
  CHECK(next == store.inner->stored.size());
  over_instant full{{.enospc_rate = 1}};
  CHECK(full.run(&l2_backend::store, objects).results == results(200, l2_result::no_space));
}

namespace {

/// Everything that a seed decided, in calls of `per_call` objects.
std::vector<std::string> story(int64_t seed, size_t per_call, double hang_rate = 0) {
  over_instant store{{.hang_rate = hang_rate,
                      .torn_write_rate = 0.3,
                      .bit_flip_rate = 0.3,
                      .enospc_rate = 0.3,
                      .fault_seed = seed}};
  std::vector<std::string> result;
  for (size_t i = 0; i < 240; i += per_call) {
    const slots objects{many(per_call, 40), 9}, same{many(per_call, 40), 9};
    store.inner->stored.clear();
    store.run(&l2_backend::store, objects);
    for (const auto& item : *objects.batch()) {
      const auto found = std::ranges::find(store.inner->stored, item.bytes, &l2_item::bytes);
      result.push_back(
        found == store.inner->stored.end() ? "full" : std::to_string(found->object.length_bytes));
    }
    store.run(&l2_backend::load, objects);
    for (size_t k = 0; k < per_call; ++k) {
      const auto bits = differing_bits(objects.bytes(k), same.bytes(k));
      result[i + k] += ";" + (bits.empty() ? "" : std::to_string(bits[0]));
    }
  }
  return result;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string result;
  for (const auto& each : parts)
    result += each + " ";
  return result;
}

} // namespace

TEST_CASE("a seed makes the same faults each time, another one others") {
  CHECK(joined(story(1, 1)) == joined(story(1, 1)));
  CHECK(joined(story(1, 1)) != joined(story(2, 1)));
  // Objects are counted, not calls; and hanging calls do not change what befalls objects.
  const auto single = story(1, 1), hung = story(1, 1, 0.5);
  CHECK(joined(single) == joined(hung));
  const auto outcome = [](const std::vector<std::string>& all) {
    std::vector<std::string> result;
    for (const auto& each : all)
      result.push_back(each.substr(0, each.find(';')));
    return joined(result);
  };
  CHECK(outcome(single) == outcome(story(1, 12)));
}

TEST_CASE("faults come about as often as asked for") {
  fault_plan plan{asked{.hang_rate = 0.1, .torn_write_rate = 0.5, .fault_seed = 3}};
  size_t hung = 0, torn = 0, full = 0;
  for (size_t i = 0; i < 10'000; ++i) {
    hung += plan.next(fault_kind::hung_load) ? 1 : 0;
    torn += plan.next(fault_kind::torn_write) ? 1 : 0;
    full += plan.next(fault_kind::no_space) ? 1 : 0;
  }
  CHECK(hung > 850);
  CHECK(hung < 1150);
  CHECK(torn > 4750);
  CHECK(torn < 5250);
  CHECK(full == 0);
}

TEST_CASE("with all faults at once every call is answered once and owns its memory then") {
  std::atomic<uint64_t> answered = 0;
  const auto objects = many(4, 5000);
  std::vector<slots> memory;
  for (uint32_t i = 0; i < 200; ++i)
    memory.emplace_back(objects, i);
  const l2_time_limits limits{.store_ms = 30, .load_ms = 20, .lookup_ms = 10};
  {
    auto timer = std::make_shared<timer_thread>();
    fault_backend store{
      asked{.rate = 0.2,
            .gap_indices = {1},
            .delay_ms = 5,
            .hang_rate = 0.3,
            .torn_write_rate = 0.3,
            .bit_flip_rate = 0.5,
            .enospc_rate = 0.3},
      limits, std::make_unique<mock_backend>(mock_l2_options{1 << 20, 1e7}, limits, timer), timer};
    timer.reset();
    constexpr l2_call calls[] = {&l2_backend::store, &l2_backend::load, &l2_backend::probe,
                                 &l2_backend::load, &l2_backend::erase};
    for (size_t i = 0; i < memory.size(); ++i)
      (store.*calls[i % 5])(memory[i].batch(), [&, i](l2_report report) {
        REQUIRE(report.results.size() == 4);
        REQUIRE(report.stored_bytes.size() == 4);
        for (const auto& item : *memory[i].batch())
          std::fill_n(item.bytes, item.room_bytes, std::byte{0x5A});
        ++answered;
      });
  }
  CHECK(answered == memory.size());
  for (const auto& each : memory)
    CHECK(each.bytes(3) == std::string(5000, 0x5A));
}
