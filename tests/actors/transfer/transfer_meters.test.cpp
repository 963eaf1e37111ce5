#include "actors/transfer/transfer_meters.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace actord;
using namespace std::literals;

namespace {

struct fixture {
  double count(metric what, label_values labels = {"cpu"}) {
    return registry->counter(what, labels).value();
  }
  const histogram_cell& rate(metric what) {
    return registry->histogram(what, {"cpu", "7", "model"});
  }
  static uint64_t total(const histogram_cell& of) {
    uint64_t result = 0;
    for (auto count : of.counts())
      result += count;
    return result;
  }

  std::shared_ptr<metric_registry> registry = std::make_shared<metric_registry>();
  std::shared_ptr<transfer_meters> uut = std::make_shared<transfer_meters>(registry, 7, "model");
  transfer_mark::time_point now;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a store that is done is counted with its rate, once") {
  transfer_mark mark{uut->stores(), now};
  CHECK_EQ(count(metric::num_submitted_stores), 1);
  CHECK_EQ(count(metric::num_finished_stores), 0);
  mark.done(3'000'000'000, 5, now + 2s);
  mark.done(3'000'000'000, 5, now + 2s);
  CHECK_EQ(count(metric::num_finished_stores), 1);
  CHECK_EQ(rate(metric::l0_l1_store_throughput).sum(), doctest::Approx(1.5));
}

TEST_CASE_FIXTURE(fixture, "whatever is dropped unfinished ends, without a rate") {
  {
    transfer_mark store{uut->stores(), now}, other{uut->stores(), now};
    transfer_mark read{uut->retrieves(""), now};
    other = std::move(store); // what `other` was ends with `store`
  }
  CHECK_EQ(count(metric::num_submitted_stores), 2);
  CHECK_EQ(count(metric::num_finished_stores), 2);
  CHECK_EQ(count(metric::num_submitted_retrieves), 1);
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model"}), 0);
  CHECK_EQ(count(metric::num_finished_retrieves), 1);
  CHECK_EQ(total(rate(metric::l0_l1_store_throughput)), 0u);
  CHECK_EQ(total(rate(metric::l0_l1_load_throughput)), 0u);
}

TEST_CASE_FIXTURE(fixture, "loaded chunks are counted by worker, model and salt") {
  for (const char* salt : {"", "tenant", "tenant"})
    transfer_mark{uut->retrieves(salt), now}.done(100, 4, now); // no time passed: no rate
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model"}), 4);
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model", "tenant"}), 8);
  CHECK_EQ(total(rate(metric::l0_l1_load_throughput)), 0u);
}
