#include "actors/gateway/wire/operations.hpp"

#include "actors/gateway/wire/encode.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

using namespace actord::wire;
using actord::wire::test::from_hex;

namespace {

std::optional<operation> parse_hex(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  return parse_operation(test::as_bytes(bytes));
}

} // namespace

TEST_CASE("every operation frame of the real client is recognised") {
  size_t checked = 0;
  for (const auto& each : test::vectors()) {
    const auto name = each.at("name").get<std::string>();
    if (!name.starts_with("op_") || name == "op_ping_by_name") {
      continue;
    }
    const auto found = parse_hex(each.at("hex").get<std::string>());
    REQUIRE_MESSAGE(found, name);
    CHECK_EQ(info(*found).name, name.substr(3));
    ++checked;
  }
  CHECK_EQ(checked, operations().size());
}

TEST_CASE("every operation is recognised by its name") {
  for (const operation_info& row : operations()) {
    const std::string frame = encode_str(row.name);
    CHECK_EQ(parse_operation(test::as_bytes(frame)), row.op);
  }
}

TEST_CASE("an id may have any width, and true stands for 1") {
  for (const char* hex :
       {"16", "cc16", "cd0016", "ce00000016", "d016", "d30000000000000016", "cf0000000000000016"}) {
    CHECK_EQ(parse_hex(hex), operation::ping);
  }
  CHECK_EQ(parse_hex("c3"), operation::register_kv_cache);
}

TEST_CASE("anything else is no operation") {
  for (const char* hex : {"",         "00",     "0b",           "22",   "23",
                          "24",       "ff",     "c2",           "c0",   "cb4036000000000000",
                          "a470696e", "a0",     "a570696e6700", "1600", "9116",
                          "8116c0",   "c40116", "cc",           "cd00", "cf0000000100000016",
                          "c1"}) {
    CHECK_MESSAGE(!parse_hex(hex), hex);
  }
}

TEST_CASE("the table says what the protocol says") {
  CHECK_EQ(operations().size(), 35);
  CHECK_EQ(info(operation::register_kv_cache).payloads, 7);
  CHECK_EQ(info(operation::retrieve).payloads, 5);
  CHECK_EQ(info(operation::retrieve).dispatch, dispatch_class::affinity);
  CHECK_EQ(info(operation::noop).dispatch, dispatch_class::sync);
  CHECK_EQ(info(operation::ping).dispatch, dispatch_class::normal);
  size_t served = 0;
  for (const operation_info& row : operations()) {
    served += row.served ? 1 : 0;
  }
  CHECK_EQ(served, 22);
}

TEST_CASE("a failure is answered with what the client can digest") {
  using enum operation;
  const auto body = [](operation op, instance_mode mode = instance_mode::unknown) {
    return refusal(op, mode).value_or("null");
  };
  for (const operation op : {store, retrieve, store_q, cb_retrieve_pre_computed}) {
    CHECK_EQ(body(op), test::bytes_of("store_response_unregistered"));
  }
  for (const operation op : {query_prefetch_status, wait_prefetch_status}) {
    CHECK_EQ(body(op), test::bytes_of("optional_int_0"));
  }
  const std::string slots = test::bytes_of("prepare_store_response_shm_all_cached");
  CHECK_EQ(body(prepare_store, instance_mode::shm), slots);
  CHECK_EQ(body(prepare_store, instance_mode::unknown), slots);
  CHECK_EQ(body(prepare_store, instance_mode::pickle),
           test::bytes_of("prepare_store_response_pickle"));
  CHECK_EQ(body(prepare_retrieve), test::bytes_of("prepare_retrieve_response_miss"));
  CHECK_EQ(body(commit_store), test::bytes_of("bool_false"));
  CHECK_EQ(body(commit_retrieve), test::bytes_of("bool_true"));
  CHECK_EQ(body(ping), test::bytes_of("bool_true"));
  CHECK_EQ(body(noop), test::bytes_of("noop_response"));
  CHECK_EQ(body(get_experimental), from_hex("90"));
  for (const operation op : {lookup, free_lookup_locks, end_session, clear, unregister_kv_cache,
                             unregister_engine_driven, report_block_allocation, subscribe_kv_events,
                             cb_unified_lookup, p2p_query_lookup_results, cb_protocol_handshake}) {
    CHECK_EQ(body(op), "null");
  }
}

TEST_CASE("a refused registration is told by text in the operation frame") {
  size_t by_text = 0;
  for (const operation_info& row : operations()) {
    if (refused_by_text(row.op)) {
      CHECK(row.name.starts_with("register_"));
      ++by_text;
    }
  }
  CHECK_EQ(by_text, 3);
  const std::string frame = refusal_frame(operation::register_engine_driven, "why");
  CHECK_EQ(frame, encode_str("register_kv_cache_engine_driven_context refused: why"));
  CHECK_FALSE(parse_operation(test::as_bytes(frame)));
}

TEST_CASE("a refused module call carries an error in the peer's form") {
  CHECK_EQ(encode_module_error("unknown server module method: pkg.echo"),
           test::bytes_of("server_module_response"));
}
