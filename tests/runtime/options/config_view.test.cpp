#include "runtime/options/config_view.hpp"
#include "tests/runtime/options/option_fixture.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

using namespace actord;
using namespace actord::test;
using json = nlohmann::ordered_json;

TEST_CASE("the peer's own command line gives the peer's own /config") {
  std::ifstream file(ACTORD_TEST_DATA "/options.json");
  auto sample = json::parse(file);
  const option_world world;
  auto args = split(sample.at("idle_command"))
              + words{"--instance-id", sample.at("config").at("mp").at("instance_id"),
                      "--supported-transfer-mode", "lmcache_driven"};
  auto view = config_view(world.started(args));
  CHECK(view.contains("actord"));
  view.erase("actord");
  CHECK(view.dump(2) == sample.at("config").dump(2)); // order of keys included
}

TEST_CASE("tuning without effect is shown as given") {
  const option_world world;
  auto view = config_view(world.started(
    minimum
    + words{"--runtime-plugin-config", "{\"plugin.x\":\"y\"}", "--script-allowed-imports", "math",
            "--l2-store-policy", "skip_l1", "--coordinator-event-transport", "kafka",
            "--coordinator-kafka-bootstrap-servers", "k:9092", "--trace-output", "/t.lct"}));
  CHECK(view["mp"]["runtime_plugin_config"]["extra_config"]["plugin.x"] == "y");
  CHECK(view["mp"]["script_allowed_imports"] == json::array({"math"}));
  CHECK(view["storage_manager"]["store_policy"] == "skip_l1");
  CHECK(view["coordinator"]["event_sink_config"]["bootstrap_servers"] == "k:9092");
  CHECK(view["observability"]["trace_output"] == "/t.lct");
  CHECK(view["mp"]["supported_transfer_mode"] == "auto");
}

TEST_CASE("what is logged besides is shown as asked for") {
  const option_world world;
  auto view = config_view(
    world.started(minimum
                  + split("--lookup-hash-log-dir /data/log --lookup-hash-log-max-files 7 "
                          "--enable-extra-logging --extra-logging-interval 2.5")));
  CHECK(view["observability"]["lookup_hash_log"]["output_dir"] == "/data/log");
  CHECK(view["observability"]["lookup_hash_log"]["max_files"] == 7);
  for (const auto& part : {view["observability"], view["storage_manager"]["eviction_config"]}) {
    CHECK(part["extra_logging_enabled"] == true);
    CHECK(part["extra_logging_interval"] == 2.5);
  }
  auto off = world.started(minimum
                           + split("--lookup-hash-log-dir /data/log "
                                   "--disable-observability"));
  REQUIRE(off.warnings.size() == 1);
  CHECK(contains(off.warnings[0], "--lookup-hash-log-dir /data/log has no effect"));
}

TEST_CASE("secrets are shown as present, never as text") {
  option_world world;
  const std::string key = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
  world.files = {{"t", "hunter2"}, {"k", key}};
  auto view = config_view(
    world.started(minimum + words{"--http-token-file", "t", "--zmq-curve-server-key-file", "k"}));
  CHECK(view["actord"]["http_token"] == true);
  CHECK(view["actord"]["zmq_curve"] == true);
  CHECK_FALSE(contains(view.dump(), "hunter2"));
  CHECK_FALSE(contains(view.dump(), key));
  for (const words& args : {words{"--metrics-token", "hunter2"}, {"--metrics-token-file", "t"}}) {
    auto metrics = config_view(world.started(minimum + args));
    CHECK(metrics["actord"]["metrics_token"] == true);
    CHECK_FALSE(contains(metrics.dump(), "hunter2"));
  }
}

TEST_CASE("the view can always be printed") {
  const option_world world;
  auto args = minimum
              + words{"--host", "\u00e9\x01", "--runtime-plugin-config",
                      "{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}"};
  CHECK(contains(config_view(world.started(args)).dump(2), "\\u0001"));
}
