#include "actors/gateway/wire/decode.hpp"

#include "actors/gateway/wire/coerce.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/msgpack_writer.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace actord;
using namespace actord::wire;
using test::bytes_of;
using test::decode_bad;
using test::decode_ok;
using test::from_hex;

namespace {

const std::string one = from_hex("01");

/// A key with one field written by `write`, or left out where that is empty.
std::string key_with(std::string_view changed, const std::function<void(msgpack_writer&)>& write) {
  constexpr std::string_view names[] = {"model_name", "world_size", "worker_id",  "token_ids",
                                        "start",      "end",        "request_id", "cache_salt"};
  msgpack_writer out;
  out.map(write ? 8 : 7);
  for (const std::string_view name : names) {
    if (name == changed) {
      if (write) {
        out.str(name);
        write(out);
      }
      continue;
    }
    out.str(name);
    if (name == "model_name" || name == "request_id") {
      out.str("x");
    } else if (name == "cache_salt") {
      out.str("");
    } else if (name == "token_ids") {
      out.array(0);
    } else {
      out.integer(name == "world_size" ? 2 : 0);
    }
  }
  return out.take();
}

std::string key_error(std::string_view changed, const std::function<void(msgpack_writer&)>& write) {
  return decode_bad(operation::lookup, {key_with(changed, write), one}).reason;
}

int64_t coerced(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  msgpack_reader in(test::as_bytes(bytes));
  const int64_t result = coerce_int(in);
  return in.ok() ? result : -999;
}

bool truth(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  msgpack_reader in(test::as_bytes(bytes));
  const bool result = coerce_bool(in);
  in.expect_end();
  CHECK_MESSAGE(in.ok(), hex);
  return result;
}

} // namespace

TEST_CASE("the keys of the real client decode to what they say") {
  const auto plain = decode_ok<lookup>(operation::lookup, {bytes_of("key_lookup"), one}).key;
  CHECK_EQ(plain.model_name, "org/model-x");
  CHECK_EQ(plain.world_size, 2);
  CHECK_FALSE(plain.worker_id);
  CHECK_EQ(plain.token_ids, std::vector<uint32_t>{1, 2, 3, 4, 300, 70000});
  CHECK_EQ(plain.start, 0);
  CHECK_EQ(plain.end, 4);
  CHECK_EQ(plain.request_id, "req-1");
  CHECK_EQ(plain.cache_salt, "");
  CHECK_EQ(plain.num_kv_readers, 1);
  const auto salted = decode_ok<free_lookup_locks>(operation::free_lookup_locks,
                                                   {bytes_of("key_worker_salted"), one})
                        .key;
  CHECK_EQ(salted.worker_id, 1);
  CHECK_EQ(salted.cache_salt, "tenant-1");
  CHECK_EQ(salted.num_kv_readers, 2);
}

TEST_CASE("keys without the defaulted fields or with unknown ones decode") {
  const auto minimal
    = decode_ok<prepare_store>(operation::prepare_store, {bytes_of("key_legacy_minimal"), one});
  CHECK_EQ(minimal.key.worker_id, 0);
  CHECK_EQ(minimal.key.cache_salt, "");
  CHECK_EQ(minimal.key.num_kv_readers, 0);
  CHECK_EQ(minimal.instance_id, 1);
  const auto unknown = decode_ok<prepare_retrieve>(operation::prepare_retrieve,
                                                   {bytes_of("key_unknown_field"), one});
  CHECK_EQ(unknown.key.num_kv_readers, 1);
}

TEST_CASE("a key's settings name the trace that its request belongs to") {
  auto trace_of = [](const std::function<void(msgpack_writer&)>& write) {
    std::string bytes = key_with("none", [](msgpack_writer&) {});
    bytes[0] = static_cast<char>(bytes[0] + 1); // one field more
    msgpack_writer more;
    more.str("request_configs");
    write(more);
    return decode_ok<lookup>(operation::lookup, {bytes + more.take(), one}).key.trace;
  };
  CHECK_FALSE(trace_of([](msgpack_writer& out) { out.nil(); }));
  CHECK_FALSE(trace_of([](msgpack_writer& out) { out.map(0); }));
  CHECK_FALSE(trace_of([](msgpack_writer& out) {
    out.map(2);
    out.str("traceparent");
    out.integer(7);
    out.str("tracestate");
    out.str(std::string(513, 'x'));
  }));
  const auto trace = trace_of([](msgpack_writer& out) {
    out.map(3);
    out.str("lmcache.traceparent");
    out.str("00-a-b-01");
    out.str("other");
    out.array(0);
    out.str("tracestate");
    out.str("k=v");
  });
  REQUIRE(trace);
  CHECK_EQ(trace->traceparent, "00-a-b-01");
  CHECK_EQ(trace->tracestate, "k=v");
}

TEST_CASE("a key that breaks a rule is refused with field and value") {
  const auto int_of
    = [](int64_t value) { return [value](msgpack_writer& out) { out.integer(value); }; };
  const auto str_of
    = [](std::string text) { return [text](msgpack_writer& out) { out.str(text); }; };
  CHECK_EQ(key_error("world_size", int_of(0)), "lookup: key: world_size: 0 is outside 1..255");
  CHECK_EQ(key_error("world_size", int_of(256)), "lookup: key: world_size: 256 is outside 1..255");
  CHECK_EQ(key_error("worker_id", int_of(2)),
           "lookup: key: worker_id: 2 is outside 0..world_size-1 with a world_size of 2");
  CHECK_EQ(key_error("worker_id", int_of(-1)),
           "lookup: key: worker_id: -1 is outside 0..world_size-1 with a world_size of 2");
  CHECK_EQ(key_error("start", int_of(-5)), "lookup: key: start: -5 is negative");
  CHECK_EQ(key_error("end", int_of(-1)), "lookup: key: end: -1 is negative");
  CHECK_EQ(key_error("request_id", int_of(7)),
           "lookup: key: request_id: expected str, found int 7");
  CHECK_EQ(key_error("end", {}), "lookup: key: end is missing");
  CHECK_EQ(key_error("worker_id", {}), "lookup: key: worker_id is missing");
  CHECK_EQ(key_error("start", [](msgpack_writer& out) { out.boolean(true); }),
           "lookup: key: start: expected int, found bool true");
  CHECK_EQ(key_error("model_name", [](msgpack_writer& out) { out.bin("x"); }),
           "lookup: key: model_name: expected str, found bin of 1 bytes");
  CHECK(key_error("model_name", str_of("a@b")).starts_with("lookup: key: model_name: \"a@b\": "));
  CHECK(key_error("cache_salt", str_of("a/b")).starts_with("lookup: key: cache_salt: \"a/b\": "));
  CHECK(key_error("cache_salt", str_of(std::string(129, 'x'))).find("cache_salt") != 0);
  const std::string unknown = from_hex("81a47a7a7a0ac1");
  CHECK_EQ(decode_bad(operation::lookup, {unknown, one}).reason,
           "lookup: key: \"zzz\\x0a\": byte 0xc1 stands where a value is due");
}

TEST_CASE("an array in place of a map is refused") {
  CHECK_EQ(decode_bad(operation::lookup, {from_hex("90"), one}).reason,
           "lookup: key: expected map, found array of 0");
}

TEST_CASE("whole messages of the real client decode") {
  auto frames = test::frames_of("frames_request_store");
  frames.erase(frames.begin(), frames.begin() + 2);
  const auto stored = decode_ok<store>(operation::store, frames);
  CHECK_EQ(stored.instance_id, 501);
  CHECK_EQ(stored.blocks, block_lists{{1, 2}});
  CHECK_EQ(stored.event_handle, "stub_ipc_handle");
  CHECK_EQ(stored.key.cache_salt, "tenant-1");

  frames = test::frames_of("frames_request_retrieve");
  frames.erase(frames.begin(), frames.begin() + 2);
  CHECK_EQ(decode_ok<retrieve>(operation::retrieve, frames).skip_first_n_tokens, 16);

  frames = test::frames_of("frames_request_subscribe");
  frames.erase(frames.begin(), frames.begin() + 2);
  const auto stream = decode_ok<subscribe_kv_events>(operation::subscribe_kv_events, frames);
  CHECK_EQ(stream.instance_id, 77);
  CHECK_EQ(stream.model_name, "m");
  CHECK_EQ(stream.cursor, 0);
  CHECK_EQ(stream.max_events, 1024);

  frames = test::frames_of("frames_request_ping");
  CHECK_FALSE(decode_ok<ping>(operation::ping, {frames.at(2)}).instance_id);
  frames = test::frames_of("frames_request_lookup");
  CHECK_EQ(decode_ok<lookup>(operation::lookup, {frames.at(2), frames.at(3)}).key.end, 4);
}

TEST_CASE("block lists keep their groups") {
  const auto blocks_of = [](std::string_view name) {
    return decode_ok<store>(operation::store, {bytes_of("key_lookup"), one, bytes_of(name),
                                               bytes_of("event_handle_cpu_stub")})
      .blocks;
  };
  CHECK_EQ(blocks_of("block_ids"), block_lists{{1, 2, 3, 4}, {129, 70000}});
  CHECK_EQ(blocks_of("block_ids_empty_group"), block_lists{{}});
  CHECK_EQ(blocks_of("block_ids_one_group"), block_lists{{1, 2, 3, 4, 5, 6, 7, 8}});
  msgpack_writer many;
  many.array(1025);
  many.bytes().append(1025, '\x90');
  const auto error
    = decode_bad(operation::store, {bytes_of("key_lookup"), one, many.take(), from_hex("c400")});
  CHECK_EQ(error.reason, "store: block_ids: array of 1025 block lists, at most 1024 groups are "
                         "allowed");
}

TEST_CASE("short requests decode") {
  CHECK_EQ(decode_ok<ping>(operation::ping, {bytes_of("ping_payload_63bit")}).instance_id,
           INT64_MAX);
  CHECK_EQ(decode_bad(operation::ping, {from_hex("c3")}).reason,
           "ping: instance_id: expected int, found bool true");
  const auto wait = decode_ok<wait_prefetch_status>(operation::wait_prefetch_status,
                                                    {encode_str("r"), bytes_of("timeout_float")});
  CHECK_EQ(wait.timeout_s, 2.5);
  CHECK_EQ(wait.request_id, "r");
  CHECK_EQ(decode_ok<end_session>(operation::end_session, {encode_str("r")}).request_id, "r");
  CHECK(decode_ok<clear>(operation::clear, {from_hex("01")}).force);
  CHECK_FALSE(decode_ok<clear>(operation::clear, {from_hex("c0")}).force);
  decode_ok<noop>(operation::noop, {});
  decode_ok<get_chunk_size>(operation::get_chunk_size, {});
  decode_ok<get_experimental>(operation::get_experimental, {});
  CHECK_FALSE(decode_ok<unregister>(operation::unregister_kv_cache, {one}).engine_driven);
  CHECK(decode_ok<unregister>(operation::unregister_engine_driven, {one}).engine_driven);
  const auto commit = decode_ok<commit_store>(operation::commit_store, {bytes_of("key_lookup"), one,
                                                                        from_hex("c403616263")});
  CHECK_EQ(commit.data, "abc");
}

TEST_CASE("a timeout is never longer than a day nor below zero") {
  const auto timeout = [](std::string_view hex) {
    return decode_ok<wait_prefetch_status>(operation::wait_prefetch_status,
                                           {encode_str("r"), from_hex(hex)})
      .timeout_s;
  };
  CHECK_EQ(timeout("cb7ff0000000000000"), 86400);
  CHECK_EQ(timeout("ff"), 0);
  CHECK_EQ(timeout("05"), 5);
  const auto error = decode_bad(operation::wait_prefetch_status,
                                {encode_str("r"), from_hex("cb7ff8000000000000")});
  CHECK_EQ(error.reason, "wait_prefetch_status: timeout: not a number");
  CHECK_EQ(error.request_id, "r");
}

TEST_CASE("allocation records keep the number of tokens") {
  const auto report = decode_ok<report_block_allocation>(operation::report_block_allocation,
                                                         {one, encode_str("m"),
                                                          bytes_of("block_allocation_records")});
  REQUIRE_EQ(report.records.size(), 1);
  CHECK_EQ(report.records[0].request_id, "req-1");
  CHECK_EQ(report.records[0].block_ids, std::vector<int64_t>{7, 8});
  CHECK_EQ(report.records[0].token_ids.size(), 3u);
}

TEST_CASE("engine-driven registrations decode") {
  const auto full = decode_ok<register_engine_driven>(operation::register_engine_driven,
                                                      {bytes_of("register_engine_driven")});
  CHECK_EQ(full.instance_id, 4611686018427387909);
  CHECK_EQ(full.model_name, "org/model-x");
  CHECK_EQ(full.block_size, 16);
  CHECK_EQ(full.num_layers, 32);
  CHECK_EQ(full.hidden_dim_size, 1024);
  CHECK_EQ(full.dtype, "bfloat16");
  CHECK_FALSE(full.use_mla);
  CHECK_EQ(full.num_physical_slots, 256);
  const auto open = decode_ok<register_engine_driven>(
    operation::register_engine_driven, {bytes_of("register_engine_driven_null_slots")});
  CHECK(open.use_mla);
  CHECK_FALSE(open.num_physical_slots);
}

TEST_CASE("plain ints are coerced as the peer does it") {
  CHECK_EQ(coerced("cb4004000000000000"), 2);
  CHECK_EQ(coerced("cbc004000000000000"), -2);
  CHECK_EQ(coerced("c3"), 1);
  CHECK_EQ(coerced("c2"), 0);
  CHECK_EQ(coerced("a3313233"), 123);
  CHECK_EQ(coerced("a5202d31320a"), -12);
  CHECK_EQ(coerced("a4315f3030"), 100);
  CHECK_EQ(coerced("a22b37"), 7);
  CHECK_EQ(coerced("c40137"), 7);
  for (const char* hex :
       {"c0", "a0", "a161", "a2315f", "a25f31", "a4315f5f31", "a12d", "cb7ff8000000000000",
        "cb7ff0000000000000", "cb43e0000000000000", "90", "80", "cf8000000000000000", "a3312e35",
        "d40101", "b439323233333732303336383534373735383038"}) {
    CHECK_MESSAGE(coerced(hex) == -999, hex);
  }
  CHECK_EQ(coerced("cbc3e0000000000000"), INT64_MIN);
}

TEST_CASE("plain bools are coerced as the peer does it") {
  for (const char* hex : {"c3", "01", "ff", "cfffffffffffffffff", "cb3ff0000000000000", "a130",
                          "c40100", "9100", "810000", "d40100", "cb7ff8000000000000"}) {
    CHECK_MESSAGE(truth(hex), hex);
  }
  for (const char* hex : {"c2", "c0", "00", "cc00", "d300000000000000000", "cb0000000000000000",
                          "cb8000000000000000", "a0", "c400", "90", "80"}) {
    CHECK_MESSAGE(!truth(std::string_view(hex).substr(0, std::string_view(hex).size() & ~1ul)),
                  hex);
  }
}

TEST_CASE("a wrong number of frames is refused for every operation") {
  for (const operation_info& row : operations()) {
    const std::vector<std::string> frames(row.payloads + 1u, one);
    const auto error = decode_bad(row.op, frames);
    CHECK_MESSAGE(error.reason.starts_with(std::string(row.name) + ": "), error.reason);
    if (row.payloads > 0) {
      decode_bad(row.op, {});
    }
  }
  CHECK_EQ(decode_bad(operation::ping, {}).reason, "ping: 0 payload frames, expected 1");
}

TEST_CASE("operations that are not served are refused") {
  CHECK_EQ(decode_bad(operation::store_q, {one, one, one, one}).reason,
           "store_q: this server does not carry out the operation");
}

TEST_CASE("an error says whose request it was as far as that can be read") {
  const std::string salted = bytes_of("key_worker_salted");
  const auto bad_blocks
    = decode_bad(operation::retrieve, {salted, from_hex("cd01f5"), one, from_hex("c400"), one});
  CHECK_EQ(bad_blocks.reason, "retrieve: block_ids: expected array, found int 1");
  CHECK_EQ(bad_blocks.request_id, "req-1");
  CHECK_EQ(bad_blocks.instance_id, 501);
  REQUIRE(bad_blocks.key);
  CHECK_EQ(bad_blocks.key->worker_id, 1);

  const auto bad_key = decode_bad(
    operation::prepare_store,
    {key_with("world_size", [](msgpack_writer& out) { out.integer(0); }), from_hex("05")});
  CHECK_EQ(bad_key.request_id, "x");
  CHECK_EQ(bad_key.instance_id, 5);
  CHECK_FALSE(bad_key.key);

  const auto missing = decode_bad(operation::store, {salted});
  CHECK_EQ(missing.request_id, "req-1");
  CHECK_FALSE(missing.instance_id);

  const auto stream = decode_bad(operation::subscribe_kv_events,
                                 {from_hex("07"), encode_str("m"), one, from_hex("00")});
  CHECK_EQ(stream.reason, "subscribe_kv_events: max_events: 0 is outside 1..1024");
  CHECK_EQ(stream.instance_id, 7);
}
