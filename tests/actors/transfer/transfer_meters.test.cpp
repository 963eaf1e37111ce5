#include "actors/transfer/transfer_meters.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace actord;
using namespace std::literals;

namespace {

using way = transfer_mark::way;

struct fixture {
  fixture() {
    bus->listen_to({event_type::mp_store_submitted, event_type::mp_store_start,
                    event_type::mp_store_end, event_type::mp_retrieve_submitted,
                    event_type::mp_retrieve_start, event_type::mp_retrieve_end,
                    event_type::l1_read_failed});
  }

  double count(metric what, label_values labels = {"cpu"}) {
    return registry->counter(what, labels).value();
  }
  transfer_mark mark(way direction, std::string salt = {}) {
    return {direction, uut, "req", std::move(salt)};
  }
  std::vector<event_type> types(const std::vector<event>& events) {
    std::vector<event_type> result;
    for (const auto& each : events)
      result.push_back(each.type);
    return result;
  }

  std::shared_ptr<metric_registry> registry = std::make_shared<metric_registry>();
  event_publisher_ptr bus = std::make_shared<event_publisher>(
    100, [] { return 5.0; }, [](event_publisher::wake) {});
  transfer_meters_ptr uut
    = std::make_shared<transfer_meters>(registry, bus, worker_name{"cpu", 7, "model", 256});
  transfer_mark::time_point now;
};

const transfer_details& details(const event& of) {
  return std::get<transfer_details>(of.details);
}

} // namespace

TEST_CASE_FIXTURE(fixture, "a store that is done is counted and told once") {
  auto uut_mark = mark(way::store, "tenant");
  CHECK_EQ(count(metric::num_submitted_stores), 1);
  CHECK_EQ(count(metric::num_finished_stores), 0);
  uut_mark.start(now);
  uut_mark.done(3'000, 5, now + 2s);
  uut_mark.done(3'000, 5, now + 2s);
  CHECK_EQ(count(metric::num_finished_stores), 1);
  const auto told = bus->take_all();
  CHECK_EQ(types(told), (std::vector{event_type::mp_store_submitted, event_type::mp_store_start,
                                     event_type::mp_store_end}));
  for (const auto& each : told) {
    CHECK_EQ(each.session_id, "req");
    CHECK_EQ(details(each).what, details(told[0]).what);
  }
  CHECK(details(told[0]).what->transfer_key.starts_with("req#"));
  CHECK_EQ(details(told[0]).what->engine_id, 7);
  CHECK_EQ(details(told[0]).what->cache_salt, "tenant");
  CHECK_EQ(details(told[2]).total_bytes, 3'000u);
  CHECK_EQ(details(told[2]).chunks, 5u);
  CHECK_EQ(details(told[2]).tokens, 5u * 256);
  CHECK_EQ(details(told[2]).seconds, doctest::Approx(2));
}

TEST_CASE_FIXTURE(fixture, "whatever is dropped unfinished ends, with nothing") {
  {
    auto store = mark(way::store), other = mark(way::store);
    auto read = mark(way::retrieve);
    read.start(now);
    other = std::move(store); // what `other` was ends with `store`
  }
  CHECK_EQ(count(metric::num_submitted_stores), 2);
  CHECK_EQ(count(metric::num_finished_stores), 2);
  CHECK_EQ(count(metric::num_submitted_retrieves), 1);
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model"}), 0);
  CHECK_EQ(count(metric::num_finished_retrieves), 1);
  size_t ends = 0;
  for (const auto& each : bus->take_all())
    if (each.type == event_type::mp_store_end || each.type == event_type::mp_retrieve_end) {
      ++ends;
      CHECK_EQ(details(each).total_bytes, 0u);
      CHECK_EQ(details(each).chunks, 0u);
    }
  CHECK_EQ(ends, 3u);
}

TEST_CASE_FIXTURE(fixture, "the end says whether it was good, and why not") {
  auto good = mark(way::store), idle = mark(way::store), bad = mark(way::store);
  good.done(10, 1, now);
  idle.nothing_to_move();
  bad.failed("no room");
  bad.failed("again");
  bad.done(10, 1, now);
  { auto dropped = mark(way::store); }
  std::vector<transfer_details> ends;
  for (const auto& each : bus->take_all())
    if (each.type == event_type::mp_store_end)
      ends.push_back(details(each));
  REQUIRE_EQ(ends.size(), 4u);
  CHECK(ends[0].success);
  CHECK(ends[1].success);
  CHECK_EQ(ends[1].seconds, 0);
  CHECK_FALSE(ends[2].success);
  CHECK_EQ(ends[2].failure, "no room");
  CHECK_FALSE(ends[3].success);
  CHECK_FALSE(ends[3].failure.empty());
}

TEST_CASE_FIXTURE(fixture, "each transfer has a key of its own") {
  auto one = mark(way::store), other = mark(way::store);
  const auto told = bus->take_all();
  CHECK_NE(details(told.at(0)).what->transfer_key, details(told.at(1)).what->transfer_key);
}

TEST_CASE_FIXTURE(fixture, "loaded chunks are counted by worker, model and salt") {
  for (const char* salt : {"", "tenant", "tenant"})
    mark(way::retrieve, salt).done(100, 4, now);
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model"}), 4);
  CHECK_EQ(count(metric::num_chunks_loaded, {"7", "model", "tenant"}), 8);
}

TEST_CASE_FIXTURE(fixture, "a retrieve that finds nothing is counted by object and told by name") {
  auto chain = std::make_shared<const std::vector<chunk_hash>>(4);
  uut->read_failed({"model", 2, "salt"}, {chain, 1, 4, 0}, 1,
                   {{-1, 4096, false}, {-1, 4096, true}, {2, 4096, false}});
  CHECK_EQ(count(metric::l1_read_failure, {"l1_retrieve", "not_found", "model"}), 6);
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 1u);
  const auto& what = std::get<failure_details>(told[0].details);
  CHECK_EQ(what.keys->size(), 6u);
  CHECK_EQ(what.keys->at(0).kv_rank, pack_kv_rank(2, 1));
  CHECK_EQ(what.keys->at(0).space->cache_salt, "salt");
  CHECK_EQ(what.keys->at(1).object_group_id, 2u);
}

TEST_CASE_FIXTURE(fixture, "without listeners nothing is published and everything is counted") {
  bus->listen_to({});
  mark(way::store).done(1, 1, now);
  CHECK(bus->take_all().empty());
  CHECK_EQ(count(metric::num_finished_stores), 1);
}
