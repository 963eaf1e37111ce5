// What is cut short or damaged is refused or read as something else, but never
// read out of bounds (the sanitizers see to that) and never read in part.
#include "actors/gateway/wire/decode.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/pickle_tensors.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <random>

using namespace actord::wire;
using test::bytes_of;
using test::from_hex;

namespace {

struct sample {
  operation op;
  std::vector<std::string> frames;
};

std::vector<sample> samples() {
  using enum operation;
  const std::string key = bytes_of("key_worker_salted");
  const std::string id = bytes_of("ping_payload_63bit");
  const std::string blocks = bytes_of("block_ids");
  const std::string handle = bytes_of("event_handle_cpu_stub");
  const std::string name = encode_str("req-1");
  const std::string hints = bytes_of("layout_hints_hnd");
  const std::string groups = bytes_of("engine_group_infos");
  const std::string vllm = bytes_of("engine_type_vllm");
  const std::string three = from_hex("03");
  return {
    {register_kv_cache, {id, bytes_of("kv_cache_list_cpu_shm"), name, three, vllm, hints, groups}},
    {register_kv_cache, {id, bytes_of("kv_cache_list_cuda"), name, three, vllm, hints, groups}},
    {register_engine_driven, {bytes_of("register_engine_driven")}},
    {unregister_kv_cache, {id}},
    {store, {key, id, blocks, handle}},
    {retrieve, {key, id, blocks, handle, three}},
    {lookup, {bytes_of("key_lookup"), three}},
    {free_lookup_locks, {bytes_of("key_legacy_minimal"), three}},
    {wait_prefetch_status, {name, bytes_of("timeout_float")}},
    {end_session, {name}},
    {prepare_store, {key, id}},
    {commit_store, {key, id, handle}},
    {ping, {id}},
    {report_block_allocation, {id, name, bytes_of("block_allocation_records")}},
    {subscribe_kv_events, {id, name, three, three}},
  };
}

/// Decodes from heap copies of the exact size, so that one byte too far is seen.
bool accepted(operation op, const std::vector<std::string>& frames) {
  std::vector<std::unique_ptr<std::byte[]>> copies;
  std::vector<std::span<const std::byte>> spans;
  for (const std::string& frame : frames) {
    copies.push_back(std::make_unique<std::byte[]>(frame.size()));
    std::memcpy(copies.back().get(), frame.data(), frame.size());
    spans.emplace_back(copies.back().get(), frame.size());
  }
  return std::holds_alternative<request>(decode_request(op, spans));
}

} // namespace

TEST_CASE("a frame cut short at any byte is refused") {
  for (const sample& each : samples()) {
    REQUIRE(accepted(each.op, each.frames));
    for (size_t i = 0; i < each.frames.size(); ++i) {
      auto frames = each.frames;
      while (!frames[i].empty()) {
        frames[i].pop_back();
        CHECK_MESSAGE(!accepted(each.op, frames), info(each.op).name, " frame ", i, " at ",
                      frames[i].size());
      }
    }
  }
}

TEST_CASE("bytes after a value are refused in every frame") {
  for (const sample& each : samples()) {
    for (size_t i = 0; i < each.frames.size(); ++i) {
      for (const char extra : {'\x00', '\xc0', '\xc1', '\x90'}) {
        auto frames = each.frames;
        frames[i] += extra;
        CHECK_FALSE(accepted(each.op, frames));
      }
    }
  }
}

TEST_CASE("flipped bytes never break the decoder") {
  std::mt19937 random(11);
  for (const sample& each : samples()) {
    for (size_t i = 0; i < each.frames.size(); ++i) {
      for (size_t at = 0; at < each.frames[i].size(); ++at) {
        for (int round = 0; round < 8; ++round) {
          auto frames = each.frames;
          frames[i][at]
            = static_cast<char>(frames[i][at] ^ (round < 4 ? 1 << (2 * round) : random() % 256));
          accepted(each.op, frames);
        }
      }
    }
  }
}

TEST_CASE("damaged pickles never break the parser") {
  std::mt19937 random(13);
  const auto parse = [](const std::string& text) {
    const auto copy = std::make_unique<std::byte[]>(text.size());
    std::memcpy(copy.get(), text.data(), text.size());
    auto result = parse_pickled_tensors({copy.get(), text.size()});
    auto* tensors = std::get_if<std::vector<pickled_tensor>>(&result);
    if (tensors == nullptr) {
      return false;
    }
    for (const pickled_tensor& each : *tensors) {
      if (each.nbytes < 4096) {
        std::vector<std::byte> out(each.nbytes);
        each.copy_to(out);
      }
    }
    return true;
  };
  for (const char* name : {"pickle_chunks_float16", "pickle_chunks_bfloat16_x2",
                           "pickle_chunks_float8_e4m3fn", "pickle_minimal_emit"}) {
    const std::string good = bytes_of(name);
    REQUIRE(parse(good));
    CHECK_FALSE(parse(good + '.'));
    for (size_t at = 0; at < good.size(); ++at) {
      CHECK_FALSE(parse(good.substr(0, at)));
      for (int round = 0; round < 16; ++round) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (round < 8 ? 1 << round : random() % 256));
        parse(bad);
      }
    }
  }
}
