#include "observability/trace/call_values.hpp"

#include "tests/observability/trace/lct.hpp"

using namespace actord;
using namespace actord::test;

namespace {

trace::key_list some_keys(size_t count, std::string salt) {
  const auto space = std::make_shared<const key_space>(key_space{"m", 2, std::move(salt)});
  trace::key_list result(count);
  for (size_t i = 0; i < count; ++i) {
    result[i].space = space;
    result[i].hash.bytes[0] = static_cast<uint8_t>(i);
    result[i].kv_rank = pack_kv_rank(2, 1);
    result[i].object_group_id = 3;
  }
  return result;
}

trace::call reread(const trace::call& what) {
  auto bytes = trace::encode(trace::header{});
  bytes += trace::encode(trace::to_record(1, 2, what));
  const auto found = read_lct(bytes);
  REQUIRE(found.records.size() == 1);
  auto result = trace::to_call(found.records[0]);
  REQUIRE(std::holds_alternative<trace::call>(result));
  return std::get<trace::call>(result);
}

std::vector<object_key> names(const trace::key_list& keys) {
  std::vector<object_key> result;
  for (const auto& key : keys)
    result.push_back(to_key(key));
  return result;
}

std::string why_not(const trace::record& what) {
  auto result = trace::to_call(what);
  REQUIRE(std::holds_alternative<std::string>(result));
  return std::get<std::string>(result);
}

} // namespace

TEST_CASE("the calls of a file of LMCache 0.5.6 mean the same after a round through our types") {
  const auto found = read_lct(sample_lct());
  REQUIRE(found.records.size() == 6);
  for (const auto& record : found.records) {
    auto call = trace::to_call(record);
    REQUIRE(std::holds_alternative<trace::call>(call));
    CHECK(trace::encode(trace::to_record(record.t_mono, record.t_wall, std::get<trace::call>(call)))
          == trace::encode(record));
  }
  const auto spec = std::get<trace::submit_prefetch_call>(
    std::get<trace::call>(trace::to_call(found.records[2])));
  CHECK(spec.external_request_id == "req-1");
  REQUIRE(spec.groups.size() == 1);
  CHECK(spec.groups[0].keys.size() == 3);
  CHECK(spec.groups[0].keys[2].space->model_name == "facebook/opt-125m");
  CHECK(trace::object_bytes(spec.groups[0].layout) == 2u * 12 * 256 * 768 * 2);
}

TEST_CASE("salts are kept") {
  const auto keys = some_keys(3, "tenant");
  const auto again = std::get<trace::finish_write_call>(reread(trace::finish_write_call{keys}));
  CHECK(names(again.keys) == names(keys));
  CHECK(again.keys[2].space == again.keys[0].space);
}

TEST_CASE("every argument comes back") {
  trace::submit_prefetch_call spec;
  spec.groups = {{some_keys(2, ""), 7, trace::layout_of(4096), 5}, {}};
  spec.kv_readers = 4;
  spec.fetching_policy = "full";
  spec.lock = false;
  spec.external_request_id = "r";
  spec.skip_l2 = true;
  const auto again = std::get<trace::submit_prefetch_call>(reread(spec));
  CHECK(again.groups.size() == 2);
  CHECK(names(again.groups[0].keys) == names(spec.groups[0].keys));
  CHECK(again.groups[0].object_group_id == 7);
  CHECK(again.groups[0].sliding_window_size == 5);
  CHECK(trace::object_bytes(again.groups[0].layout) == 4096);
  CHECK(again.kv_readers == 4);
  CHECK(again.fetching_policy == "full");
  CHECK_FALSE(again.lock);
  CHECK(again.external_request_id == "r");
  CHECK(again.skip_l2);
  const auto read
    = std::get<trace::finish_read_call>(reread(trace::finish_read_call{some_keys(1, ""), 9}));
  CHECK(read.read_locks == 9);
}

TEST_CASE("names of older releases are understood") {
  auto record = trace::to_record(0, 0, trace::finish_read_call{some_keys(1, ""), 1});
  record.args.pop_back();
  trace::add(record.args, "extra_count", int64_t{2});
  CHECK(std::get<trace::finish_read_call>(std::get<trace::call>(trace::to_call(record))).read_locks
        == 3);
  record = trace::to_record(0, 0, trace::reserve_write_call{some_keys(1, ""), {}});
  trace::add(record.args, "mode", trace::text("new"));
  CHECK(std::holds_alternative<trace::call>(trace::to_call(record)));
}

TEST_CASE("arguments that are not as they should be are told") {
  auto record = trace::to_record(0, 0, trace::finish_write_call{some_keys(1, "")});
  record.qualname += "x";
  CHECK(why_not(record) == "no such call");
  record = trace::to_record(0, 0, trace::finish_write_call{});
  record.args.clear();
  CHECK(why_not(record) == "argument `keys` is missing");
  trace::add(record.args, "keys", trace::value_list{trace::write_layout({})});
  CHECK(why_not(record) == "a tag \"MemoryLayoutDesc\" stands where ObjectKey is due");
}

TEST_CASE("sizes of objects that cannot be are none") {
  CHECK(trace::object_bytes({{{2, 3}}, {"torch.bfloat16"}}) == 12);
  CHECK(trace::object_bytes({{{2, 3}, {5}}, {"torch.bfloat16", "torch.uint8"}}) == 17);
  CHECK(trace::object_bytes({{{0, int64_t{1} << 62}}, {"torch.uint8"}}) == 0);
  CHECK_FALSE(trace::object_bytes({{{1 << 30, 1 << 30, 1 << 30}}, {"torch.uint8"}}));
  CHECK_FALSE(trace::object_bytes({{{-1}}, {"torch.uint8"}}));
  CHECK_FALSE(trace::object_bytes({{{1}}, {"uint8"}}));
  CHECK_FALSE(trace::object_bytes({{{1}}, {"torch.qint4x"}}));
}

TEST_CASE("tables show the last part of a name") {
  CHECK(trace::short_name(trace::qualname(trace::reserve_write_call{})) == "reserve_write");
  CHECK(trace::short_name(trace::qualname(trace::read_enter_call{}))
        == "read_prefetched_results.enter");
  CHECK(trace::short_name(trace::qualname(trace::read_exit_call{}))
        == "read_prefetched_results.exit");
  CHECK(trace::short_name("plain") == "plain");
}
