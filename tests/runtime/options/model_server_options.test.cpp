#include "tests/runtime/options/option_fixture.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE("Ollama's own variables say where it is and how often it is asked") {
  option_world world;
  CHECK(world.started(minimum).model_servers.ollama_url == "http://localhost:11434");
  world.variables["OLLAMA_BASE_URL"] = "https://ollama:1//";
  world.variables["GENAI_OLLAMA_METRICS_INTERVAL"] = "2.5";
  world.variables["GENAI_OLLAMA_MAX_VRAM_GB"] = "80";
  auto servers = world.started(minimum).model_servers;
  CHECK(servers.ollama_url == "https://ollama:1");
  CHECK(servers.ollama_period_ms == 2'500);
  CHECK(servers.ollama_max_vram_gib == 80);
  CHECK(servers.ollama_enabled);
  for (const char* word : {"false", "0"}) {
    world.variables["GENAI_ENABLE_OLLAMA_SERVER_METRICS"] = word;
    CHECK_FALSE(world.started(minimum).model_servers.ollama_enabled);
  }
}

TEST_CASE("an OLLAMA_BASE_URL that cannot be asked is a warning, a flag an error") {
  option_world world;
  world.variables["OLLAMA_BASE_URL"] = "0.0.0.0:11434";
  auto options = world.started(minimum);
  CHECK(options.model_servers.ollama_url.empty());
  REQUIRE(options.warnings.size() == 1);
  CHECK(contains(options.warnings[0], "OLLAMA_BASE_URL"));
  for (const char* flag : {"--ollama-url", "--vllm-metrics-url", "--tgi-metrics-url"})
    for (const char* url :
         {"ftp://h", "http://", "http://h/\n", "h:1", "http://u:pw@h", "http://h:99999/x",
          "http://h:0", "http://h:", "http://:80/", "http:///x", "http://h:x"})
      CHECK(world.refused(minimum + words{flag, url}).code == 1);
}
