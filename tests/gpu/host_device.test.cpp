#include "gpu/host_device.hpp"

#include "tests/gpu/paged_memory.hpp"
#include "tests/gpu/shm_segment.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <numeric>

using namespace actord;
using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

size_t mappings_of(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  size_t result = 0;
  for (std::string line; std::getline(maps, line);)
    result += line.find(name) != std::string::npos ? 1 : 0;
  return result;
}

void refuse(const std::vector<tensor_descriptor>& tensors, const std::string& why) {
  host_device device;
  auto result = device.open(tensors);
  CHECK(result.tensors.empty());
  CHECK_MESSAGE(result.error.find(why) != std::string::npos, result.error);
}

} // namespace

TEST_CASE("tensors of one segment share one mapping, which goes with the last of them") {
  shm_segment segment(8192);
  const auto shape = describe({2, 4, 8, 2, 8}); // 2048 bytes
  host_device device;
  auto result = device.open({segment.place(shape), segment.place(shape, 1024)});
  REQUIRE_MESSAGE(result.error.empty(), result.error);
  REQUIRE_EQ(result.tensors.size(), 2u);
  CHECK_EQ(mappings_of(segment.name), 2u); // ours and the test's own
  CHECK_EQ(result.tensors[1].base - result.tensors[0].base, 2048);
  CHECK_EQ(result.tensors[0].stride_bytes, (std::vector<uint64_t>{1024, 256, 32, 16, 2}));
  CHECK_EQ(result.tensors[0].type.name, "float16");
  segment.data[2048] = std::byte{7};
  CHECK_EQ(*result.tensors[1].base, std::byte{7});
  result.tensors.erase(result.tensors.begin());
  CHECK_EQ(mappings_of(segment.name), 2u);
  result.tensors.clear();
  CHECK_EQ(mappings_of(segment.name), 1u);
}

TEST_CASE("an empty tensor needs no segment") {
  auto empty = describe({1, 4});
  empty.shape = {0, 4};
  empty.nbytes = 0;
  host_device device;
  auto result = device.open({empty});
  REQUIRE(result.error.empty());
  CHECK_EQ(result.tensors[0].base, nullptr);
}

TEST_CASE("segments that are no KV memory of ours are refused") {
  shm_segment segment(4096);
  auto tensor = segment.place(describe({4, 4}));
  SUBCASE("a foreign name") {
    shm_segment pool(4096, "/lmcache_l1_pool_");
    refuse({pool.place(describe({4, 4}))}, "is not a KV segment");
  }
  SUBCASE("a path") {
    tensor.shm_name = "/lmcache_kv_../../etc/passwd";
    refuse({tensor}, "is not a KV segment");
  }
  SUBCASE("no name") {
    tensor.shm_name.clear();
    refuse({tensor}, "names no shared memory");
  }
  SUBCASE("only the prefix") {
    tensor.shm_name = "/lmcache_kv_";
    refuse({tensor}, "is not a KV segment");
  }
  SUBCASE("a name that ends early") {
    tensor.shm_name += std::string("\0x", 2);
    refuse({tensor}, "is not a KV segment");
  }
  SUBCASE("a name that does not exist") {
    tensor.shm_name = "/lmcache_kv_0_nobody";
    refuse({tensor}, "cannot open shared memory /lmcache_kv_0_nobody");
  }
  SUBCASE("more bytes than the segment has") {
    tensor.nbytes = 4097;
    refuse({tensor}, "has 4096 bytes, but 4097 were announced");
  }
  SUBCASE("another kind of device") {
    tensor.type = tensor_descriptor::kind::cuda_raw;
    refuse({tensor}, "not in shared memory");
  }
  if (::geteuid() == 0) {
    SUBCASE("a segment of another user") {
      REQUIRE_EQ(::fchown(segment.fd, 65534, 65534), 0);
      refuse({tensor}, "belongs to user 65534, but the server runs as user 0");
    }
  }
  CHECK_EQ(mappings_of(segment.name), 1u);
}

TEST_CASE("tensors that end outside of their segment are refused") {
  shm_segment segment(4096);
  auto tensor = segment.place(describe({4, 4}));
  SUBCASE("by their shape") {
    tensor.shape[0] = 513;
    refuse({tensor}, "ends at byte 4104");
  }
  SUBCASE("by their offset") {
    tensor.storage_offset = 2033;
    refuse({tensor}, "ends at byte 4098");
  }
  SUBCASE("by a product that overflows") {
    tensor.shape[0] = INT64_MAX;
    tensor.stride[0] = INT64_MAX;
    refuse({tensor}, "beyond 2^64");
  }
  SUBCASE("by a sum that overflows") {
    tensor.shape = {INT64_MAX, INT64_MAX, INT64_MAX};
    tensor.stride = {1, 1, 1};
    refuse({tensor}, "beyond 2^64");
  }
  SUBCASE("by a negative stride") {
    tensor.stride[1] = -1;
    refuse({tensor}, "negative");
  }
  SUBCASE("by a negative offset") {
    tensor.storage_offset = -1;
    refuse({tensor}, "negative");
  }
  SUBCASE("by ranks that differ") {
    tensor.stride.pop_back();
    refuse({tensor}, "its shape has 2 dimensions but its stride 1");
  }
  SUBCASE("by an unknown dtype") {
    tensor.dtype = "quint4x2";
    refuse({tensor}, "dtype 'quint4x2' is not supported");
  }
}

TEST_CASE("a segment that is truncated during a copy breaks the job and not the process") {
  constexpr size_t size = 64 * 4096;
  shm_segment segment(size);
  const auto tensor = segment.place(describe({64, 16, 128})); // one page a block
  host_device device;
  auto opened = device.open({tensor});
  REQUIRE(opened.error.empty());
  layout_options options;
  options.chunk_tokens = 1024;
  const auto layout = make_paged_layout({&tensor, 1}, {}, {}, options).layout.value();
  std::vector<block_list> ids(1, block_list(64));
  std::iota(ids[0].begin(), ids[0].end(), 0);
  const std::vector<slot> slots{{0, 0, 0, 0, size}};
  bytes pool(size, std::byte{3});
  std::memset(segment.data, 5, size);
  for (auto way : {direction::gather, direction::scatter}) {
    CAPTURE(static_cast<int>(way));
    opened = device.open({tensor});
    REQUIRE_MESSAGE(opened.error.empty(), opened.error);
    auto made = copy_job::make(layout, opened.tensors, pool, {way, 1, ids, slots});
    REQUIRE(made.job.has_value());
    CHECK(made.job->ok());
    segment.truncate(10 * 4096);
    made.job->run(0, made.job->pieces());
    CHECK_FALSE(made.job->ok());
    auto next = copy_job::make(layout, opened.tensors, pool, {way, 1, ids, slots});
    CHECK_FALSE(next.job.has_value());
    CHECK(next.error.find("truncated") != std::string::npos);
    segment.truncate(size);
  }
  CHECK_EQ(pool[0], std::byte{5});         // read before the cut
  CHECK_EQ(pool[10 * 4096], std::byte{0}); // the page that replaced the first lost one
  CHECK_EQ(segment.data[9 * 4096], std::byte{5});
}

TEST_CASE("a page that a guarded range loses is replaced alone when only pages are to be") {
  install_bus_error_guard();
  shm_segment segment(4 * 4096);
  std::memset(segment.data, 9, segment.bytes);
  auto guard = register_guarded_range(segment.data, segment.bytes);
  REQUIRE(guard.registered());
  segment.truncate(2 * 4096);
  CHECK_FALSE(guard.broken());
  auto* at = static_cast<volatile std::byte*>(segment.data + 2 * 4096);
  CHECK(*at == std::byte{0});
  CHECK(guard.broken());
  segment.truncate(4 * 4096);
  at[0] = std::byte{1};
  segment.data[3 * 4096] = std::byte{2};
  std::byte seen[2] = {};
  REQUIRE_EQ(::pread(segment.fd, seen, 1, 2 * 4096), 1);
  REQUIRE_EQ(::pread(segment.fd, seen + 1, 1, 3 * 4096), 1);
  CHECK_EQ(seen[0], std::byte{0}); // private by now
  CHECK_EQ(seen[1], std::byte{2}); // still the segment
}

TEST_CASE("a guard moves with its owner and ends with it") {
  alignas(4096) static std::byte page[4096];
  auto first = register_guarded_range(page, sizeof page);
  auto second = std::move(first);
  CHECK_FALSE(first.registered());
  CHECK(second.registered());
  second = {};
  CHECK_FALSE(second.registered());
  std::vector<guarded_range> all;
  for (size_t i = 0; i < max_guarded_ranges; ++i)
    all.push_back(register_guarded_range(page, sizeof page));
  CHECK(all.back().registered());
  CHECK_FALSE(register_guarded_range(page, sizeof page).registered());
  all.pop_back();
  CHECK(register_guarded_range(page, sizeof page).registered());
}
