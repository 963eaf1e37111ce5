// Every key of every --l2-adapter type: what it takes, what it refuses, where /config shows it.
#include "runtime/options/l2_adapter_types.hpp"
#include "runtime/options/l2_adapter_view.hpp"
#include "tests/runtime/options/l2_adapter_fixture.hpp"

#include <set>

using namespace actord;
using namespace actord::test;

namespace {

/// What a key takes: text, whole number, number, boolean, any value by its truth, list, object.
/// `null_*` take null as well, as if the key were missing.
enum class kind {
  text,
  whole,
  number,
  boolean,
  truth,
  list,
  object,
  null_text,
  null_whole,
  null_list,
  null_object
};

struct key_row {
  const char* types; // separated by blanks
  const char* key;
  kind takes;
  const char* good;            // JSON; differs from the default
  const char* bad;             // list of refused values of the right type
  const char* setting = "{}";  // what the good value needs besides
  const char* shown = nullptr; // in /config; nullptr: the good value; "": not there
};

const key_row rows[] = {
  {"*", "affinity_tag", kind::text, R"("hot")", R"(["", "  "])"},
  {"*", "shared", kind::truth, "true", "[]"},
  {"*", "persist_enabled", kind::truth, "true", "[]", "{}", ""},
  {"*", "eviction.eviction_policy", kind::text, R"("ARC")", R"(["lru", "FIFO", ""])", "{}", ""},
  {"*", "eviction.trigger_watermark", kind::number, "0.5", "[0, -0.1, 1.01]",
   R"({"eviction":{"eviction_policy":"LRU"}})", ""},
  {"*", "eviction.eviction_ratio", kind::number, "0.5", "[-0.1, 1.01]",
   R"({"eviction":{"eviction_policy":"LRU"}})", ""},
  {"*", "cpp.store_timeout_ms", kind::whole, "5", "[0, -1, 3600001]"},
  {"*", "cpp.load_timeout_ms", kind::whole, "5", "[0, -1, 3600001]"},
  {"fs fs_native raw_block s3 mock fault_inject", "cpp.exclusive", kind::boolean, "true", "[]"},
  {"*", "cpp.lookup_timeout_ms", kind::whole, "5", "[0, -1, 3600001]"},
  {"*", "cpp.breaker.failures", kind::whole, "9", "[0, 1000001]"},
  {"*", "cpp.breaker.cooldown_ms", kind::whole, "9", "[0, 86400001]"},
  {"*", "cpp.breaker.max_cooldown_ms", kind::whole, "6000", "[0, 86400001]"},
  {"*", "cpp.breaker.latency_limit_ms", kind::whole, "9", "[-1, 3600001]"},
  {"fs fs_native", "base_path", kind::text, R"("/x")", R"(["", "a\u0000b"])"},
  {"fs fs_native", "relative_tmp_dir", kind::null_text, R"(".tmp")", R"(["a\u0000b"])"},
  {"fs fs_native", "read_ahead_size", kind::null_whole, "9", "[0, -1]"},
  {"fs fs_native", "use_odirect", kind::boolean, "true", "[]"},
  {"fs fs_native", "num_workers", kind::whole, "9", "[0, -1, 65537]", "{}", ""},
  {"fs fs_native", "cpp.fsync", kind::text, R"("file")", R"(["", "on"])"},
  {"fs fs_native", "cpp.shard_dirs", kind::boolean, "true", "[]"},
  {"fs fs_native", "cpp.verify_checksums", kind::boolean, "false", "[]"},
  {"fs fs_native", "cpp.scan_at_start", kind::boolean, "false", "[]"},
  {"fs fs_native", "cpp.stale_tmp_age_ms", kind::whole, "1000", "[0, 999]"},
  {"fs fs_native resp valkey s3", "max_capacity_gb", kind::number, "0.5", "[-1, 1e30]", "{}", ""},
  {"fs fs_native resp valkey s3", "cpp.max_capacity_gb", kind::number, "0.5", "[-1, 1e30]"},
  {"raw_block", "device_path", kind::text, R"("/dev/x")", R"([""])"},
  {"raw_block", "slot_bytes", kind::whole, "8192", "[0, -4096, 4096, 10000]"},
  {"raw_block", "capacity_bytes", kind::whole, "268435457", "[-1, 1, 268435456]"},
  {"raw_block", "use_odirect", kind::boolean, "false", "[]"},
  {"raw_block", "block_align", kind::whole, "512", "[0, 16, 96, 33554432]"},
  {"raw_block", "header_bytes", kind::whole, "8192", "[0, 23, 5000, 16384]"},
  {"raw_block", "meta_total_bytes", kind::whole, "65536", "[0, 8192, 65537]"},
  {"raw_block", "meta_magic", kind::text, R"("ABCDEFGH")",
   R"(["", "short", "ninechars", "é34567"])"},
  {"raw_block", "meta_version", kind::whole, "2", "[0, -1, 4294967296]"},
  {"raw_block", "meta_checkpoint_interval_sec", kind::whole, "5", "[99999999999]"},
  {"raw_block", "meta_idle_quiet_ms", kind::whole, "5", "[-1]"},
  {"raw_block", "meta_enable_periodic", kind::boolean, "false", "[]"},
  {"raw_block", "load_checkpoint_on_init", kind::boolean, "false", "[]"},
  {"raw_block", "meta_verify_on_load", kind::boolean, "false", "[]"},
  {"raw_block", "enable_zero_copy", kind::boolean, "false", "[]"},
  {"raw_block", "io_engine", kind::null_text, R"("io_uring")", R"(["", "aio"])"},
  {"raw_block", "use_iouring", kind::truth, "true", "[]", "{}", ""},
  {"raw_block", "use_uring", kind::truth, "true", "[]", "{}", ""},
  {"raw_block", "iouring_queue_depth", kind::whole, "8", "[0, 32769]"},
  {"raw_block", "use_uring_cmd", kind::boolean, "true", "[]", R"({"io_engine":"io_uring"})"},
  {"raw_block", "max_data_transfer_size", kind::whole, "8192", "[5000, 4294967296]"},
  {"raw_block", "fdp_enabled", kind::boolean, "true", "[]",
   R"({"io_engine":"io_uring","use_uring_cmd":true})"},
  {"raw_block", "fdp_placement_ids", kind::null_list, "[3,5]",
   R"([[0], [65536], [3,3], ["3"], [3.5], [true], []])",
   R"({"io_engine":"io_uring","use_uring_cmd":true,"fdp_enabled":true})"},
  {"raw_block", "fdp_data_placement_policy", kind::null_text, R"("cache_salt_rank")", R"(["salt"])",
   R"({"io_engine":"io_uring","use_uring_cmd":true,"fdp_enabled":true})"},
  {"raw_block", "fdp_slot_reuse_policy", kind::null_text, R"("none")", R"(["any"])",
   R"({"io_engine":"io_uring","use_uring_cmd":true,"fdp_enabled":true})"},
  {"raw_block", "meta_checkpoint_placement_id", kind::null_whole, "7", "[0, 65536]",
   R"({"io_engine":"io_uring","use_uring_cmd":true})"},
  {"raw_block", "num_store_workers", kind::whole, "9", "[0, -1, 65537]"},
  {"raw_block", "num_lookup_workers", kind::whole, "9", "[0, -1, 65537]"},
  {"raw_block", "num_load_workers", kind::whole, "9", "[0, -1, 65537]"},
  {"raw_block", "cpp.verify_checksums", kind::boolean, "false", "[]"},
  {"resp", "host", kind::text, R"("10.0.0.1")", R"([""])"},
  {"resp", "port", kind::whole, "1", "[0, -1, 65536]"},
  {"resp valkey", "num_workers", kind::whole, "9", "[0, -1, 65537]"},
  {"resp valkey", "username", kind::text, R"("u")", "[]"},
  {"resp valkey", "password", kind::text, R"("hunter2")", "[]", "{}", R"("***")"},
  {"resp", "cpp.cluster", kind::boolean, "true", "[]"},
  {"valkey", "startup_nodes", kind::text, R"("a:1,[::1]:2")",
   R"(["", "a", "a:", ":1", "a:0", "a:65536", "a:1,", "a:x", "u:p@a:1", "redis://a:1"])"},
  {"valkey", "cluster_mode", kind::truth, "true", "[]"},
  {"valkey", "key_prefix", kind::text, R"("p")", R"(["a@b"])"},
  {"valkey", "tls_enable", kind::truth, "true", "[]"},
  {"valkey", "database_id", kind::null_whole, "3", "[-1, 2147483648]"},
  {"valkey", "request_timeout", kind::number, "0.25", "[0, -1, 3601]"},
  {"valkey", "connection_timeout", kind::number, "0.25", "[0, -1, 3601]"},
  {"valkey", "ttl_seconds", kind::null_whole, "9", "[0, -1]"},
  {"resp valkey", "cpp.connections", kind::whole, "3", "[0, 1025]"},
  {"resp valkey", "cpp.request_timeout_ms", kind::whole, "3", "[0, 3600001]"},
  {"resp valkey", "cpp.connect_timeout_ms", kind::whole, "3", "[0, 3600001]"},
  {"resp valkey", "cpp.exclusive", kind::boolean, "true", "[]",
   R"({"cpp":{"scan_at_start":true}})"},
  {"resp valkey", "cpp.checksums", kind::boolean, "true", "[]"},
  {"resp valkey", "cpp.scan_at_start", kind::boolean, "true", "[]"},
  {"resp valkey", "cpp.tls.ca_file", kind::text, R"("/ca")", "[]", R"({"tls_enable":true})"},
  {"resp valkey", "cpp.tls.cert_file", kind::text, R"("/c")", "[]",
   R"({"tls_enable":true,"cpp":{"tls":{"key_file":"/k"}}})"},
  {"resp valkey", "cpp.tls.key_file", kind::text, R"("/k")", "[]",
   R"({"tls_enable":true,"cpp":{"tls":{"cert_file":"/c"}}})"},
  {"resp valkey", "cpp.tls.server_name", kind::text, R"("n")", "[]", R"({"tls_enable":true})"},
  {"resp valkey", "cpp.tls.verify", kind::boolean, "false", "[]", R"({"tls_enable":true})"},
  {"s3", "s3_endpoint", kind::text, R"("b.h:9000")",
   R"(["", "https://b.h", "s3://u:p@b.h", "b.h/path", "b.h:0", "b h", "b.h:x"])"},
  {"s3", "s3_region", kind::text, R"("r")", R"([""])"},
  {"s3", "s3_num_io_threads", kind::whole, "9", "[0, -1, 65537]"},
  {"s3", "s3_prefer_http2", kind::boolean, "false", "[]"},
  {"s3", "s3_enable_s3express", kind::boolean, "true", "[]"},
  {"s3", "disable_tls", kind::boolean, "true", "[]"},
  {"s3", "aws_access_key_id", kind::null_text, R"("AKIA")", R"([""])",
   R"({"aws_secret_access_key":"hunter2"})", R"("***")"},
  {"s3", "aws_secret_access_key", kind::null_text, R"("hunter2")", R"([""])",
   R"({"aws_access_key_id":"AKIA"})", R"("***")"},
  {"s3", "cpp.aws_session_token", kind::text, R"("hunter2")", "[]",
   R"({"aws_access_key_id":"AKIA","aws_secret_access_key":"hunter2"})", R"("***")"},
  {"s3", "cpp.credential_sources", kind::list, R"(["profile","environment"])",
   R"([[], ["vault"], ["profile","profile"], [1], ["static"]])"},
  {"s3", "cpp.profile", kind::text, R"("p")", R"([""])"},
  {"s3", "cpp.path_style", kind::boolean, "true", "[]"},
  {"s3", "cpp.bucket", kind::text, R"("a.b")", R"(["", "b", "a.b.host"])",
   R"({"s3_endpoint":"a.b.host","cpp":{"path_style":true}})"},
  {"s3", "cpp.connections", kind::whole, "3", "[0, 1025]"},
  {"s3", "cpp.multipart_threshold_bytes", kind::whole, "5242880", "[5242879, 5368709121]"},
  {"s3", "cpp.multipart_part_bytes", kind::whole, "5242880", "[5242879, 5368709121]"},
  {"s3", "cpp.max_retries", kind::whole, "0", "[-1, 21]"},
  {"s3", "cpp.request_timeout_ms", kind::whole, "3", "[0, 3600001]"},
  {"s3", "cpp.connect_timeout_ms", kind::whole, "3", "[0, 3600001]"},
  {"s3", "cpp.ca_file", kind::text, R"("/ca")", R"([""])"},
  {"mock", "max_size_gb", kind::number, "0.5", "[0, -1, 1e30]"},
  {"mock", "mock_bandwidth_gb", kind::number, "0.5", "[0, -1, 1e30]"},
  {"fault_inject", "rate", kind::number, "0.5", "[-0.1, 1.1]"},
  {"fault_inject", "seed", kind::whole, "-7", "[]"},
  {"fault_inject", "gap_indices", kind::list, "[0,4]", R"([[-1], [1.5], ["1"], [true], [null]])"},
  {"fault_inject", "gap_tail_ratios", kind::list, "[0.0,0.5]", R"([[-0.1], [1.1], ["1"], [true]])"},
  {"fault_inject", "cpp.delay_ms", kind::whole, "9", "[-1, 3600001]"},
  {"fault_inject", "cpp.hang_rate", kind::number, "0.5", "[-0.1, 1.1]"},
  {"fault_inject", "cpp.torn_write_rate", kind::number, "0.5", "[-0.1, 1.1]"},
  {"fault_inject", "cpp.bit_flip_rate", kind::number, "0.5", "[-0.1, 1.1]"},
  {"fault_inject", "cpp.enospc_rate", kind::number, "0.5", "[-0.1, 1.1]"},
  {"fault_inject", "cpp.fault_seed", kind::whole, "-7", "[]"},
  {"*", "eviction", kind::null_object, "{\"eviction_policy\":\"LRU\"}", "[]", "{}", ""},
  {"*", "serde", kind::null_object, "{\"type\":\"fp8\"}", "[]", "{}", ""},
  {"*", "cpp", kind::null_object, "{}", "[]", "{}", ""},
  {"*", "cpp.breaker", kind::null_object, "{}", "[]", "{}", ""},
  {"resp", "cpp.tls", kind::null_object, "{}", "[]", "{}", ""},
  {"valkey", "cpp.tls", kind::null_object, "{}", "[]", R"({"tls_enable":true})", ""},
  {"fault_inject", "inner", kind::object, R"({"type":"fs","base_path":"/x"})", "[{}]", "{}", ""},
};

/// Keys with a test of their own.
const std::set<std::string> elsewhere = {"type", "per_tp_device_paths"};

std::vector<std::string> types_of(const key_row& row) {
  if (row.types != std::string("*"))
    return split(row.types);
  return {built_l2_types.begin(), built_l2_types.end()};
}

ordered_json wrong_types(kind takes) {
  switch (takes) {
    case kind::text: return ordered_json::parse(R"([1, 1.5, true, [], {}, null])");
    case kind::null_text: return ordered_json::parse(R"([1, 1.5, true, [], {}])");
    case kind::whole:
      return ordered_json::parse(R"(["1", 4.0, true, [], {}, null, 18446744073709551615, 1e30])");
    case kind::null_whole: return ordered_json::parse(R"(["1", 4.0, true, [], {}])");
    case kind::number: return ordered_json::parse(R"(["1", true, [], {}, null])");
    case kind::boolean: return ordered_json::parse(R"([0, 1, "true", [], {}, null])");
    case kind::list: return ordered_json::parse(R"([1, "a", true, {}, null])");
    case kind::null_list: return ordered_json::parse(R"([1, "a", true, {}])");
    case kind::object: return ordered_json::parse(R"([1, "a", true, [], null])");
    case kind::null_object: return ordered_json::parse(R"([1, "a", true, []])");
    case kind::truth: break;
  }
  return ordered_json::array();
}

bool takes_null(kind takes) {
  return takes == kind::null_text || takes == kind::null_whole || takes == kind::null_list
         || takes == kind::null_object;
}

ordered_json start_of(const key_row& row, const std::string& type) {
  return with(least(type), row.setting);
}

} // namespace

TEST_CASE("every key takes a good value, and /config shows it") {
  for (const auto& row : rows)
    for (const auto& type : types_of(row)) {
      CAPTURE(type);
      CAPTURE(row.key);
      auto good = ordered_json::parse(row.good);
      auto reading = read(with_value(start_of(row, type), row.key, good));
      CHECK(reading.problems == std::vector<std::string>{});
      if (!reading.options)
        continue;
      for (const auto& warning : reading.warnings)
        CHECK_FALSE((contains(warning, "unknown") && contains(warning, row.key)));
      auto shown = row.shown == nullptr ? good
                   : row.shown[0] == 0  ? ordered_json()
                                        : ordered_json::parse(row.shown);
      if (shown.is_null())
        continue;
      auto view = l2_adapter_view(*reading.options);
      CHECK(view[pointer_to(row.key)] == shown);
      auto before = read(start_of(row, type));
      if (before.options) // else the key is needed for its setting
        CHECK(l2_adapter_view(*before.options)[pointer_to(row.key)] != shown);
    }
}

TEST_CASE("every key refuses wrong types and values by its name, with what it should be") {
  for (const auto& row : rows)
    for (const auto& type : types_of(row)) {
      auto values = wrong_types(row.takes);
      for (const auto& bad : ordered_json::parse(row.bad))
        values.push_back(bad);
      for (const auto& bad : values) {
        CAPTURE(type);
        CAPTURE(row.key);
        CAPTURE(bad.dump());
        auto text = problems_of(with_value(start_of(row, type), row.key, bad));
        CAPTURE(text);
        CHECK(contains(text, "--l2-adapter #2 ('" + type + "'): "));
        CHECK((contains(text, " must ") || contains(text, "without NUL")));
        auto name = std::string(row.key).substr(std::string(row.key).rfind('.') + 1);
        CHECK(contains(text, name));
      }
    }
}

TEST_CASE("null is as good as nothing for the keys whose default is none") {
  for (const auto& row : rows)
    if (takes_null(row.takes))
      for (const auto& type : types_of(row)) {
        CAPTURE(type);
        CAPTURE(row.key);
        if (row.setting != std::string("{}"))
          continue;
        CHECK(problems_of(with_value(least(type), row.key, nullptr)).empty());
      }
}

TEST_CASE("no key of any type is without a row") {
  for (const auto& [type, object] : least_adapters()) {
    std::set<std::string> covered = elsewhere;
    for (const auto& row : rows)
      for (const auto& name : types_of(row))
        if (name == type)
          covered.insert(row.key);
    for (const auto& key : read(object).known_keys) {
      CAPTURE(type);
      CAPTURE(key);
      CHECK(covered.contains(key));
    }
  }
}
