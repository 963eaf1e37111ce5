#include "actors/gateway/client_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace actord;

namespace {

constexpr time_ms grace_ms = 10'000;

struct fixture {
  client& join(const std::string& identity, int fd, uint64_t generation = 1) {
    return table.add(identity, {fd, generation}, 0);
  }
  std::vector<estate> due(time_ms now) {
    return table.take_due(now, grace_ms);
  }

  client_table table;
};

} // namespace

TEST_CASE_FIXTURE(fixture,
                  "a client is found by identity and by connection, not by its descriptor") {
  join("a", 7, 1);
  join("b", 7, 2); // the descriptor was reused
  REQUIRE_NE(table.find("a"), nullptr);
  CHECK_EQ(table.find("a")->identity, "a");
  CHECK_EQ(table.find(connection{7, 1})->identity, "a");
  CHECK_EQ(table.find(connection{7, 2})->identity, "b");
  CHECK_EQ(table.find(connection{7, 3}), nullptr);
  CHECK_EQ(table.find("c"), nullptr);
}

TEST_CASE_FIXTURE(fixture, "a client's estate is due when its grace is over, and only once") {
  auto& a = join("a", 7);
  table.bind_instance(a, 11);
  table.bind_request(a, "r1");
  a.streams["uid"] = 99;
  CHECK_FALSE(table.any_ended());
  table.end(a, true, 1000);
  CHECK(table.any_ended());
  CHECK(due(1000 + grace_ms - 1).empty());
  auto left = due(1000 + grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK_EQ(left[0].instances, (std::vector<int64_t>{11}));
  CHECK_EQ(left[0].requests, (std::vector<std::string>{"r1"}));
  CHECK_EQ(left[0].streams, (std::vector<uint64_t>{99}));
  CHECK(left[0].may_live);
  CHECK(due(9'999'999).empty());
  CHECK_EQ(table.find("a"), nullptr);
  CHECK_EQ(table.find(connection{7, 1}), nullptr);
  CHECK_FALSE(table.any_ended());
}

TEST_CASE_FIXTURE(fixture, "the first end of a client counts") {
  auto& a = join("a", 7);
  table.end(a, false, 0);
  table.end(a, true, 5000);
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK_FALSE(left[0].may_live);
}

TEST_CASE_FIXTURE(fixture,
                  "what spoke again on a new connection is not given up with the old one") {
  auto& old = join("a", 7);
  table.bind_instance(old, 11);
  table.bind_instance(old, 12);
  table.bind_request(old, "r1");
  table.bind_request(old, "r2");
  table.end(old, false, 0);
  auto& fresh = join("a2", 8);
  table.bind_instance(fresh, 11);
  table.rebind_request(fresh, "r1");
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK_EQ(left[0].instances, (std::vector<int64_t>{12}));
  CHECK_EQ(left[0].requests, (std::vector<std::string>{"r2"}));
  CHECK_EQ(table.find("a2")->instances, (std::set<int64_t>{11}));
}

TEST_CASE_FIXTURE(fixture, "naming a request that nobody has binds nothing") {
  auto& a = join("a", 7);
  table.rebind_request(a, "r1");
  CHECK(a.requests.empty());
  table.bind_request(a, "r1");
  table.forget_request("r1");
  table.rebind_request(a, "r1");
  CHECK(a.requests.empty());
}

TEST_CASE_FIXTURE(fixture, "what ended in order is no longer part of the estate") {
  auto& a = join("a", 7);
  table.bind_instance(a, 11);
  table.bind_request(a, "r1");
  table.forget_instance(11);
  table.forget_instance(404);
  table.forget_request("r1");
  table.forget_request("r404");
  table.end(a, false, 0);
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK(left[0].instances.empty());
  CHECK(left[0].requests.empty());
}

TEST_CASE_FIXTURE(fixture, "an operation under way keeps the estate until it is done") {
  auto& a = join("a", 7);
  auto& b = join("b", 8);
  table.bind_instance(a, 11);
  a.lane_busy = true;
  b.lane.push_back({});
  table.end(a, false, 0);
  table.end(b, false, 0);
  CHECK(due(grace_ms * 10).empty());
  a.lane_busy = false;
  CHECK_EQ(due(grace_ms * 10).size(), 1u);
  b.lane.clear();
  CHECK_EQ(due(grace_ms * 10).size(), 1u);
}

TEST_CASE_FIXTURE(fixture, "an instance remembers its mode until it goes") {
  auto& a = join("a", 7);
  table.set_mode(11, wire::instance_mode::shm); // not bound: no entry is made
  CHECK_EQ(table.mode(11), wire::instance_mode::unknown);
  table.bind_instance(a, 11);
  CHECK_EQ(table.mode(11), wire::instance_mode::unknown);
  table.set_mode(11, wire::instance_mode::shm);
  CHECK_EQ(table.mode(11), wire::instance_mode::shm);
  CHECK_EQ(table.mode(std::nullopt), wire::instance_mode::unknown);
  auto& b = join("b", 8); // the worker's second connection
  table.bind_instance(b, 11);
  CHECK_EQ(table.mode(11), wire::instance_mode::shm);
  table.forget_instance(11);
  CHECK_EQ(table.mode(11), wire::instance_mode::unknown);
}

TEST_CASE_FIXTURE(fixture, "a client that names endlessly many instances keeps a bounded number") {
  auto& a = join("a", 7);
  for (int64_t id = 0; id < static_cast<int64_t>(client_table::max_instances) + 10; ++id)
    table.bind_instance(a, id);
  CHECK_EQ(a.instances.size(), client_table::max_instances);
  table.end(a, false, 0);
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK_EQ(left[0].instances.size(), client_table::max_instances);
}

TEST_CASE_FIXTURE(fixture,
                  "a stranger who names a worker takes it over only when its owner is gone") {
  auto& a = join("a", 7);
  auto& stranger = join("b", 8);
  table.bind_instance(a, 11);
  table.adopt_instance(stranger, 11);
  table.adopt_instance(stranger, 12); // nobody's
  CHECK_EQ(stranger.instances, (std::set<int64_t>{12}));
  table.end(a, false, 0);
  table.adopt_instance(stranger, 11);
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK(left[0].instances.empty());
  CHECK_EQ(stranger.instances, (std::set<int64_t>{11, 12}));
}

TEST_CASE_FIXTURE(fixture,
                  "a client that comes back under its routing id in time keeps everything") {
  auto& a = join("a", 7);
  table.bind_instance(a, 11);
  table.end(a, false, 0);
  table.revive(a, {9, 1});
  CHECK_FALSE(table.any_ended());
  CHECK(due(9'999'999).empty());
  CHECK_EQ(table.find(connection{9, 1}), &a);
  CHECK_EQ(table.find(connection{7, 1}), nullptr);
  table.end(a, false, 9'999'999);
  CHECK_EQ(due(99'999'999).size(), 1u);
}

TEST_CASE_FIXTURE(fixture, "who seemed to come back on another's connection has ended after all") {
  auto& a = join("a", 7);
  table.bind_instance(a, 11);
  table.end(a, false, 0);
  table.revive(a, {7, 2});
  auto& b = join("b", 7, 2); // it was b's
  CHECK_EQ(table.find(connection{7, 2}), &b);
  auto left = due(grace_ms);
  REQUIRE_EQ(left.size(), 1u);
  CHECK_EQ(left[0].instances, (std::vector<int64_t>{11}));
  CHECK_EQ(table.find(connection{7, 2}), &b);
}
