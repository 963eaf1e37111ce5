// Hot paths of storage/: one request is 8192 tokens, 32 chunks of 256.
#include "storage/hash_chain.hpp"
#include "storage/l1_index.hpp"
#include "storage/pool_allocator.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <random>

using namespace actord;

namespace {

constexpr uint32_t request_chunks = 32;
constexpr uint64_t object_bytes = 4096;
const std::vector<group_layout> full{{-1, object_bytes, false}};

chunk_hash hash_of(uint64_t number) {
  chunk_hash result;
  auto word = (number + 1) * 0x9e3779b97f4a7c15u;
  std::memcpy(result.bytes.data(), &word, sizeof word);
  std::memcpy(result.bytes.data() + 8, &number, sizeof number);
  return result;
}

std::vector<chunk_hash> chain_of(uint64_t first, uint32_t chunks = request_chunks) {
  std::vector<chunk_hash> result;
  for (uint32_t i = 0; i < chunks; ++i)
    result.push_back(hash_of(first + i));
  return result;
}

/// An index of `chunks` units in which `resident` chunks lie.
struct filled_index {
  filled_index(uint32_t chunks, uint32_t resident, eviction_kind kind = eviction_kind::lru)
    : index{{chunks * object_bytes, object_bytes}, make_eviction_policy(kind, chunks)} {
    index.grow(chunks * object_bytes);
    space = index.intern({"model", 1, ""});
    for (uint32_t first = 0; first < resident; first += request_chunks)
      store(first);
  }
  void store(uint64_t first) {
    auto reserved = index.reserve(space, chain_of(first), 0, full, 0, 0);
    index.commit(reserved.reservation, 0);
  }
  l1_index index;
  space_id space = 0;
};

void hash_chain(benchmark::State& state) {
  chain_hasher hasher{static_cast<hash_algorithm>(state.range(0)), 256};
  std::vector<uint32_t> tokens(8192);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<uint32_t>(i * 7919 % 151'000);
  std::vector<chunk_hash> chain;
  for (auto _ : state) {
    chain.clear();
    benchmark::DoNotOptimize(hasher.extend(chain, tokens));
  }
  state.SetLabel(std::string{to_string(hasher.algorithm())});
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 8192 * 4);
}
BENCHMARK(hash_chain)->DenseRange(0, 2);

/// Lookup, claim, finish and close of a whole request, at random places of `range` chunks.
void lookup_and_claim(benchmark::State& state) {
  auto chunks = static_cast<uint32_t>(state.range(0));
  filled_index filled{chunks, chunks};
  std::mt19937_64 random{1};
  std::vector<std::vector<chunk_hash>> chains;
  chains.reserve(1024);
  for (int i = 0; i < 1024; ++i)
    chains.push_back(chain_of(random() % (chunks / request_chunks) * request_chunks));
  size_t at = 0;
  for (auto _ : state) {
    auto found = filled.index.lookup(filled.space, chains[at++ % chains.size()], full, 1, 0);
    auto claimed = filled.index.claim(found.lease, 0, 0, found.hit_chunks, full, 0);
    filled.index.finish_claim(claimed->claim);
    filled.index.close_lease(found.lease);
  }
}
BENCHMARK(lookup_and_claim)->Arg(1 << 12)->Arg(1 << 20);

void lookup_miss(benchmark::State& state) {
  filled_index filled{1 << 20, 1 << 20};
  auto chain = chain_of(uint64_t{1} << 40);
  for (auto _ : state)
    benchmark::DoNotOptimize(filled.index.lookup(filled.space, chain, full, 1, 0));
}
BENCHMARK(lookup_miss);

/// Reserve and commit of a request in a full pool: as many chunks go as come.
void reserve_and_commit(benchmark::State& state) {
  auto kind = static_cast<eviction_kind>(state.range(0));
  constexpr uint32_t chunks = 1 << 20;
  filled_index filled{chunks, chunks, kind};
  uint64_t first = chunks;
  for (auto _ : state) {
    filled.store(first);
    first += request_chunks;
  }
  state.SetLabel(std::string{to_string(kind)});
}
BENCHMARK(reserve_and_commit)->DenseRange(0, 3);

/// Batches of 32 equal objects against a pool in which every other range is free.
void allocate_and_free(benchmark::State& state) {
  auto ranges = static_cast<uint64_t>(state.range(0));
  pool_allocator pool{4096};
  pool.grow(2 * ranges * 4096);
  std::vector<uint64_t> all, offsets, sizes(2 * ranges, 4096);
  pool.allocate(sizes, all);
  for (uint64_t i = 0; i < all.size(); i += 2)
    pool.free(all[i], 4096);
  sizes.resize(request_chunks);
  for (auto _ : state) {
    offsets.clear();
    pool.allocate(sizes, offsets);
    for (auto offset : offsets)
      pool.free(offset, 4096);
  }
}
BENCHMARK(allocate_and_free)->Arg(1 << 6)->Arg(1 << 17);

void policy_touch(benchmark::State& state) {
  auto kind = static_cast<eviction_kind>(state.range(0));
  constexpr column_id columns = 1 << 20;
  auto policy = make_eviction_policy(kind, columns);
  for (column_id column = 0; column < columns; ++column)
    policy->admitted(column, {column * 0x9e3779b97f4a7c15u, 1, column % 16});
  std::mt19937_64 random{1};
  for (auto _ : state)
    policy->touched(static_cast<column_id>(random() % columns));
  state.SetLabel(std::string{to_string(kind)});
}
BENCHMARK(policy_touch)->DenseRange(0, 3);

void policy_walk_1000(benchmark::State& state) {
  auto kind = static_cast<eviction_kind>(state.range(0));
  constexpr column_id columns = 1 << 20;
  auto policy = make_eviction_policy(kind, columns);
  for (column_id column = 0; column < columns; ++column)
    policy->admitted(column, {column * 0x9e3779b97f4a7c15u, 1, column % 16});
  for (auto _ : state) {
    int left = 1000;
    policy->walk(std::nullopt,
                 [&](column_id) { return --left < 0 ? offer_answer::stop : offer_answer::taken; });
  }
  state.SetLabel(std::string{to_string(kind)});
}
BENCHMARK(policy_walk_1000)->DenseRange(0, 3);

/// Processor time of this thread: other processes do not count as stalls.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// 1 % of a million columns in slices of 256; the longest slice stalls a lookup that long.
void evict_one_percent(benchmark::State& state) {
  auto kind = static_cast<eviction_kind>(state.range(0));
  constexpr uint32_t chunks = 1'000'000, victims = chunks / 100, slice = 256;
  filled_index filled{chunks, chunks, kind};
  std::mt19937_64 random{1};
  for (int i = 0; i < 20'000; ++i) // mixes the order, so that victims lie far apart
    filled.index.touch(filled.space,
                       chain_of(random() % (chunks / request_chunks) * request_chunks));
  uint64_t next = chunks;
  double longest_ms = 0;
  for (auto _ : state) {
    for (uint32_t gone = 0; gone < victims; gone += slice) {
      auto start = cpu_ms();
      filled.index.evict(UINT64_MAX, std::min(slice, victims - gone));
      longest_ms = std::max(longest_ms, cpu_ms() - start);
    }
    state.PauseTiming();
    for (uint32_t stored = 0; stored < victims; stored += request_chunks)
      filled.store(next += request_chunks);
    state.ResumeTiming();
  }
  state.counters["longest_slice_ms"] = longest_ms;
  state.SetLabel(std::string{to_string(kind)});
}
BENCHMARK(evict_one_percent)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
