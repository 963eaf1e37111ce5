// Rules among the keys of one kind of store.
#include "tests/runtime/options/l2_adapter_fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct rule_case {
  const char* change; // to the least adapter
  const char* problem;
};

template <std::size_t Count>
void check_rules(const std::string& type, const rule_case (&cases)[Count]) {
  for (const auto& each : cases) {
    auto text = problems_of(with(least(type), each.change));
    CAPTURE(each.change);
    CAPTURE(text);
    CHECK(contains(text, each.problem));
  }
}

} // namespace

TEST_CASE("fs never leaves its folder for unfinished files") {
  for (const char* folder : {"/tmp", "..", "a/../b", "a/.."}) {
    CAPTURE(folder);
    auto fs = with_value(least("fs"), "relative_tmp_dir", folder);
    CHECK(contains(problems_of(fs), "relative_tmp_dir must be a relative path"));
    // The peer's fs_native takes it: so does ours, but stays in base_path.
    auto native = with_value(least("fs_native"), "relative_tmp_dir", folder);
    CHECK(store_of<fs_l2_options>(native).relative_tmp_dir.empty());
    CHECK(contains(warnings_of(native), "base_path is used instead"));
  }
  for (const char* folder : {"", ".", ".tmp", "a/b", "..a"}) {
    CAPTURE(folder);
    auto fs = with_value(least("fs"), "relative_tmp_dir", folder);
    CHECK(store_of<fs_l2_options>(fs).relative_tmp_dir == folder);
  }
}

TEST_CASE("sizes of a raw block device fit one another") {
  check_rules(
    "raw_block",
    {
      {R"({"slot_bytes":10000})", "slot_bytes must be a multiple of block_align, which is 4096; "
                                  "12288 is"},
      {R"({"header_bytes":5000})", "header_bytes must be a multiple"},
      {R"({"meta_total_bytes":65537})", "meta_total_bytes must be a multiple"},
      {R"({"slot_bytes":4096})", "slot_bytes must exceed header_bytes, which is 4096"},
      {R"({"block_align":5000})", "block_align must be a power of two"},
      {R"({"meta_total_bytes":12288})", "meta_total_bytes must be at least four times block_align"},
      {R"({"capacity_bytes":268435456})", "capacity_bytes must exceed meta_total_bytes"},
      {R"({"max_data_transfer_size":5000})", "max_data_transfer_size must be a multiple"},
      {R"({"per_tp_device_paths":["a"]})", "per_tp_device_paths is not supported"},
      {R"({"persist_enabled":0})", "persist_enabled must be true"},
      {R"({"meta_magic":"1234567"})", "meta_magic must be 8 ASCII characters"},
    });
  auto least_meta = with(least("raw_block"), R"({"meta_total_bytes":16384})");
  CHECK(store_of<raw_block_l2_options>(least_meta).meta_total_bytes == 16'384);
}

TEST_CASE("NVMe commands and placement need an engine and a device that can") {
  const std::string fdp = R"("io_engine":"io_uring","use_uring_cmd":true,"fdp_enabled":true)";
  check_rules(
    "raw_block",
    {
      {R"({"use_uring_cmd":true})", "use_uring_cmd must go with io_engine \"io_uring\""},
      {R"({"fdp_enabled":true,"io_engine":"io_uring"})", "fdp_enabled must go with"},
      {R"({"meta_checkpoint_placement_id":3})", "meta_checkpoint_placement_id must go with"},
      {R"({"fdp_data_placement_policy":"cache_salt_rank"})", "must go with fdp_enabled true"},
      {R"({"fdp_slot_reuse_policy":"pid_affinity"})", "must go with fdp_enabled true"},
    });
  for (const char* path : {"/dev/nvme0n1", "/dev/ng0", "/dev/ngn1", "/dev/ng0n", "/dev/ng0n1p1"}) {
    CAPTURE(path);
    auto object = with(with_value(least("raw_block"), "device_path", path), "{" + fdp + "}");
    CHECK(contains(problems_of(object), "device_path must name an NVMe generic character device"));
  }
  auto good = with(least("raw_block"), "{" + fdp + R"(,"fdp_placement_ids":[4,2]})");
  auto raw = store_of<raw_block_l2_options>(good);
  CHECK_FALSE(raw.use_odirect); // forced off
  CHECK(raw.fdp_placement_ids == std::vector<std::uint16_t>{2, 4});
  CHECK(raw.fdp_data_placement_policy == "cache_salt_prefix");
  CHECK(raw.fdp_slot_reuse_policy == "pid_affinity");
  CHECK(contains(problems_of(with(good, R"({"meta_checkpoint_placement_id":4})")),
                 "must not be one of fdp_placement_ids"));
  auto ids_off = with(least("raw_block"), R"({"fdp_placement_ids":[4,2]})");
  CHECK(store_of<raw_block_l2_options>(ids_off).fdp_placement_ids.empty());
}

TEST_CASE("old names of the engine count only where there is no new one") {
  auto engine = [](const char* change) {
    return store_of<raw_block_l2_options>(with(least("raw_block"), change)).io_engine;
  };
  CHECK(engine("{}") == "posix");
  CHECK(engine(R"({"use_uring":true})") == "io_uring");
  CHECK(engine(R"({"use_iouring":"yes"})") == "io_uring");
  CHECK(engine(R"({"use_iouring":true,"io_engine":"posix"})") == "posix");
}

TEST_CASE("a checkpoint is at least a second from the next") {
  for (const char* given : {"-5", "0", "1"}) {
    auto object
      = with(least("raw_block"), "{\"meta_checkpoint_interval_sec\":" + std::string(given) + "}");
    CHECK(store_of<raw_block_l2_options>(object).meta_checkpoint_interval_ms == 1'000);
  }
  auto automatic = with(least("raw_block"), R"({"max_data_transfer_size":-1})");
  CHECK(store_of<raw_block_l2_options>(automatic).max_data_transfer_size_bytes == 0);
}

TEST_CASE("credentials of resp come from the object, then from the environment") {
  const environment variables = {{"LMCACHE_RESP_USERNAME", "env_user"},
                                 {"LMCACHE_RESP_PASSWORD", "env_password"},
                                 {"LMCACHE_RESP_HOST", "env_host"},
                                 {"LMCACHE_RESP_PORT", "1"}};
  auto from_environment = store_of<redis_l2_options>(least("resp"), variables);
  CHECK(from_environment.username == "env_user");
  CHECK(from_environment.password == "env_password");
  CHECK(from_environment.nodes.front().host == "redis"); // required in the object
  CHECK(from_environment.nodes.front().port == 6379);
  auto given = with(least("resp"), R"({"username":"u","password":"p"})");
  CHECK(store_of<redis_l2_options>(given, variables).username == "u");
  CHECK(store_of<redis_l2_options>(given, variables).password == "p");
  CHECK(store_of<redis_l2_options>(least("valkey"), variables).password.empty());
  CHECK(contains(warnings_of(with(least("resp"), R"({"username":"u"})")), "no AUTH is sent"));
}

TEST_CASE("nodes of a cluster are hosts and ports") {
  auto nodes = store_of<redis_l2_options>(
                 with(least("valkey"), R"({"startup_nodes":" a.b:1 ,[fe80::1]:65535"})"))
                 .nodes;
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].host == "a.b");
  CHECK(nodes[0].port == 1);
  CHECK(nodes[1].host == "fe80::1");
  CHECK(nodes[1].port == 65'535);
  std::string many;
  for (int i = 0; i < 1'025; ++i)
    many += (i == 0 ? "a:1" : ",a:1");
  CHECK(contains(problems_of(with_value(least("valkey"), "startup_nodes", many)), "at most 1024"));
}

TEST_CASE("keys of valkey that exclude each other") {
  auto cluster = with(least("valkey"), R"({"cluster_mode":1,"database_id":3})");
  CHECK_FALSE(store_of<redis_l2_options>(cluster).database_id);
  CHECK(contains(warnings_of(cluster), "database_id is ignored in a cluster"));
  CHECK(store_of<redis_l2_options>(with(least("valkey"), R"({"tls_enable":"false"})")).tls);
  check_rules(
    "valkey",
    {
      {R"({"cpp":{"tls":{}}})", "cpp.tls must go with tls_enable true"},
      {R"({"tls_enable":true,"cpp":{"tls":{"cert_file":"/c"}}})", "cpp.tls.key_file must be given"},
      {R"({"tls_enable":true,"cpp":{"tls":{"key_file":"/k"}}})", "cpp.tls.cert_file must be given"},
    });
  auto many = with(least("valkey"), R"({"num_workers":5000})");
  CHECK(store_of<redis_l2_options>(many).connections == 1024);
}

TEST_CASE("an S3 endpoint says bucket, host and port, and keys come in pairs") {
  auto s3 = store_of<s3_l2_options>(with(least("s3"), R"({"s3_endpoint":"s3://a.b.c:9000/",
    "cpp":{"path_style":true}})"));
  CHECK(s3.host == "a.b.c");
  CHECK(s3.port == 9'000);
  CHECK(s3.bucket == "a");
  CHECK(store_of<s3_l2_options>(least("s3")).bucket.empty());
  check_rules(
    "s3",
    {
      {R"({"aws_access_key_id":"A"})", "aws_secret_access_key must be given too"},
      {R"({"aws_secret_access_key":"A"})", "aws_access_key_id must be given too"},
      {R"({"cpp":{"aws_session_token":"A"}})", "cpp.aws_session_token must go with"},
      {R"({"cpp":{"credential_sources":["static"]}})", "must name more than \"static\""},
      {R"({"cpp":{"bucket":"bucket"}})", "cpp.bucket must go with path_style true"},
      {R"({"s3_endpoint":"host","cpp":{"path_style":true}})", "cpp.path_style must go with"},
      {R"({"s3_endpoint":"bucket.","cpp":{"path_style":true}})", "cpp.path_style must go with"},
    });
}

TEST_CASE("faults wrap an adapter and take its eviction, persistence and capacity") {
  auto object = ordered_json::parse(R"({"type":"fault_inject","shared":1,
    "eviction":{"eviction_policy":"noop"},"serde":{"type":"fp8"},
    "inner":{"type":"fs","base_path":"/x","persist_enabled":false,"zeta":1,
             "eviction":{"eviction_policy":"LRU"},"serde":{"type":"fp8"},
             "affinity_tag":"elsewhere","cpp":{"max_capacity_gb":2}}})");
  auto options = *read(object).options;
  CHECK(options.eviction->policy == "LRU");
  CHECK_FALSE(options.persist_enabled);
  CHECK(options.max_capacity_bytes == 2ULL << 30);
  CHECK(options.shared);
  CHECK(options.affinity_tag == "_default");
  CHECK(options.serde.index() != 0);
  const auto& inner = *std::get<fault_inject_l2_options>(options.store).inner;
  CHECK(std::get<fs_l2_options>(inner.store).base_path == "/x");
  auto warnings = warnings_of(object);
  CHECK(contains(warnings, "inner.serde has no effect"));
  CHECK(contains(warnings, ": eviction has no effect"));
  CHECK(contains(warnings, "inner.zeta"));
  check_rules("fault_inject", {
                                {R"({"inner":{"type":"zzz"}})",
                                 "inner must be an adapter of a built type: unknown adapter"},
                                {R"({"inner":{"type":"hf3fs"}})", "is known, but not built in"},
                                {R"({"inner":{"type":null}})", "missing 'type' field"},
                                {R"({"inner":{"max_size_gb":"x"}})", "inner.max_size_gb must be"},
                                {R"({"inner":{"cpp":{"zeta":1}}})", "inner.cpp.zeta is unknown"},
                              });
}
