#include "runtime/options/l2_adapter_checks.hpp"

#include "tests/runtime/options/l2_adapter_fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {

l2_place place(const ordered_json& object) {
  const auto reading = read(object);
  REQUIRE(reading.options);
  return place_of(*reading.options);
}

std::vector<std::string> problems(const ordered_json& object) {
  l1_options l1;
  l1.align_bytes = 4096;
  return l1_problems(*read(object).options, l1);
}

} // namespace

TEST_CASE("a place is the same however it is spelled, and whoever stands in front of it") {
  const auto folder = place(least("fs"));
  CHECK_EQ(folder.key, "base_path");
  CHECK(place(with(least("fs_native"), R"({"base_path":"/data/x/../kv/./"})")) == folder);
  CHECK_FALSE(place(with(least("fs"), R"({"base_path":"/data/kv2"})")) == folder);
  ordered_json faults{{"type", "fault_inject"}, {"inner", least("fs")}};
  CHECK(place(faults) == folder);
  CHECK_EQ(place(least("raw_block")).where, "/dev/ng0n1");
  const auto redis = place(least("resp"));
  CHECK(place(with(least("resp"), R"({"host":"REDIS","num_workers":3})")) == redis);
  CHECK_FALSE(place(with(least("resp"), R"({"port":6380})")) == redis);
  const auto valkey = place(least("valkey"));
  CHECK(place(with(least("valkey"), R"({"startup_nodes":"redis:6379"})")) == redis);
  CHECK_FALSE(place(with(least("valkey"), R"({"key_prefix":"a"})")) == valkey);
  CHECK_FALSE(place(with(least("valkey"), R"({"database_id":1})")) == valkey);
  const auto bucket = place(least("s3"));
  CHECK(place(with(least("s3"), R"({"s3_endpoint":"bucket.host"})")) == bucket);
  CHECK_FALSE(place(with(least("s3"), R"({"s3_endpoint":"s3://other.host"})")) == bucket);
}

TEST_CASE("memory is nobody else's place") {
  CHECK(place(least("mock")).where.empty());
}

TEST_CASE("what an adapter asks of L1 is checked wherever it comes from") {
  CHECK(problems(least("fs")).empty());
  const auto both = problems(
    with(least("raw_block"), R"({"affinity_tag":"gpu","block_align":8192,"header_bytes":8192})"));
  REQUIRE_EQ(both.size(), 2u);
  CHECK(both[0].starts_with("affinity_tag must name an L1, not \"gpu\""));
  CHECK(both[1].starts_with("block_align must be at most --l1-align-bytes, which is 4096"));
}

TEST_CASE("messages name whom the adapter comes from") {
  const auto reading = read_l2_adapter_as("L2 adapter", R"({"type":"fs","x":1})", {});
  REQUIRE_EQ(reading.problems.size(), 1u);
  CHECK(reading.problems[0].starts_with("L2 adapter ('fs'): base_path must be"));
  REQUIRE_EQ(reading.warnings.size(), 1u);
  CHECK(reading.warnings[0].starts_with("L2 adapter ('fs'): unknown keys are ignored: x"));
}
