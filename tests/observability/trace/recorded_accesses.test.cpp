#include "observability/trace/recorded_accesses.hpp"

#include "tests/observability/trace/lct.hpp"

#include <limits>

using namespace actord;
using namespace actord::test;

namespace {

object_ref key(uint8_t hash, uint32_t rank = 0, uint32_t world = 1, uint32_t group = 0,
               const std::string& salt = "") {
  object_ref result;
  result.space = std::make_shared<const key_space>(key_space{"m", world, salt});
  result.hash.bytes[0] = hash;
  result.kv_rank = pack_kv_rank(world, rank);
  result.object_group_id = group;
  return result;
}

trace::record lookup(double t, trace::key_list keys, uint64_t bytes = 4096) {
  trace::submit_prefetch_call call;
  call.groups.push_back({std::move(keys), 0, trace::layout_of(bytes), -1});
  return trace::to_record(t, t, call);
}

trace::record write(double t, trace::key_list keys, uint64_t bytes = 4096) {
  return trace::to_record(t, t,
                          trace::reserve_write_call{std::move(keys), trace::layout_of(bytes)});
}

} // namespace

TEST_CASE("the objects of all ranks and groups of a chunk are one block, with their bytes") {
  trace::recorded_accesses accesses;
  trace::submit_prefetch_call call;
  call.groups.push_back(
    {{key(1, 0, 2), key(1, 1, 2), key(2, 0, 2), key(2, 1, 2)}, 0, trace::layout_of(4097), -1});
  call.groups.push_back({{key(1, 0, 2, 1), key(1, 0, 2, 1)}, 1, trace::layout_of(4096), 4});
  CHECK(accesses.add(trace::to_record(1, 1, call)));
  CHECK(accesses.add(lookup(2, {key(1, 0, 2)}, 99'999))); // known: its first size holds
  const auto& log = accesses.log();
  REQUIRE_EQ(log.blocks(), 2);
  CHECK_EQ(log.at_block(0).bytes, 8192 + 8192 + 4096);
  CHECK_EQ(log.at_block(1).bytes, 2 * 8192);
  REQUIRE_EQ(log.steps(), 2);
  CHECK_EQ(log.at(0).blocks.size(), 2);
  CHECK_EQ(log.at(1).time_ms, 2000);
}

TEST_CASE("models, worlds and salts keep their blocks apart") {
  trace::recorded_accesses accesses;
  CHECK(accesses.add(lookup(0, {key(1), key(1, 0, 2), key(1, 0, 1, 0, "a")})));
  CHECK_EQ(accesses.log().blocks(), 3);
  REQUIRE(accesses.find_salt("a"));
  CHECK_EQ(accesses.log().at_block(2).salt, accesses.find_salt("a"));
  CHECK_EQ(accesses.log().at_block(0).salt, accesses.find_salt(""));
  CHECK_NE(accesses.find_salt("a"), accesses.find_salt(""));
  CHECK_FALSE(accesses.find_salt("b"));
}

TEST_CASE("a write counts only where nobody had looked the block up") {
  trace::recorded_accesses accesses;
  CHECK(accesses.add(lookup(0, {key(1), key(2)})));
  CHECK(accesses.add(write(1, {key(2), key(3)})));
  REQUIRE_EQ(accesses.log().steps(), 2);
  CHECK_FALSE(accesses.log().at(1).lookup);
  CHECK_EQ(accesses.log().at(1).blocks.size(), 1);
  CHECK_EQ(accesses.log().count().writes, 1);
}

TEST_CASE("calls that cannot be used are counted and passed over, the others are none of ours") {
  trace::recorded_accesses accesses;
  auto broken = write(0, {key(1)});
  broken.args.clear();
  CHECK(accesses.add(broken));
  CHECK(accesses.add(lookup(0, {key(1)}, 0)));
  CHECK(accesses.add(trace::to_record(0, 0, trace::finish_write_call{{key(1)}})));
  CHECK(accesses.add({0, 0, "somebody.else", {}}));
  CHECK_EQ(accesses.bad_calls(), 2);
  CHECK_EQ(accesses.first_fault(), "reserve_write: argument `keys` is missing");
  CHECK_EQ(accesses.log().steps(), 0);
}

TEST_CASE("times that are none count as the beginning") {
  trace::recorded_accesses accesses;
  for (const double t : {-1.0, std::numeric_limits<double>::quiet_NaN(), 1e300})
    CHECK(accesses.add(lookup(t, {key(1)})));
  CHECK_EQ(accesses.log().at(1).time_ms, 0);
  CHECK_EQ(accesses.log().at(2).time_ms, 10'000'000'000'000);
}

TEST_CASE("what LMCache recorded has accesses") {
  trace::recorded_accesses accesses;
  for (const auto& record : read_lct(sample_lct()).records)
    CHECK(accesses.add(record));
  CHECK_EQ(accesses.bad_calls(), 0);
  CHECK_GT(accesses.log().count().lookups, 0);
  CHECK_GT(accesses.log().blocks(), 0);
}
