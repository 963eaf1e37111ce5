#include "actors/gateway/wire/encode.hpp"

#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <array>
#include <numeric>

using namespace actord::wire;
using actord::wire::test::bytes_of;

namespace {

const std::array<int64_t, 4> shape = {2, 2, 16, 8};
const std::array<slot, 2> slots = {{{0, 1024, shape, "float16"}, {4096, 1024, shape, "float16"}}};

} // namespace

TEST_CASE("plain results match the vectors") {
  CHECK_EQ(encode_transfer("stub_ipc_handle", true), bytes_of("store_response_ok"));
  CHECK_EQ(encode_transfer("", false), bytes_of("store_response_unregistered"));
  CHECK_EQ(encode_int(3), bytes_of("int_3"));
  CHECK_EQ(encode_int(256), bytes_of("int_256"));
  CHECK_EQ(encode_int(0), bytes_of("optional_int_0"));
  CHECK_EQ(encode_bool(true), bytes_of("bool_true"));
  CHECK_EQ(encode_bool(false), bytes_of("bool_false"));
  CHECK_EQ(encode_str("OK"), bytes_of("noop_response"));
  const std::vector<std::string> names = {"kv_event_stream"};
  CHECK_EQ(encode_str_list(names), bytes_of("experimental_list"));
}

TEST_CASE("answers to engine-driven calls match the vectors") {
  CHECK_EQ(encode_registration("lmcache_l1_pool_wiretest", 67108864),
           bytes_of("register_engine_driven_response_shm"));
  CHECK_EQ(encode_registration("", 0), bytes_of("register_engine_driven_response_pickle"));
  const std::array<uint32_t, 2> indices = {0, 2};
  CHECK_EQ(encode_prepare_store(slots, indices), bytes_of("prepare_store_response_shm"));
  CHECK_EQ(encode_prepare_store({}, {}), bytes_of("prepare_store_response_shm_all_cached"));
  CHECK_EQ(encode_prepare_store_pickle(), bytes_of("prepare_store_response_pickle"));
  CHECK_EQ(encode_prepare_retrieve(slots), bytes_of("prepare_retrieve_response_shm"));
  CHECK_EQ(encode_prepare_retrieve_miss(), bytes_of("prepare_retrieve_response_miss"));
}

TEST_CASE("a pickle answer is put together from head, data and tail") {
  std::string body = encode_prepare_retrieve_head(3);
  body += "abc";
  body += prepare_retrieve_tail();
  CHECK_EQ(body, test::from_hex("83a773756363657373c3a464617461c403616263"
                                "a7636f6e7465787480"));
}

TEST_CASE("an event batch matches the vector") {
  actord::chunk_hash hash;
  std::iota(hash.bytes.begin(), hash.bytes.end(), uint8_t{0});
  kv_event_batch batch;
  batch.incarnation = 1795449688882079534;
  batch.next_cursor = 2;
  batch.events.resize(2);
  batch.events[0] = {1, "stored", "CPU", "m", {hash}, {}, {1, 2, 3, 4}};
  batch.events[1] = {2, "removed", "CPU", "m", {hash}, {}, {}};
  CHECK_EQ(encode_kv_event_batch(batch), bytes_of("kv_event_batch"));
  batch.events[0].parent_block_hash = hash;
  const std::string with_parent = encode_kv_event_batch(batch);
  CHECK_EQ(with_parent.size(), bytes_of("kv_event_batch").size() + 33);
}

TEST_CASE("the answers inside whole messages match") {
  CHECK_EQ(encode_bool(true), test::frames_of("frames_response_ping").at(2));
  CHECK_EQ(encode_transfer("stub_ipc_handle", true),
           test::frames_of("frames_response_store").at(2));
}
