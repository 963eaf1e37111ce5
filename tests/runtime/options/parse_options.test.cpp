#include "tests/runtime/options/option_fixture.hpp"

#include "runtime/options/option_help.hpp"
#include "runtime/options/version.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

using namespace actord;
using namespace actord::test;

namespace {

struct refusal {
  const char* args; // appended to the minimum
  int code;
  const char* text;
};

} // namespace

TEST_CASE("wrong command lines end with the peer's exit status and words") {
  const option_world world;
  std::ifstream file(ACTORD_TEST_DATA "/options.json");
  std::map<std::string, nlohmann::json> samples;
  auto recorded = nlohmann::json::parse(file);
  for (const auto& sample : recorded.at("exit_codes"))
    samples[sample.at("args")] = sample;
  // Sample -> the command line behind its words.
  const std::map<std::string, std::string> lines = {
    {"--nope", "--nope"},
    {"--transport http", "--transport http"},
    {"--port abc", "--port abc"},
    {"--worker-reap-timeout-seconds 10", "--worker-reap-timeout-seconds 10"},
    {"--worker-registration-grace-seconds 60", "--worker-registration-grace-seconds 60"},
    {"--grpc-server-workers 0", "--grpc-server-workers 0"},
    {"--runtime-plugin-config {", "--runtime-plugin-config {"},
    {"--server-module {", "--server-module {"},
    {"--server-module {}", "--server-module {}"},
    {"--p2p-advertise-url without coordinator", "--p2p-advertise-url 10.0.0.1:9000"},
    {"--coordinator-event-reporting --disable-observability",
     "--coordinator-event-reporting --disable-observability"},
    {"--trace-level events --disable-observability",
     "--trace-level events --disable-observability"},
    {"--enable-tracing without --otlp-endpoint", "--enable-tracing"},
    {"--enable-extra-logging --disable-observability",
     "--enable-extra-logging --disable-observability"},
    {"--coordinator-heartbeat-interval 0", "--coordinator-heartbeat-interval 0"},
    {"--coordinator-event-transport kafka, no servers", "--coordinator-event-transport kafka"},
    {"--l2-adapter {", "--l2-adapter {"},
    {"--l2-adapter {}", "--l2-adapter {}"},
    {"--l2-adapter fs without base_path", "--l2-adapter {\"type\":\"fs\"}"},
    {"--l1-manager with --l1-size-gb", "--l1-manager {\"type\":\"DRAM\"}"},
    {"--engine-type blend --supported-transfer-mode engine_driven",
     "--engine-type blend --supported-transfer-mode engine_driven"},
    {"--enable zzz", "--enable zzz"},
    {"--enable transfer_query with engine_driven",
     "--enable transfer_query --supported-transfer-mode engine_driven"},
    {"--kv-event-log-size -1", "--kv-event-log-size -1"},
  };
  for (const auto& item : lines) {
    const auto& name = item.first;
    const auto& line = item.second;
    CAPTURE(line);
    const auto& sample = samples.at(name);
    auto answer = world.refused(minimum + split(line));
    CHECK(answer.code == sample.at("rc").get<int>());
    CHECK(answer.to_stderr);
    CAPTURE(answer.text);
    CHECK(contains(answer.text, sample.at("stderr_contains")));
  }
  auto nothing = world.refused({});
  CHECK(nothing.code == 1);
  CHECK(contains(nothing.text, samples.at("no arguments").at("stderr_contains")));
}

TEST_CASE("values that make no sense are refused with flag, value and remedy") {
  const option_world world;
  const refusal cases[] = {
    {"--port 99999", 1, "--port 99999: must be a whole number from 0 to 65535"},
    {"--port -1", 1, "--port -1: must be"},
    {"--http-port -1", 1, "--http-port -1: must be"},
    {"--http-port 99999999999999999999999", 1, "--http-port 99999999999999999999999: must be"},
    {"--prometheus-port 65536", 1, "--prometheus-port 65536: must be"},
    {"--chunk-size 0", 1, "--chunk-size 0: must be a whole number from 1"},
    {"--max-workers 0", 1, "max_workers must be greater than 0"},
    {"--max-gpu-workers 0", 1, "--max-gpu-workers 0: must be"},
    {"--max-cpu-workers 0", 1, "--max-cpu-workers 0: must be"},
    {"--l1-size-gb -1", 1, "--l1-size-gb -1: must be a finite number of GiB > 0"},
    {"--l1-size-gb 0", 1, "--l1-size-gb 0: must be"},
    {"--l1-size-gb inf", 1, "--l1-size-gb inf: must be"},
    {"--l1-size-gb nan", 1, "--l1-size-gb nan: must be"},
    {"--l1-size-gb 1e999", 1, "--l1-size-gb 1e999: must be"},
    {"--l1-size-gb 0.000001", 1, "hold no block of --l1-align-bytes 4096"},
    {"--l1-align-bytes 5000", 1, "--l1-align-bytes 5000: must be a power of two"},
    {"--l1-align-bytes 2048", 1, "--l1-align-bytes 2048: must be"},
    {"--eviction-trigger-watermark 0", 1, "--eviction-trigger-watermark 0: must be > 0 and <= 1"},
    {"--eviction-trigger-watermark 1.1", 1, "--eviction-trigger-watermark 1.1: must be"},
    {"--eviction-ratio -0.1", 1, "--eviction-ratio -0.1: must be >= 0 and <= 1"},
    {"--eviction-ratio nan", 1, "--eviction-ratio nan: must be"},
    {"--eviction-policy lru", 2, "argument --eviction-policy: invalid choice: 'lru'"},
    {"--l1-write-ttl-seconds 0", 1, "--l1-write-ttl-seconds 0: must be"},
    {"--l1-read-ttl-seconds 1.5", 2, "argument --l1-read-ttl-seconds: invalid int value: '1.5'"},
    {"--worker-reap-timeout-seconds 29.9", 1, "must be 0 (disabled) or >= 30s"},
    {"--worker-reap-timeout-seconds inf", 1, "must be 0 (disabled) or >= 30s"},
    {"--worker-reap-timeout-seconds -5", 1, "must be 0 (disabled) or >= 30s"},
    {"--session-ttl-seconds 0", 1, "--session-ttl-seconds 0: must be a finite number > 0"},
    {"--session-ttl-seconds 1e12", 1, "--session-ttl-seconds 1e12: must be at most"},
    {"--request-timeout-seconds 0", 1, "--request-timeout-seconds 0: must be > 0"},
    {"--event-bus-queue-size 0", 1, "--event-bus-queue-size 0: must be"},
    {"--metrics-sample-rate 0", 1, "--metrics-sample-rate 0: must be > 0 and <= 1"},
    {"--gc-monitor-min-pause-ms -1", 1, "--gc-monitor-min-pause-ms -1: must be"},
    {"--extra-logging-interval 0", 1, "--extra-logging-interval 0: must be"},
    {"--coordinator-blend-match-concurrency 0", 1, "must be a whole number >= 1"},
    {"--hash-algorithm builtin", 1, "use blake3, sha256_cbor or sha256"},
    {"--hash-algorithm zzz", 1, "--hash-algorithm zzz: unknown algorithm; use blake3"},
    {"--shm-name a/b", 1, "--shm-name a/b: must be a file name"},
    {"--host=", 1, "--host : must not be empty"},
    {"--http-host=", 1, "--http-host : must not be empty"},
    {"--log-level loud", 1, "--log-level loud: unknown level; use DEBUG"},
    {"--runtime-plugin-config []", 1, "is not valid JSON for an object"},
  };
  for (const auto& bad : cases) {
    CAPTURE(bad.args);
    auto answer = world.refused(minimum + split(bad.args));
    CAPTURE(answer.text);
    CHECK(answer.code == bad.code);
    CHECK(contains(answer.text, bad.text));
  }
}

TEST_CASE("a flag that asks for a part not built yet says so and what to do") {
  const option_world world;
  const char* cases[] = {
    "--transport grpc",
    "--engine-type blend",
    "--gds-l1-path /data/slab",
    "--gds-l1-backend cufile",
    "--l1-devdax-path /dev/dax0.0",
    "--l1-use-hugepages",
    "--p2p-advertise-url 10.0.0.1:9000",
    "--coordinator-url http://coordinator:9300",
    "--enable transfer_query",
    "--enable-segmented-prefix",
    "--enable-dedup-content",
    "--enable-blend-reorder",
    "--server-module {\"module_path\":\"a.b\"}",
    "--runtime-plugin-locations /data/plug",
    "--trace-level events",
  };
  for (const std::string line : cases) {
    CAPTURE(line);
    auto answer = world.refused(minimum + split(line));
    CAPTURE(answer.text);
    CHECK(answer.code == 1);
    CHECK(contains(answer.text, "not built yet; "));
    CHECK(contains(answer.text, line.substr(0, line.find(' '))));
  }
  auto two
    = world.refused({"--l1-manager", "{\"type\":\"DRAM\"}", "--l1-manager", "{\"type\":\"DRAM\"}"});
  CHECK(two.code == 1);
  CHECK(contains(two.text, "several L1s are not built yet"));
  CHECK(contains(world.refused({"--l1-manager", "{\"type\":\"GDS\"}"}).text, "not built yet"));
}

TEST_CASE("passwords in an adapter's JSON stay out of the message") {
  const option_world world;
  for (const std::string json : {"{\"type\":\"resp\",\"password\":\"hunter2\"}", "{hunter2"}) {
    auto answer = world.refused(minimum + words{"--l2-adapter", json});
    CHECK(answer.code == 1);
    CHECK_FALSE(contains(answer.text, "hunter2"));
  }
}

TEST_CASE("defaults, disables and tuning of parts not built yet start") {
  const option_world world;
  auto options = world.started(minimum
                               + split("--transport zmq --engine-type default --enable "
                                       "--runtime-plugin-locations --coordinator-url= "
                                       "--p2p-advertise-url= --otlp-endpoint= "
                                       "--no-gds-l1-use-direct-io --gds-l1-backend auto "
                                       "--no-l1-use-hugepages --grpc-server-workers 4 "
                                       "--l2-store-policy skip_l1 "
                                       "--l2-prefetch-policy retain "
                                       "--p2p-lookup-timeout 5 --enable-gc-monitor "
                                       "--coordinator-heartbeat-interval 7 -q "
                                       "--format json --output /dev/null"));
  CHECK(options.mp.grpc_server_workers == 4);
  CHECK(options.l2.store_policy == "skip_l1");
  CHECK(options.coordinator.heartbeat_interval_s == 7);
  CHECK(options.warnings.size() == 1); // --enable-gc-monitor
}

TEST_CASE("the operator's command starts") {
  const option_world world;
  auto options = world.started(
    split("server --host 0.0.0.0 --port 5555 --http-port 8080 --l1-size-gb 60.0 --chunk-size 256 "
          "--max-workers 1 --hash-algorithm blake3 --eviction-policy LRU "
          "--eviction-trigger-watermark 0.80 --eviction-ratio 0.20 --prometheus-port 9090"));
  CHECK(options.mp.host == "0.0.0.0");
  CHECK(options.l1.size_bytes == 60ULL << 30);
  CHECK(options.http.host == "127.0.0.1");
  CHECK(options.warnings.empty());
  auto old = world.started(minimum + split("--disable-prometheus"));
  CHECK_FALSE(old.observability.metrics_enabled);
  REQUIRE(old.warnings.size() == 1);
  CHECK(contains(old.warnings[0], "--disable-metrics"));
}

TEST_CASE("what an accepted sample of the peer says arrives as typed values") {
  const option_world world;
  auto options = world.started(split("--l1-size-gb=0.0_1 --eviction-policy MQ --chunk-size=2_56 "
                                     "--null-block-id -1 --l1-write-ttl-seconds 5 "
                                     "--session-ttl-seconds 0.5 --max-workers 3 "
                                     "--max-cpu-workers 2 --no-separate-object-groups "
                                     "--supported-transfer-mode engine_driven --log-format json "
                                     "--log-level debug --worker-reap-timeout-seconds 0"));
  CHECK(options.l1.size_bytes == 10'737'418);
  CHECK(options.l1.eviction.policy == "MQ");
  CHECK(options.mp.null_block_id == -1);
  CHECK(options.l1.write_ttl_ms == 5'000);
  CHECK(options.mp.session_ttl_ms == 500);
  CHECK(options.mp.max_gpu_workers == 3);
  CHECK(options.mp.max_cpu_workers == 2);
  CHECK(options.mp.supported_transfer_mode == transfer_mode::engine_driven);
  CHECK(options.observability.format == log_format::json);
  CHECK(options.observability.level == log_level::debug);
  CHECK(options.mp.worker_reap_timeout_ms == 0);
  CHECK(options.mp.instance_id == "ff010203-0405-4f07-bf09-0a0b0c000000");
}

TEST_CASE("one DRAM manager object fills the L1 options") {
  const option_world world;
  auto options = world.started(
    {"--l1-manager",
     R"({"type":"DRAM","tag":"hot","size_gb":0.5,"align_bytes":8192,"read_ttl_seconds":7,
         "eviction":{"eviction_policy":"ARC","trigger_watermark":0.5,"eviction_ratio":0},
         "use_lazy":false,"init_size_gb":1,"shm_name":"pool","use_hugepages":false})",
     "--l1-write-ttl-seconds", "9"});
  CHECK(options.l1.size_bytes == 512 << 20);
  CHECK(options.l1.align_bytes == 8192);
  CHECK(options.l1.read_ttl_ms == 7'000);
  CHECK(options.l1.write_ttl_ms == 9'000);
  CHECK(options.l1.eviction.policy == "ARC");
  CHECK(options.l1.eviction.trigger_watermark == 0.5);
  CHECK(options.l1.eviction.eviction_ratio == 0);
  CHECK(options.l1.tag == "hot");
  CHECK(options.l1.shm_name == "pool");
}

TEST_CASE("a wrong manager object says which field must hold what") {
  const option_world world;
  const std::pair<const char*, const char*> cases[] = {
    {"[]", "must be a JSON object"},
    {"{", "must be a JSON object"},
    {R"({"type":"ROM"})", "requires type DRAM, DEVDAX or GDS"},
    {R"({"type":3})", "requires type DRAM, DEVDAX or GDS"},
    {R"({"type":"DRAM","size_gb":1})", "tag must be a non-empty string"},
    {R"({"type":"DRAM","tag":" ","size_gb":1})", "tag must be a non-empty string"},
    {R"({"type":"DRAM","tag":"a"})", "size_gb must be a number"},
    {R"({"type":"DRAM","tag":"a","size_gb":"1"})", "size_gb must be a number"},
    {R"({"type":"DRAM","tag":"a","size_gb":-1})", "size_gb must be a number"},
    {R"({"type":"DRAM","tag":"a","size_gb":1})", "An eviction policy is required"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"path":"x"})", "unknown field `path`"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"use_lazy":1})", "use_lazy must be true or false"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"align_bytes":4096.5})", "align_bytes must be"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"read_ttl_seconds":18446744073709551615})",
     "read_ttl_seconds must be"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"eviction":{"eviction_policy":"FIFO"}})",
     "eviction_policy must be LRU"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"eviction":{"trigger_watermark":2}})",
     "trigger_watermark must be a number between zero and one"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"eviction":{"x":2}})", "unknown field `eviction.x`"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"eviction":[]})", "eviction must be an object"},
    {R"({"type":"DRAM","tag":"a","size_gb":1,"align_bytes":5000,
         "eviction":{"eviction_policy":"LRU"}})",
     "must be a power of two"},
  };
  for (const auto& item : cases) {
    const auto& json = item.first;
    const auto& text = item.second;
    CAPTURE(json);
    auto answer = world.refused({"--l1-manager", json});
    CAPTURE(answer.text);
    CHECK(answer.code == 1);
    CHECK(contains(answer.text, text));
  }
}

TEST_CASE("help and version go to standard output and end with 0") {
  const option_world world;
  auto help = world.refused({"server", "-h"});
  CHECK(help.code == 0);
  CHECK_FALSE(help.to_stderr);
  CHECK(contains(help.text, "--eviction-policy"));
  std::size_t start = 0;
  for (auto end = help.text.find('\n'); end != std::string::npos; end
                                                                  = help.text.find('\n', start)) {
    CHECK(end - start <= 100);
    start = end + 1;
  }
  auto version = world.refused({"--version"});
  CHECK(version.text
        == "lmcache-actord " + std::string(daemon_version) + " (LMCache protocol 0.5.6)\n");
}

TEST_CASE("hostile command lines are refused or accepted, never fatal") {
  option_world world;
  auto deep = [](std::size_t depth, char open) { return std::string(depth, open); };
  for (const std::string flag :
       {"--l1-manager", "--l2-adapter", "--server-module", "--runtime-plugin-config"}) {
    CHECK(world.refused({flag, deep(1'000'000, '[')}).code == 1);
    CHECK(world.refused({flag, deep(1'000'000, '[') + std::string(1'000'000, ']')}).code == 1);
    CHECK(world.refused({flag, deep(1'000'000, '{')}).code == 1);
    CHECK(world.refused({flag, "\"\\"}).code == 1);
  }
  CHECK(world.refused(minimum + words{"--port", std::string(1'000'000, '9')}).code == 1);
  CHECK(world.refused(minimum + words{std::string(1'000'000, '-')}).code == 2);
  CHECK(world.refused(minimum + words{"--host", "\xc3\x28"}).code == 2);
  CHECK(world.refused(minimum + words{"--"}).code == 2);
  CHECK(world.refused(minimum + words{"--", "--port"}).code == 2);
  auto long_host = world.refused(minimum + words{"--port", std::string(1'000'000, 'x')});
  CHECK(long_host.text.size() < 1'000);
  const char* pieces[] = {"--",       "-",     "--port", "=",    "{}",      "[a]", "%%",
                          "--no-",    "--l1",  "-q",     "-1",   "--x=",    "",    "server",
                          "--enable", "--en=", "-qh",    "\x01", "--host=", "a b", "--help=1"};
  std::mt19937 random(7);
  for (int round = 0; round < 2'000; ++round) {
    words args;
    for (auto count = random() % 6; count > 0; --count)
      args.push_back(std::string(pieces[random() % std::size(pieces)])
                     + (random() % 3 == 0 ? pieces[random() % std::size(pieces)] : ""));
    auto answer = world.refused(args);
    CHECK((answer.code == -1 || (answer.code >= 0 && answer.code <= 3)));
    CHECK_FALSE(answer.text.empty());
  }
}
