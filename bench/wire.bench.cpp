// Codec costs on the way of a lookup and of the two-phase calls.
#include "actors/gateway/wire/decode.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/msgpack_writer.hpp"
#include "actors/gateway/wire/pickle_tensors.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace actord::wire;

namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Inputs are taken in turn from this many: a single one would be learnt by the
/// branch predictor, which no real stream of prompts allows.
constexpr size_t inputs = 64;

/// An array of `count` token ids below `vocabulary`. The larger the share of
/// ids on both sides of 65536, the harder the widths are to foresee.
std::string tokens(size_t count, uint32_t vocabulary, size_t seed) {
  std::mt19937 random(static_cast<uint32_t>(seed));
  msgpack_writer out;
  out.array(count);
  for (size_t i = 0; i < count; ++i) {
    out.unsigned_integer(random() % vocabulary);
  }
  return out.take();
}

std::string lookup_key(size_t count, uint32_t vocabulary, size_t seed) {
  msgpack_writer out;
  out.map(10);
  out.str("model_name");
  out.str("meta-llama/Llama-3.1-8B-Instruct");
  out.str("world_size");
  out.integer(1);
  out.str("worker_id");
  out.nil();
  out.str("token_ids");
  out.bytes() += tokens(count, vocabulary, seed);
  out.str("start");
  out.integer(0);
  out.str("end");
  out.unsigned_integer(count);
  out.str("request_id");
  out.str("cmpl-7f5c0e4d1c2b4f6f9a53a1f0b7c2d3e4-0");
  out.str("cache_salt");
  out.str("");
  out.str("request_configs");
  out.nil();
  out.str("num_kv_readers");
  out.integer(1);
  return out.take();
}

void decode_tokens(benchmark::State& state) {
  std::vector<std::string> arrays;
  for (size_t i = 0; i < inputs; ++i) {
    arrays.push_back(tokens(8192, static_cast<uint32_t>(state.range(0)), i));
  }
  std::vector<uint32_t> out;
  size_t turn = 0;
  for (auto _ : state) {
    msgpack_reader in(as_bytes(arrays[turn++ % inputs]));
    in.read_tokens(out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * 8192);
}
BENCHMARK(decode_tokens)->Arg(32000)->Arg(128256)->Arg(256000);

void decode_lookup(benchmark::State& state) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < inputs; ++i) {
    keys.push_back(lookup_key(8192, static_cast<uint32_t>(state.range(0)), i));
  }
  const std::string size = "\x01";
  size_t turn = 0;
  for (auto _ : state) {
    const std::array<std::span<const std::byte>, 2> frames
      = {as_bytes(keys[turn++ % inputs]), as_bytes(size)};
    auto result = decode_request(operation::lookup, frames);
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(decode_lookup)->Arg(32000)->Arg(128256);

void encode_slots(benchmark::State& state) {
  const std::array<int64_t, 4> shape = {2, 32, 256, 1024};
  std::vector<slot> slots;
  std::vector<uint32_t> indices;
  for (uint32_t i = 0; i < 32; ++i) {
    slots.push_back({uint64_t{i} << 25, uint64_t{1} << 25, shape, "bfloat16"});
    indices.push_back(i);
  }
  for (auto _ : state) {
    auto body = encode_prepare_store(slots, indices);
    benchmark::DoNotOptimize(body.data());
  }
}
BENCHMARK(encode_slots);

void parse_pickle_of_32_chunks(benchmark::State& state) {
  const std::array<int64_t, 4> shape = {2, 4, 256, 64};
  const std::string chunk(tensor_pickler("bfloat16", shape).tensor_bytes(), 'x');
  const std::vector<std::span<const std::byte>> chunks(32, as_bytes(chunk));
  const std::string bytes = emit_pickled_tensors("bfloat16", shape, chunks);
  for (auto _ : state) {
    auto result = parse_pickled_tensors(as_bytes(bytes));
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(parse_pickle_of_32_chunks);

} // namespace
