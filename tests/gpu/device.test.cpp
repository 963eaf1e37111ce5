#include "gpu/cuda_device.hpp"
#include "gpu/dtype.hpp"
#include "gpu/host_device.hpp"

#include "tests/gpu/paged_memory.hpp"

#include <doctest/doctest.h>

using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

tensor_descriptor of_kind(tensor_descriptor::kind kind) {
  auto result = describe({8, 16, 8});
  result.type = kind;
  return result;
}

using kind = tensor_descriptor::kind;

} // namespace

TEST_CASE("dtypes are known by name and alias, others are refused") {
  CHECK(find_dtype("bfloat16") == dtype{"bfloat16", 2});
  CHECK(find_dtype("half") == dtype{"float16", 2});
  CHECK(find_dtype("short") == dtype{"int16", 2});
  CHECK(find_dtype("float") == dtype{"float32", 4});
  CHECK(find_dtype("int") == dtype{"int32", 4});
  CHECK(find_dtype("double") == dtype{"float64", 8});
  CHECK(find_dtype("long") == dtype{"int64", 8});
  CHECK(find_dtype("bool") == dtype{"bool", 1});
  CHECK(find_dtype("float8_e8m0fnu") == dtype{"float8_e8m0fnu", 1});
  for (const char* bad : {"", "torch.float16", "float4_e2m1fn_x2", "qint8", "complex64", "Half"})
    CHECK_FALSE(find_dtype(bad).has_value());
}

TEST_CASE("text from outside is cut and cleaned before it is shown") {
  CHECK_EQ(shown("a\nb\x80"), "a?b?");
  CHECK_EQ(shown(std::string(100, 'x')), std::string(64, 'x') + "...");
}

TEST_CASE("the device is chosen by what all tensors have in common") {
  host_device host;
  host_device other; // stands for a GPU
  const auto cpu = of_kind(kind::cpu_shm), raw = of_kind(kind::cuda_raw),
             pytorch = of_kind(kind::cuda);
  CHECK_EQ(choose_device({cpu, cpu}, host, &other).chosen, &host);
  CHECK_EQ(choose_device({raw, pytorch}, host, &other).chosen, &other);
  auto refused = choose_device({cpu, raw, raw}, host, &other);
  CHECK_EQ(refused.chosen, nullptr);
  CHECK(refused.error.find("1 of 3 KV tensors are on the CPU") != std::string::npos);
  CHECK(choose_device({raw}, host, nullptr).error.find("built without CUDA") != std::string::npos);
  CHECK(choose_device({}, host, &other).error.find("empty") != std::string::npos);
}

TEST_CASE("a CUDA device refuses a handle that cannot be opened, with a reason") {
  auto cuda = make_cuda_device();
  if (cuda == nullptr) {
    CHECK(copy_blocks_on_gpu({}, direction::gather, {}).find("without CUDA") != std::string::npos);
    return;
  }
  CHECK_EQ(cuda->name(), "cuda");
  CHECK_FALSE(cuda->host_readable());
  auto tensor = of_kind(kind::cuda_raw);
  tensor.ipc_handle = std::string(64, '\1');
  tensor.device_uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
  auto result = cuda->open({tensor});
  CHECK(result.tensors.empty());
  CHECK_MESSAGE(result.error.find("this server") != std::string::npos, result.error);
}
