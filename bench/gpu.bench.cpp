// Gather and scatter of 64 MiB of paged KV memory, one thread, beside a plain memcpy of as much.
#include "gpu/copy_job.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>

namespace {

using namespace actord;
using namespace actord::gpu;

constexpr size_t total_bytes = 64 << 20;
constexpr uint64_t chunk_tokens = 256;
constexpr int64_t block_slots = 16;

struct buffer {
  explicit buffer(size_t count) : bytes(count) {
    data.reset(static_cast<std::byte*>(std::aligned_alloc(4096, count)));
    std::memset(data.get(), 1, count);
  }
  struct deleter {
    void operator()(std::byte* p) const {
      std::free(p);
    }
  };
  std::unique_ptr<std::byte, deleter> data;
  size_t bytes;
};

struct shape_case {
  const char* name;
  const char* kv_layout;
  std::vector<int64_t> shape; // 0: the number of blocks
};

const shape_case cases[] = {
  {"NHD [2,NB,16,8,128]", "NHD", {2, 0, 16, 8, 128}},
  {"HND [2,NB,8,16,128]", "HND", {2, 0, 8, 16, 128}},
  {"HND [2,NB,8,16,64]", "HND", {2, 0, 8, 16, 64}},
  {"NHD [NB,2,16,8,128]", "NHD", {0, 2, 16, 8, 128}},
  {"HND packed [NB,8,16,256]", "HND", {0, 8, 16, 256}},
  {"MLA [NB,16,576]", "NHD", {0, 16, 576}},
};

/// Eight layers that hold the tokens of the objects in twice as many blocks, in random order.
struct engine {
  std::vector<tensor_descriptor> tensors;
  std::vector<buffer> buffers;
  std::vector<opened_tensor> opened;
  std::vector<block_list> ids{1};
  std::vector<slot> slots;
  paged_layout layout;
  std::unique_ptr<buffer> pool;
  uint64_t chunks = 0;

  explicit engine(const shape_case& c) {
    constexpr size_t layers = 8;
    size_t slot_bytes = 2;
    for (size_t i = 0; i < c.shape.size(); ++i)
      slot_bytes *= c.shape[i] == 0 ? 1 : static_cast<size_t>(c.shape[i]);
    slot_bytes /= block_slots;
    chunks = std::max<uint64_t>(1, total_bytes / (slot_bytes * layers * chunk_tokens));
    const auto blocks = static_cast<int64_t>(2 * chunks * chunk_tokens / block_slots);
    tensor_descriptor tensor;
    tensor.dtype = "bfloat16";
    tensor.shape = c.shape;
    std::ranges::replace(tensor.shape, 0, blocks);
    tensor.stride.assign(tensor.shape.size(), 1);
    for (size_t i = tensor.shape.size() - 1; i-- > 0;)
      tensor.stride[i] = tensor.stride[i + 1] * tensor.shape[i + 1];
    tensor.nbytes = 2 * tensor.stride[0] * tensor.shape[0];
    for (size_t i = 0; i < layers; ++i) {
      tensors.push_back(tensor);
      buffers.emplace_back(static_cast<size_t>(tensor.nbytes));
      opened.push_back({buffers.back().data.get(), *find_dtype("bfloat16"), tensor.shape, {}, {}});
    }
    layout_hints hints;
    hints.kv_layout = c.kv_layout;
    layout = *make_paged_layout(tensors, hints, {}, {.chunk_tokens = chunk_tokens}).layout;
    for (int64_t i = 0; i < blocks; ++i)
      ids[0].push_back(i);
    std::ranges::shuffle(ids[0], std::mt19937_64(1));
    ids[0].resize(chunks * layout.kernel_groups[0].blocks_per_chunk);
    const uint64_t length = layout.object_groups[0].layout.object_bytes;
    for (uint32_t i = 0; i < chunks; ++i)
      slots.push_back({i, 0, 0, i * length, length});
    pool = std::make_unique<buffer>(chunks * length);
  }
};

void copy(benchmark::State& state, const shape_case& c, direction way) {
  engine from(c);
  auto made = copy_job::make(from.layout, from.opened, {from.pool->data.get(), from.pool->bytes},
                             {way, from.chunks, from.ids, from.slots});
  for (auto _ : state)
    made.job->run(0, made.job->pieces());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * made.job->bytes()));
}

void plan(benchmark::State& state) {
  engine from(cases[0]);
  for (auto _ : state) {
    auto made = copy_job::make(from.layout, from.opened, {from.pool->data.get(), from.pool->bytes},
                               {direction::gather, from.chunks, from.ids, from.slots});
    benchmark::DoNotOptimize(made);
  }
}

void plain_memcpy(benchmark::State& state) {
  buffer from(total_bytes), to(total_bytes);
  for (auto _ : state) {
    std::memcpy(to.data.get(), from.data.get(), total_bytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * total_bytes));
}

[[maybe_unused]] const bool registered = [] {
  benchmark::RegisterBenchmark("memcpy 64 MiB", plain_memcpy);
  benchmark::RegisterBenchmark("plan a job of 64 MiB", plan);
  for (const auto& each : cases)
    for (auto way : {direction::gather, direction::scatter}) {
      const auto* verb = way == direction::gather ? "gather " : "scatter ";
      benchmark::RegisterBenchmark((std::string(verb) + each.name).c_str(), copy, each, way);
    }
  return true;
}();

} // namespace
