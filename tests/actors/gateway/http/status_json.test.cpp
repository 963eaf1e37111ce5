#include "actors/gateway/http/status_json.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace actord;
using namespace actord::http;

namespace {

json sample(const char* label) {
  std::ifstream file{ACTORD_TEST_DATA "/http_samples.json"};
  REQUIRE(file.good());
  const auto recorded = json::parse(file);
  for (const auto& one : recorded["samples"])
    if (one["label"] == label)
      return one["response"]["json"];
  FAIL("no sample ", label);
  return {};
}

// What `expected` has and `got` has not: a key, its place among the others, or the type of a value.
// Maps from ids and clocks to values are compared by their first entry.
void check_shape(const json& got, const json& expected, const std::string& where) {
  CHECK_MESSAGE(got.type_name() == std::string{expected.type_name()}, where);
  if (expected.is_array() && !expected.empty()) {
    REQUIRE_MESSAGE(!got.empty(), where);
    check_shape(got[0], expected[0], where + "[0]");
  }
  if (!expected.is_object())
    return;
  std::vector<std::string> order;
  for (const auto& [name, value] : got.items())
    if (expected.contains(name))
      order.push_back(name);
  size_t place = 0;
  for (const auto& [name, value] : expected.items()) {
    REQUIRE_MESSAGE(got.contains(name), (where + "." + name));
    CHECK_MESSAGE(order.at(place++) == name, (where + "." + name));
    check_shape(got[name], value, where + "." + name);
  }
}

gpu::paged_layout sample_layout() {
  gpu::kernel_group group;
  group.geometry.format = gpu::kv_format::two_nb_bs_nh_hs;
  group.geometry.type = *gpu::find_dtype("float16");
  group.geometry.planes = 2;
  group.geometry.heads = 4;
  group.geometry.head_size = 64;
  group.geometry.slots = 16;
  group.geometry.blocks = 256;
  group.layers = {0, 1, 2, 3};
  group.tokens_per_block = 16;
  gpu::paged_layout layout;
  layout.kernel_groups = {group};
  layout.num_blocks = 256;
  layout.cache_bytes_per_token = 4096;
  return layout;
}

status_facts worker_facts() {
  status_facts facts;
  instance_status instance;
  instance.instance_id = 1000;
  instance.model_name = "test-model";
  instance.layout = std::make_shared<const gpu::paged_layout>(sample_layout());
  facts.lmcache_driven.emplace().instances.push_back(instance);
  return facts;
}

} // namespace

TEST_CASE("the status of an idle daemon has the known keys in the known order") {
  status_facts facts;
  facts.lmcache_driven.emplace();
  check_shape(status_json(facts, {}), sample("status_idle"), "status");
}

TEST_CASE("an lmcache-driven worker is shown with its layout") {
  const auto got = status_json(worker_facts(), {});
  const auto expected = sample("status_with_lmcache_driven_worker");
  check_shape(got, expected, "status");
  CHECK(got["registered_gpu_ids"] == expected["registered_gpu_ids"]);
  CHECK(got["cache_context_meta"] == expected["cache_context_meta"]);
  CHECK(got["worker_liveness"] == expected["worker_liveness"]);
}

TEST_CASE("an engine-driven worker is shown, and the other path left out where it is not running") {
  status_facts facts;
  instance_status instance;
  instance.instance_id = 1000;
  instance.model_name = "test-model";
  instance.block_size = 16;
  instance.bytes_per_token = 96;
  instance.engine_driven = true;
  facts.engine_driven.emplace().instances.push_back(instance);
  const auto got = status_json(facts, {});
  const auto expected = sample("status_engine_driven_shm_fs");
  CHECK(!got.contains("registered_gpu_ids"));
  // `lmcache bench engine` looks there in either mode.
  CHECK(got["cache_context_meta"]["1000"]["kv_cache_layout"]["cache_size_per_token"] == 96);
  CHECK(got["registered_non_cuda_instance_ids"] == expected["registered_non_cuda_instance_ids"]);
  check_shape(got["non_cuda_context_meta"], expected["non_cuda_context_meta"], "meta");
}

TEST_CASE("counts of L1 reach their fields, also under the names of older clients") {
  auto facts = worker_facts();
  auto& usage = facts.l1.usage;
  usage.used_bytes = 25;
  usage.total_bytes = 100;
  usage.configured_bytes = 200;
  usage.resident_objects = 3;
  usage.staged_objects = 2;
  usage.read_locked_objects = 1;
  usage.leases = 7;
  facts.l1.evicted_bytes = 9;
  facts.eviction.policy = "LRU";
  const auto storage = status_json(facts, {})["storage_manager"];
  const auto& l1 = storage["l1_manager"];
  CHECK(l1 == storage["l1_managers"]["_default"]);
  CHECK(l1["total_object_count"] == 5);
  CHECK(l1["write_locked_count"] == 2);
  CHECK(l1["read_locked_count"] == 1);
  CHECK(l1["memory_usage_ratio"] == 0.25);
  CHECK(l1["memory_configured_bytes"] == 200);
  CHECK(l1["leases"] == 7);
  CHECK(l1["evicted_bytes"] == 9);
  CHECK(storage["l1_usage"] == json{25, 100});
  CHECK(storage["eviction_controller"] == storage["l1_eviction_controller"]);
  CHECK(storage["eviction_controller"]["eviction_policy"] == "LRU");
}

TEST_CASE("the clients of the request socket are listed") {
  status_facts facts;
  facts.gateway.clients.push_back({"127.0.0.1:1", 5, 1, 2, 4, {11, 12}});
  facts.gateway.clients.push_back({"127.0.0.1:2", 0, 0, 1, 0, {13}});
  auto& instances = facts.engine_driven.emplace().instances;
  for (int64_t id : {11, 12, 13}) {
    auto& one = instances.emplace_back();
    one.instance_id = id;
    one.pending_writes = 1;
    one.pending_reads = 10;
  }
  facts.gateway.malformed = 3;
  const auto gateway = status_json(facts, {})["zmq_gateway"];
  CHECK(gateway["malformed"] == 3);
  CHECK(gateway["clients"][0]["peer"] == "127.0.0.1:1");
  CHECK(gateway["clients"][0]["waiting"] == 1);
  CHECK(gateway["clients"][0]["open_requests"] == 4);
  CHECK(gateway["clients"][0]["instance_ids"] == json{11, 12});
  CHECK(gateway["clients"][0]["leases"] == json{{"writes", 2}, {"reads", 20}});
  CHECK(gateway["clients"][1]["leases"] == json{{"writes", 1}, {"reads", 10}});
}
