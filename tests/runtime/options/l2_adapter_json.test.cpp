// What an --l2-adapter means beyond its single keys.
#include "runtime/options/l2_adapter_types.hpp"
#include "tests/runtime/options/l2_adapter_fixture.hpp"

#include <algorithm>

using namespace actord;
using namespace actord::test;

TEST_CASE("the least of each type has the peer's defaults") {
  auto fs = store_of<fs_l2_options>(least("fs"));
  CHECK(fs.base_path == "/data/kv");
  CHECK(fs.relative_tmp_dir.empty());
  CHECK(fs.read_ahead_bytes == 0);
  CHECK_FALSE(fs.use_odirect);
  CHECK(fs.num_workers == 4);
  CHECK(fs.fsync == fs_l2_options::sync::off);
  CHECK(fs.verify_checksums);
  auto resp = store_of<redis_l2_options>(least("resp"));
  CHECK(resp.nodes.size() == 1);
  CHECK(resp.num_workers == 8);
  CHECK(resp.connections == 8);
  CHECK(resp.request_timeout_ms == 5'000);
  CHECK_FALSE(resp.tls);
  auto valkey = store_of<redis_l2_options>(least("valkey"));
  CHECK(valkey.request_timeout_ms == 5'000);
  CHECK(valkey.connect_timeout_ms == 10'000);
  CHECK_FALSE(valkey.database_id);
  auto s3 = store_of<s3_l2_options>(least("s3"));
  CHECK(s3.host == "bucket.host");
  CHECK(s3.port == 0);
  CHECK(s3.multipart_part_bytes == 8'388'608);
  CHECK(s3.credential_sources.front() == "static");
  CHECK(s3.credential_sources.size() == 6);
  auto mock = store_of<mock_l2_options>(least("mock"));
  CHECK(mock.max_size_bytes == 1ULL << 30);
  CHECK(mock.bandwidth_bytes_per_second == 1ULL << 30);
  auto raw = store_of<raw_block_l2_options>(least("raw_block"));
  CHECK(raw.use_odirect);
  CHECK(raw.meta_magic == "LMCIDX01");
  CHECK(raw.fdp_data_placement_policy == "none");
  for (const auto& item : least_adapters()) {
    auto options = *read(item.second).options;
    CHECK(options.type == item.first);
    CHECK(options.affinity_tag == "_default");
    CHECK_FALSE(options.shared);
    CHECK_FALSE(options.eviction);
    CHECK(options.persist_enabled);
    CHECK(options.serde.index() == 0);
    CHECK_FALSE(options.max_capacity_bytes);
    CHECK(options.store_timeout_ms == 30'000);
    CHECK(options.load_timeout_ms == 30'000);
    CHECK(options.lookup_timeout_ms == 10'000);
    CHECK(options.breaker.cooldown_ms == 5'000);
    CHECK(options.breaker.max_cooldown_ms == 300'000);
  }
}

TEST_CASE("what no type can do without is named when it is missing") {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
    {"fs", {"base_path must be a non-empty string"}},
    {"fs_native", {"base_path must be a non-empty string"}},
    {"raw_block", {"device_path must be a non-empty string", "slot_bytes must be"}},
    {"resp", {"host must be a non-empty string", "port must be"}},
    {"valkey", {"startup_nodes must be \"host:port\""}},
    {"s3", {"s3_endpoint must be a non-empty string", "s3_region must be a non-empty string"}},
    {"mock", {"max_size_gb must be", "mock_bandwidth_gb must be"}},
    {"fault_inject", {"inner must be an object"}},
  };
  for (const auto& [type, expected] : cases) {
    auto reading = read({{"type", type}});
    CAPTURE(type);
    REQUIRE(reading.problems.size() == expected.size());
    CHECK_FALSE(reading.options);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(reading.problems[i]);
      auto start = "--l2-adapter #2 ('" + std::string(type) + "'): " + expected[i];
      CHECK(reading.problems[i].starts_with(start));
      CHECK(reading.problems[i].ends_with("; it is missing"));
    }
  }
}

TEST_CASE("what is no adapter at all is refused in the peer's words") {
  auto why = [](const std::string& text) { return read_l2_adapter(text, 3, {}).problems.at(0); };
  for (const char* text : {"", "{", "5", "[]", "null", "\"fs\"", "{\"type\":\"fs\"",
                           "{\"a\":1e999}", "{\"type\":\"fs\",\"base_path\":NaN}"}) {
    CAPTURE(text);
    CHECK(why(text).starts_with("Invalid JSON for --l2-adapter #3; write an object"));
  }
  CHECK(why("{}").starts_with("--l2-adapter #3: missing 'type' field"));
  CHECK(
    why(R"({"type":"zzz"})")
      .starts_with("--l2-adapter #3: unknown adapter type 'zzz'. Known: aerospike, bigtable, "));
  CHECK(contains(why(R"({"type":5})"), "unknown adapter type '5'"));
  CHECK(contains(why(R"({"type":"sagemaker_hyperpod"})"), "sagemaker-hyperpod, valkey"));
}

TEST_CASE("types of engines that are not built in say what to use in their place") {
  const std::pair<const char*, const char*> cases[] = {{"nixl_store", "use raw_block"},
                                                       {"nixl_store_dynamic", "use fs"},
                                                       {"nixl_native", "use fs"},
                                                       {"mooncake_store", "use valkey or resp"},
                                                       {"hf3fs", "use fs with base_path on"},
                                                       {"bigtable", "use s3"},
                                                       {"hfbucket", "use s3"},
                                                       {"sagemaker-hyperpod", "use valkey"},
                                                       {"aerospike", "use valkey"},
                                                       {"dax", "use raw_block"},
                                                       {"plugin", "Python"},
                                                       {"native_plugin", "Python"},
                                                       {"p2p", "--p2p-advertise-url"}};
  for (const auto& [type, remedy] : cases) {
    auto text = problems_of({{"type", type}});
    CAPTURE(text);
    CHECK(contains(text, "is known, but not built in"));
    CHECK(contains(text, remedy));
    CHECK(contains(text, "fs, fs_native, raw_block, resp, valkey, s3, mock, fault_inject"));
  }
  CHECK(std::size(cases) + built_l2_types.size() == 21); // every name of the spec
}

TEST_CASE("unknown keys are ignored with one warning, and refused inside our own object") {
  auto object = with(least("fs"), R"({"zeta":1,"alpha":{},"eviction":{"eviction_policy":"LRU",
    "extra":1},"serde":{"type":"fp8","more":2}})");
  auto reading = read(object);
  REQUIRE(reading.options);
  CHECK(reading.warnings
        == std::vector<std::string>{"--l2-adapter #2 ('fs'): unknown keys are ignored: "
                                    "eviction.extra, serde.more, zeta, alpha"});
  for (int i = 0; i < 100; ++i)
    object["key" + std::to_string(i)] = 1;
  CHECK(contains(warnings_of(object), "key3 and 96 more"));
  for (const auto& item : least_adapters()) {
    CAPTURE(item.first);
    auto text = problems_of(with(item.second, R"({"cpp":{"zeta":1}})"));
    CHECK(contains(text, "cpp.zeta is unknown; remove it (known here: "));
    CHECK(contains(problems_of(with(item.second, R"({"cpp":{"breaker":{"zeta":1}}})")),
                   "cpp.breaker.zeta is unknown"));
  }
  CHECK(contains(problems_of(with(least("resp"), R"({"cpp":{"tls":{"zeta":1}}})")),
                 "cpp.tls.zeta is unknown"));
}

TEST_CASE("no message shows a text that may be a secret") {
  for (const auto& item : least_adapters()) {
    auto keys = read(item.second).known_keys;
    for (const auto& key : keys) {
      CAPTURE(item.first);
      CAPTURE(key);
      const bool is_choice = contains(key, "policy") || contains(key, "io_engine")
                             || contains(key, "fsync") || contains(key, "affinity_tag")
                             || key == "type";
      if (is_choice) // their wrong words are shown: they are never secret
        continue;
      for (const ordered_json& value : {ordered_json("hunter2"), ordered_json({"hunter2"}),
                                        ordered_json({{"type", "fs"}, {"base_path", "hunter2"}})}) {
        if (key == "cpp.credential_sources" && value.is_array())
          continue;
        auto reading = read(with_value(item.second, key, value));
        for (const auto& text : reading.problems)
          CHECK_FALSE(contains(text, "hunter2"));
        for (const auto& text : reading.warnings)
          CHECK_FALSE(contains(text, "hunter2"));
      }
    }
  }
}

TEST_CASE("a policy that needs a capacity is told when there is none, and the other way round") {
  const std::string lru = R"({"eviction":{"eviction_policy":"LRU"}})";
  for (const char* type : {"resp", "valkey", "s3"})
    CHECK(contains(warnings_of(with(least(type), lru)), "never frees anything"));
  CHECK(warnings_of(with(least("fs"), lru)).empty()); // has 80 % of its volume
  CHECK(contains(warnings_of(with(with(least("fs"), lru), R"({"cpp":{"max_capacity_gb":0}})")),
                 "never frees anything"));
  CHECK(
    warnings_of(with(least("resp"), R"({"eviction":{"eviction_policy":"IsolatedLRU"}})")).empty());
  CHECK(contains(warnings_of(with(least("fs_native"), R"({"max_capacity_gb":1})")),
                 "max_capacity_gb without eviction"));
}

TEST_CASE("our own capacity beats the peer's") {
  auto both = with(least("fs_native"), R"({"max_capacity_gb":1,"cpp":{"max_capacity_gb":0.5}})");
  CHECK(read(both).options->max_capacity_bytes == 512ULL << 20);
  CHECK(read(with(both, R"({"cpp":null})")).options->max_capacity_bytes == 1ULL << 30);
}

TEST_CASE("a serde is read with its keys, and turboquant is refused by name") {
  auto aes = with(least("resp"), R"({"serde":{"type":"aesgcm","key_provider":"hkdf",
    "aes_bits":128,"master_key_path":"/k"},"cpp":{"bind_identity":true,"refuse_unbound":true}})");
  auto serde = std::get<aesgcm_serde_options>(read(aes).options->serde);
  CHECK(serde.aes_bits == 128);
  CHECK(serde.master_key_path == "/k");
  CHECK(serde.bind_identity);
  CHECK(serde.refuse_unbound);
  const std::pair<const char*, const char*> cases[] = {
    {R"({"serde":{"aes_bits":192}})", "serde.aes_bits must be 128 or 256, not 192"},
    {R"({"serde":{"aes_bits":null}})", "serde.aes_bits must be 128 or 256; it is missing"},
    {R"({"serde":{"aes_bits":"128"}})", "serde.aes_bits must be 128 or 256, not a string"},
    {R"({"serde":{"key_provider":"vault"}})", "serde.key_provider must be one of \"hkdf\""},
    {R"({"serde":{"master_key_path":""}})", "serde.master_key_path must be a non-empty string"},
    {R"({"serde":{"master_key_path":null}})", "serde.master_key_path must be a non-empty string"},
    {R"({"cpp":{"bind_identity":1}})", "cpp.bind_identity must be true or false, not 1"},
    {R"({"cpp":{"bind_identity":false}})", "cpp.refuse_unbound must go with bind_identity"},
    {R"({"cpp":{"refuse_unbound":"x"}})", "cpp.refuse_unbound must be true or false"},
    {R"({"serde":{"type":"turboquant"}})", "turboquant is GPU code"},
    {R"({"serde":{"type":"zzz"}})", "serde.type must be \"aesgcm\" or \"fp8\", not \"zzz\""},
    {R"({"serde":{"type":null}})", "serde.type must be \"aesgcm\" or \"fp8\"; it is missing"},
    {R"({"serde":{"type":5}})", "serde.type must be \"aesgcm\" or \"fp8\", not 5"},
    {R"({"serde":null})", "cpp.bind_identity is unknown"},
    {R"({"serde":{"type":"fp8","fp8_dtype":"int4"}})", "serde.fp8_dtype must be one of"},
    {R"({"serde":{"type":"fp8","max_workers":0}})", "serde.max_workers must be"},
  };
  for (const auto& [change, expected] : cases) {
    auto text = problems_of(with(aes, change));
    CAPTURE(text);
    CHECK(contains(text, expected));
  }
  auto fp8 = read(with(least("fs"), R"({"serde":{"type":"fp8","fp8_dtype":"float8_e5m2",
    "max_workers":3}})"));
  CHECK(std::get<fp8_serde_options>(fp8.options->serde).dtype == "float8_e5m2");
  CHECK(std::get<fp8_serde_options>(fp8.options->serde).max_workers == 3);
}

TEST_CASE("eviction needs a policy, and a breaker's longest rest is not below its first") {
  CHECK(contains(problems_of(with(least("fs"), R"({"eviction":{}})")),
                 "eviction.eviction_policy must be LRU, ARC, IsolatedLRU, noop or MQ; it is"));
  CHECK(contains(problems_of(with(least("fs"), R"({"cpp":{"breaker":{"cooldown_ms":9,
    "max_cooldown_ms":8}}})")),
                 "cpp.breaker.max_cooldown_ms must be at least cooldown_ms"));
  auto long_rest = read(with(least("fs"), R"({"cpp":{"breaker":{"cooldown_ms":400000}}})"));
  CHECK(long_rest.options->breaker.max_cooldown_ms == 400'000);
}

TEST_CASE("JSON of any depth and of random changes is answered") {
  std::string deep;
  for (int i = 0; i < 1'000; ++i)
    deep += R"({"type":"fault_inject","inner":)";
  CHECK(read_l2_adapter(deep + "{}" + std::string(1'000, '}'), 1, {}).problems.size() == 1);
  std::string nested = least("mock").dump();
  for (int i = 0; i < 20; ++i)
    nested = R"({"type":"fault_inject","inner":)" + nested + "}";
  CHECK(read_l2_adapter(nested, 1, {}).options);
}
