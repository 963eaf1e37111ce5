// Hot paths of the index under every L2 adapter.
#include "storage/l2_index.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <random>

using namespace actord;

namespace {

constexpr uint32_t prompt_chunks = 100, lookup_keys = 1000;

struct filled_l2 {
  explicit filled_l2(eviction_kind kind) : index{config_of(kind)} {
  }

  static l2_index::config config_of(eviction_kind kind) {
    l2_index::config result;
    result.eviction = kind;
    return result;
  }
  void append_prompt(std::vector<object_ref>& to, uint64_t first) const {
    for (uint64_t i = first; i < first + prompt_chunks; ++i) {
      object_ref ref{space, {}, pack_kv_rank(1, 0), 0, 4096};
      auto word = (i + 1) * 0x9e3779b97f4a7c15u;
      std::memcpy(ref.hash.bytes.data(), &word, sizeof word);
      to.push_back(ref);
    }
  }
  void store(uint64_t first) {
    batch.clear();
    append_prompt(batch, first);
    index.begin_store(batch);
    for (const auto& ref : batch)
      index.stored(ref, ref.length_bytes);
  }
  void fill(uint64_t objects) {
    for (uint64_t first = 0; first < objects; first += prompt_chunks)
      store(first);
  }

  l2_index index;
  std::shared_ptr<const key_space> space
    = std::make_shared<const key_space>(key_space{"model", 1, ""});
  std::vector<object_ref> batch;
};

/// Processor time of this thread: other processes do not count as stalls.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Lookup and unlock of 1000 keys at random places of `range` objects; hits (1) or misses (0).
void l2_lookup_1000(benchmark::State& state) {
  auto objects = static_cast<uint64_t>(state.range(0));
  filled_l2 filled{eviction_kind::lru};
  filled.fill(objects);
  std::mt19937_64 random{1};
  std::vector<std::vector<object_ref>> lookups(64);
  for (auto& each : lookups)
    while (each.size() < lookup_keys)
      filled.append_prompt(each, random() % (objects / prompt_chunks) * prompt_chunks
                                   + (state.range(1) == 0 ? objects : 0));
  size_t at = 0;
  for (auto _ : state) {
    const auto& refs = lookups[at++ % lookups.size()];
    benchmark::DoNotOptimize(filled.index.lock(refs));
    state.PauseTiming();
    filled.index.unlock(refs);
    state.ResumeTiming();
  }
}
BENCHMARK(l2_lookup_1000)
  ->Args({1'000'000, 1})
  ->Args({1'000'000, 0})
  ->Unit(benchmark::kMicrosecond);

/// From nothing to `range` objects; the longest store of 100 objects shows what growth costs.
void l2_grow(benchmark::State& state) {
  auto objects = static_cast<uint64_t>(state.range(0));
  double longest_ms = 0, bytes = 0;
  for (auto _ : state) {
    filled_l2 filled{eviction_kind::lru};
    for (uint64_t first = 0; first < objects; first += prompt_chunks) {
      auto start = cpu_ms();
      filled.store(first);
      longest_ms = std::max(longest_ms, cpu_ms() - start);
    }
    bytes = static_cast<double>(filled.index.table_bytes());
  }
  state.counters["longest_batch_ms"] = longest_ms;
  state.counters["bytes_each"] = bytes / static_cast<double>(objects);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(l2_grow)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond)->Iterations(1);

/// 1 % of a million objects planned and erased in slices of 256.
void l2_evict_one_percent(benchmark::State& state) {
  auto kind = static_cast<eviction_kind>(state.range(0));
  constexpr uint64_t objects = 1'000'000, victims = objects / 100, slice = 256;
  filled_l2 filled{kind};
  filled.fill(objects);
  uint64_t next = objects;
  double longest_ms = 0;
  for (auto _ : state) {
    for (uint64_t gone = 0; gone < victims; gone += slice) {
      auto start = cpu_ms();
      for (const auto& each : filled.index.plan_evict(UINT64_MAX, std::min(slice, victims - gone)))
        filled.index.erased(each);
      longest_ms = std::max(longest_ms, cpu_ms() - start);
    }
    state.PauseTiming();
    for (uint64_t stored = 0; stored < victims; stored += prompt_chunks)
      filled.store(next += prompt_chunks);
    state.ResumeTiming();
  }
  state.counters["longest_slice_ms"] = longest_ms;
  state.SetLabel(std::string{to_string(kind)});
}
BENCHMARK(l2_evict_one_percent)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

} // namespace
