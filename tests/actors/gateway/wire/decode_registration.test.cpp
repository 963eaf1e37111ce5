#include "actors/gateway/wire/decode_registration.hpp"

#include "actors/gateway/wire/decode_descriptor.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

using namespace actord;
using namespace actord::wire;
using test::bytes_of;
using test::decode_bad;
using test::decode_ok;
using test::from_hex;
using descriptor_kind = gpu::tensor_descriptor::kind;

namespace {

std::vector<std::string> registration(std::string kv_cache) {
  return {from_hex("07"),
          std::move(kv_cache),
          encode_str("m"),
          from_hex("02"),
          bytes_of("engine_type_vllm"),
          bytes_of("layout_hints_hnd"),
          bytes_of("engine_group_infos")};
}

/// Decodes the inside of a handle; returns the error's text in `error`.
gpu::tensor_descriptor body(const std::string& bytes, std::string* error = nullptr) {
  msgpack_reader in(test::as_bytes(bytes));
  auto result = read_descriptor_body(in);
  if (error != nullptr) {
    *error = in.error();
  } else {
    CHECK_MESSAGE(in.ok(), in.error());
  }
  return result;
}

std::string body_error(const std::string& bytes) {
  std::string error;
  body(bytes, &error);
  return error;
}

/// The CPU handle of the vectors with one byte string replaced by another.
std::string changed(std::string_view from_hex_text, std::string_view to_hex_text,
                    std::string_view name = "ipc_descriptor_cpu_shm") {
  std::string bytes = bytes_of(name);
  const std::string from = from_hex(from_hex_text);
  const size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, from.size(), from_hex(to_hex_text));
}

} // namespace

TEST_CASE("a registration of the real client decodes") {
  const auto result = decode_ok<register_kv_cache>(operation::register_kv_cache,
                                                   registration(bytes_of("kv_cache_list_cpu_shm")));
  CHECK_EQ(result.instance_id, 7);
  CHECK_EQ(result.model_name, "m");
  CHECK_EQ(result.world_size, 2);
  CHECK_EQ(result.engine_type, "vllm");
  CHECK_EQ(result.hints.kv_layout, "HND");
  CHECK_FALSE(result.hints.head_dim);
  REQUIRE_EQ(result.kv_cache.size(), 1);
  CHECK_EQ(result.kv_cache[0].shm_name, "/lmcache_kv_4242_0");
  REQUIRE_EQ(result.groups.size(), 2);
  CHECK_EQ(result.groups[0].layer_indices, std::vector<int64_t>{0, 2});
  CHECK_EQ(result.groups[0].tokens_per_block, 16);
  CHECK_EQ(result.groups[0].sw_size_tokens, -1);
  CHECK_EQ(result.groups[1].engine_group_id, 1);
  CHECK_EQ(result.groups[1].sw_size_tokens, 512);
  const auto cuda = decode_ok<register_kv_cache>(operation::register_kv_cache,
                                                 registration(bytes_of("kv_cache_list_cuda")));
  CHECK_EQ(cuda.kv_cache.at(0).type, descriptor_kind::cuda);
}

TEST_CASE("a CPU handle decodes") {
  const auto tensor = body(bytes_of("ipc_descriptor_cpu_shm"));
  CHECK_EQ(tensor.type, descriptor_kind::cpu_shm);
  CHECK_EQ(tensor.dtype, "float16");
  CHECK_EQ(tensor.shape, std::vector<int64_t>{2, 16, 2, 4, 4});
  CHECK_EQ(tensor.stride, std::vector<int64_t>{512, 32, 16, 4, 1});
  CHECK_EQ(tensor.storage_offset, 0);
  CHECK_EQ(tensor.nbytes, 2048);
  CHECK_EQ(tensor.device_uuid, "cpu");
}

TEST_CASE("CUDA handles decode") {
  const auto cuda = body(bytes_of("ipc_descriptor_cuda"));
  CHECK_EQ(cuda.type, descriptor_kind::cuda);
  CHECK_EQ(cuda.ipc_handle.size(), 66);
  CHECK_EQ(cuda.nbytes, 4096);
  CHECK_EQ(cuda.alloc_offset, 0);
  const auto raw = body(bytes_of("ipc_descriptor_cuda_raw"));
  CHECK_EQ(raw.type, descriptor_kind::cuda_raw);
  CHECK_EQ(raw.ipc_handle.size(), 64);
  CHECK_EQ(raw.alloc_offset, 512);
  CHECK_EQ(raw.nbytes, 2048);
  const auto vmm = body(bytes_of("ipc_descriptor_cuda_vmm"));
  CHECK_EQ(vmm.type, descriptor_kind::cuda_vmm);
  CHECK_EQ(vmm.ipc_handle.size(), 64);
  CHECK_EQ(vmm.device_uuid, "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
}

TEST_CASE("a handle with a bad member is refused with a text") {
  // version 1 becomes 2
  CHECK_EQ(body_error(changed("a776657273696f6e01", "a776657273696f6e02")),
           "version: 2 is not supported, only 1 is");
  // nbytes 2048 becomes 2047
  CHECK_EQ(body_error(changed("cd0800", "cd07ff")),
           "shape and stride reach 2048 bytes into a segment of 2047");
  // float16 becomes floaf16
  CHECK_EQ(body_error(changed("666c6f61743136", "666c6f61663136")),
           "metadata: dtype: \"floaf16\" is not a supported dtype");
  // version becomes wersion
  CHECK_EQ(body_error(changed("76657273696f6e", "77657273696f6e")), "\"wersion\": unknown key");
  // stride 1 becomes -1
  CHECK_EQ(body_error(changed("100401ae", "1004ffae")), "metadata: stride: -1 is negative");
  // cpu_shm becomes musa
  CHECK_EQ(body_error(changed("a76370755f73686d", "a46d757361")),
           "type: handles of musa devices are not supported; use CUDA or CPU workers");
  CHECK_EQ(body_error(changed("a76370755f73686d", "a3787878")),
           "type: \"xxx\" is none of cpu_shm cuda cuda_raw cuda_vmm");
  // the last of five dimensions goes: shape 0x95 -> 0x94
  CHECK_EQ(body_error(changed("950210020404", "9402100204")),
           "metadata: shape has 4 dimensions, stride has 5");
  // a stride of 2^62
  CHECK_EQ(body_error(changed("95cd0200", "95cf4000000000000000")),
           "shape and stride reach more than 2^63 bytes into a segment of 2048");
  CHECK_EQ(body_error(bytes_of("ipc_descriptor_cpu_shm") + "x"), "1 bytes follow the value");
  CHECK_EQ(body_error(from_hex("80")), "type: \"\" is none of cpu_shm cuda cuda_raw cuda_vmm");
  CHECK_EQ(body_error(from_hex("81a474797065a76370755f73686d")), "version is missing");
}

TEST_CASE("the tag may stand anywhere in a handle") {
  std::string bytes = bytes_of("ipc_descriptor_cpu_shm");
  const std::string tag = from_hex("a474797065a76370755f73686d");
  bytes.erase(1, tag.size());
  bytes += tag;
  CHECK_EQ(body(bytes).nbytes, 2048);
}

TEST_CASE("an empty tensor needs no segment") {
  const std::string bytes
    = from_hex("85a474797065a76370755f73686da873686d5f6e616d65a0a66e627974657300a776657273696f6e01"
               "a86d6574616461746185a56474797065a7666c6f61743136a573686170659100a673747269646591"
               "01ae73746f726167655f6f666673657400ab6465766963655f75756964a3637075");
  const auto tensor = body(bytes);
  CHECK_EQ(tensor.nbytes, 0);
  CHECK_EQ(tensor.shape, std::vector<int64_t>{0});
}

TEST_CASE("a VMM handle's blob must fit its kind") {
  // fabric becomes posix_fd, with the blob still there
  CHECK_EQ(body_error(changed("a6666162726963", "a8706f7369785f6664", "ipc_descriptor_cuda_vmm")),
           "fabric_blob must be present with kind fabric, and nil otherwise");
  // alloc_size 2 MiB becomes 1
  CHECK_EQ(body_error(changed("ce00200000", "01", "ipc_descriptor_cuda_vmm")),
           "alloc_offset 0 plus nbytes 2048 exceeds alloc_size 1");
}

TEST_CASE("only ext type 1 is a handle") {
  std::string list = bytes_of("kv_cache_list_cpu_shm");
  list[3] = 2;
  CHECK_EQ(decode_bad(operation::register_kv_cache, registration(list)).reason,
           "register_kv_cache: kv_cache: ext type 2 is not a device handle, which has type 1");
  const auto error = decode_bad(operation::register_kv_cache, registration(from_hex("9180")));
  CHECK_EQ(error.reason, "register_kv_cache: kv_cache: expected ext, found map of 0");
  CHECK_EQ(error.instance_id, 7);
}

TEST_CASE("engine type and layout names are taken literally") {
  auto frames = registration(bytes_of("kv_cache_list_cpu_shm"));
  frames[4] = encode_str("VLLM");
  CHECK_EQ(decode_bad(operation::register_kv_cache, frames).reason,
           "register_kv_cache: engine_type: \"VLLM\" is none of vllm atom sglang trtllm mock");
  frames = registration(bytes_of("kv_cache_list_cpu_shm"));
  frames[5] = from_hex("81a96b765f6c61796f7574a34e4844");
  CHECK_EQ(decode_ok<register_kv_cache>(operation::register_kv_cache, frames).hints.kv_layout,
           "NHD");
  frames[5] = from_hex("81a96b765f6c61796f7574a34e4845");
  CHECK_EQ(decode_bad(operation::register_kv_cache, frames).reason,
           "register_kv_cache: layout_hints: kv_layout: \"NHE\" is none of NHD HND BLHNC BLNHC");
  frames[5] = bytes_of("layout_hints_empty");
  frames[6] = bytes_of("engine_group_infos_empty");
  CHECK(decode_ok<register_kv_cache>(operation::register_kv_cache, frames).groups.empty());
}
