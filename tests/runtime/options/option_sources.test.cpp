// Environment, file and secrets: what comes from elsewhere than the command line.
#include "tests/runtime/options/option_fixture.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE("the strongest source wins, flag by flag") {
  option_world world;
  world.files["c.toml"] = "port = 1\nhttp-port = 1\nchunk-size = 64\n";
  world.variables = {{"LMCACHE_ACTORD_PORT", "2"},
                     {"LMCACHE_ACTORD_HTTP_PORT", "2"},
                     {"LMCACHE_ACTORD_CONFIG", "c.toml"},
                     {"LMCACHE_LOG_LEVEL", "warning"},
                     {"LMCACHE_ACTORD_SHM_NAME", ""}};
  auto options = world.started(minimum + split("--port 3"));
  CHECK(options.mp.port == 3);
  CHECK(options.http.port == 2);
  CHECK(options.mp.chunk_size == 64);
  CHECK(options.mp.max_workers == 1);
  CHECK(options.config_file == "c.toml");
  CHECK(options.observability.level == log_level::warning);
  world.variables["LMCACHE_ACTORD_LOG_LEVEL"] = "error";
  CHECK(world.started(minimum).observability.level == log_level::error);
}

TEST_CASE("a new name beats its old one, and the old one beats the environment") {
  option_world world;
  world.variables["LMCACHE_COORDINATOR_EVENT_FLUSH_INTERVAL"] = "9";
  auto flush = [&](const char* line) {
    return world.started(minimum + split(line)).coordinator.event_flush_interval_s;
  };
  CHECK(flush("") == 9);
  CHECK(flush("--coordinator-l2-event-flush-interval 2") == 2);
  CHECK(flush("--coordinator-l2-event-flush-interval 2 --coordinator-event-flush-interval 3") == 3);
}

TEST_CASE("bad variables are named with their value and end with 1") {
  option_world world;
  auto refused_with = [&](const char* name, const char* value) {
    world.variables = {{name, value}};
    return world.refused(minimum);
  };
  auto heartbeat = refused_with("LMCACHE_COORDINATOR_HEARTBEAT_INTERVAL", "x");
  CHECK(heartbeat.code == 1);
  CHECK(contains(heartbeat.text, "LMCACHE_COORDINATOR_HEARTBEAT_INTERVAL) is not a number: 'x'"));
  CHECK(contains(refused_with("LMCACHE_ACTORD_PORT", "abc").text,
                 "--port (from LMCACHE_ACTORD_PORT) is not a whole number: 'abc'"));
  CHECK(contains(refused_with("LMCACHE_ACTORD_PORT", "70000").text,
                 "--port 70000 (from LMCACHE_ACTORD_PORT): must be"));
  CHECK(contains(refused_with("LMCACHE_ACTORD_EVICTION_RATIO", "\xff\xfe").text,
                 "LMCACHE_ACTORD_EVICTION_RATIO is not UTF-8 text: \\xff\\xfe"));
  CHECK(contains(refused_with("LMCACHE_COORDINATOR_URL", "http://c").text,
                 "--coordinator-url http://c (from LMCACHE_COORDINATOR_URL): the coordinator "
                 "client is not built yet"));
  CHECK(refused_with("LMCACHE_ACTORD_ENABLE", "transfer_query").code == 1);
  CHECK(refused_with("LMCACHE_ACTORD_HTTP_INSECURE", "maybe").code == 1);
}

TEST_CASE("odd variables are ignored with a warning") {
  option_world world;
  world.variables = {{"LMCACHE_ACTORD_PORT", "tcp://10.96.0.7:5555"},
                     {"LMCACHE_ACTORD_PORT_5555_TCP_ADDR", "10.96.0.7"},
                     {"LMCACHE_ACTORD_SERVICE_HOST", "10.96.0.7"},
                     {"LMCACHE_ACTORD_CHUNKSIZE", "64"},
                     {"LMCACHE_LOG_LEVEL", "loud"}};
  auto options = world.started(minimum);
  CHECK(options.mp.port == 5555);
  CHECK(options.observability.level == log_level::info);
  REQUIRE(options.warnings.size() == 3);
  CHECK(contains(options.warnings[0], "LMCACHE_ACTORD_PORT=tcp://10.96.0.7:5555 is ignored"));
  CHECK(contains(options.warnings[1], "LMCACHE_ACTORD_CHUNKSIZE belongs to no option"));
  CHECK(contains(options.warnings[2], "loud"));
}

TEST_CASE("what is wrong with a file names file, line and key") {
  option_world world;
  auto refused_with = [&](const char* text) {
    world.files["c.toml"] = text;
    return world.refused(minimum + words{"--config", "c.toml"});
  };
  CHECK(contains(refused_with("port = 1\nzzz = 2\n").text, "c.toml:2: unknown option `zzz`"));
  CHECK(contains(refused_with("chunk_size = 2\n").text, "write `chunk-size`"));
  CHECK(contains(refused_with("config = \"d.toml\"\n").text, "on the command line only"));
  CHECK(contains(refused_with("port = [1, 2]\n").text, "`port` takes one value"));
  CHECK(contains(refused_with("port = 70000\n").text, "--port 70000 (from c.toml:1): must be"));
  CHECK(contains(refused_with("port = \"x\"\n").text, "--port (from c.toml:1) is not a whole"));
  CHECK(contains(refused_with("transport = \"http\"\n").text, "c.toml:1): invalid choice"));
  CHECK(refused_with("port = \"x\"\n").code == 1);
  auto missing = world.refused(minimum + words{"--config", "nowhere.toml"});
  CHECK(missing.code == 1);
  CHECK(contains(missing.text, "--config nowhere.toml: cannot be read: No such file"));
}

TEST_CASE("secrets are read from their files and checked") {
  option_world world;
  const std::string key = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"; // ZeroMQ RFC 26's example
  world.files = {{"token", " s3cret-token\n"},
                 {"blank", "two words"},
                 {"empty", "\n"},
                 {"key", key + "\n"},
                 {"certificate", "# public\ncurve\n    secret-key = \"" + key + "\"\n"},
                 {"short", "JTKVSB"},
                 {"overflow", std::string(40, '#')}};
  CHECK(world.started(minimum + words{"--http-token-file", "token"}).http.token == "s3cret-token");
  for (const std::string name : {"key", "certificate"})
    CHECK(
      world.started(minimum + words{"--zmq-curve-server-key-file", name}).mp.curve_server_secret_key
      == key);
  for (const std::string name : {"blank", "empty", "nowhere"}) {
    auto answer = world.refused(minimum + words{"--http-token-file", name});
    CHECK(answer.code == 1);
    CHECK(contains(answer.text, "--http-token-file " + name));
    CHECK_FALSE(contains(answer.text, "two words"));
  }
  for (const std::string name : {"short", "overflow", "nowhere"})
    CHECK(world.refused(minimum + words{"--zmq-curve-server-key-file", name}).code == 1);
  auto both = world.refused(minimum + words{"--http-token-file", "token", "--http-insecure"});
  CHECK(contains(both.text, "--http-insecure contradicts --http-token-file"));
}

TEST_CASE("the token of the metrics comes from a flag, a variable or a file, not from two") {
  option_world world;
  world.files = {{"token", " s3cret-token\n"}, {"c.toml", "metrics-token = \"of-the-file\"\n"}};
  auto token
    = [&](const words& args) { return world.started(minimum + args).observability.metrics_token; };
  CHECK(token({}).empty());
  CHECK(token({"--metrics-token", " abc "}) == "abc");
  CHECK(token({"--metrics-token-file", "token"}) == "s3cret-token");
  CHECK(token({"--config", "c.toml"}) == "of-the-file");
  world.variables["LMCACHE_METRICS_TOKEN"] = "of-the-environment";
  CHECK(token({}) == "of-the-environment");
  CHECK(token({"--metrics-token", "abc"}) == "abc");
  world.variables["LMCACHE_ACTORD_METRICS_TOKEN"] = "of-ours";
  CHECK(token({}) == "of-ours");
  auto two = world.refused(minimum + words{"--metrics-token-file", "token"});
  CHECK(two.code == 1);
  CHECK(contains(two.text, "--metrics-token *** (from LMCACHE_ACTORD_METRICS_TOKEN) contradicts "
                           "--metrics-token-file token"));
  for (const words& both :
       {words{"--metrics-token", "abc"}, words{"--metrics-token-file", "token"}})
    CHECK(contains(world.refused(minimum + both + words{"--http-insecure"}).text,
                   "--http-insecure contradicts " + both[0]));
}

TEST_CASE("no message shows a secret") {
  option_world world;
  world.files = {{"bare.toml", "metrics-token = hunter2\n"},
                 {"blank.toml", "metrics-token = \"hunter2 b\"\n"},
                 {"list.toml", "metrics-token = [\"hunter2\", \"b\"]\n"}};
  for (const words& args :
       {words{"--metrics-token", "hunter2 b"}, words{"--metrics-token=hunter2\x7f"},
        words{"--metrics-tok=hunter2"}, words{"--metrics-token", "hunter2\xff"},
        words{"--metrics-token", std::string(5000, 'h') + "hunter2"},
        words{"--config", "bare.toml"}, words{"--config", "blank.toml"},
        words{"--config", "list.toml"}}) {
    CAPTURE(args);
    auto answer = world.refused(minimum + args);
    CHECK((answer.code == 1 || answer.code == 2));
    CHECK_FALSE(contains(answer.text, "hunter2"));
  }
  for (const char* name : {"LMCACHE_METRICS_TOKEN", "LMCACHE_ACTORD_METRICS_TOKEN"})
    for (const char* value : {"hunter2 b", "hunter2\xff"}) {
      world.variables = {{name, value}};
      auto answer = world.refused(minimum);
      CHECK(answer.code == 1);
      CHECK(contains(answer.text, name));
      CHECK_FALSE(contains(answer.text, "hunter2"));
    }
}
