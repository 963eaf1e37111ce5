#include "actors/telemetry/gen_ai_poller.hpp"
#include "actors/telemetry/gpu_memory.hpp"
#include "observability/gen_ai_pages.hpp"
#include "tests/fixtures/actors.hpp"

#include <chrono>

using namespace actord;
using namespace actord::test;

namespace {

using outcome = fetched::outcome;

struct fixture : actor_fixture {
  void begin() {
    gen_ai_poller_options options;
    options.title = "Ollama";
    options.url = "http://test";
    options.period_ms = 5'000;
    options.into = all;
    options.fetch = [this](const std::string&) {
      ++asked;
      return answer;
    };
    options.read = [](const std::string& page) { return read_ollama_page(page, {}); };
    poller = start(gen_ai_poller, options);
    settle();
  }
  double now_s() {
    return std::chrono::duration<double>(sched.clock().now().time_since_epoch()).count();
  }

  std::shared_ptr<gen_ai_metrics> all = std::make_shared<gen_ai_metrics>();
  fetched answer{outcome::refused, "connection refused"};
  int asked = 0;
  gen_ai_poller_actor poller;
};

constexpr const char* one_model = R"({"models":[{"name":"m","size_vram":4294967296}]})";

} // namespace

TEST_CASE_FIXTURE(fixture, "a server that is away is asked less often, down to once a minute") {
  begin();
  CHECK(asked == 1);
  for (auto wait : {10s, 20s, 40s, 60s, 60s}) {
    const auto before = asked;
    pass(wait - 1s);
    CHECK(asked == before);
    pass(1s);
    CHECK(asked == before + 1);
  }
  answer = {outcome::ok, one_model};
  pass(60s); // it came up
  CHECK(all->usage(now_s()) == gen_ai_usages{{"m", 50}});
  const auto before = asked;
  pass(5s);
  CHECK(asked == before + 1);
}

TEST_CASE_FIXTURE(fixture, "a model that was unloaded is 0 for one period and then gone") {
  answer = {outcome::ok, one_model};
  begin();
  CHECK(all->value(gen_ai_level::max, now_s()) == 1);
  answer = {outcome::ok, R"({"models":[]})"};
  pass(5s);
  CHECK(all->usage(now_s()) == gen_ai_usages{{"m", 0}});
  CHECK(all->value(gen_ai_level::max, now_s()) == 1); // nobody says otherwise yet
  pass(5s);
  CHECK(all->usage(now_s()).empty());
}

TEST_CASE_FIXTURE(fixture, "what a server said stays for a while when it lies, and then expires") {
  answer = {outcome::ok, one_model};
  begin();
  answer = {outcome::ok, "<html>"};
  pass(5s);
  CHECK(all->usage(now_s()).size() == 1);
  for (int i = 0; i < 6; ++i)
    pass(5s);
  CHECK(all->usage(now_s()).empty());
  CHECK(asked == 8); // it answers, so it is asked as often as before
}

TEST_CASE("the GPU's memory is what is configured, then what NVML, then what nvidia-smi says") {
  int asked = 0;
  auto says = [&asked](std::optional<double> bytes) {
    return [&asked, bytes] {
      ++asked;
      return bytes;
    };
  };
  CHECK(find_gpu_memory({2, says(1), says(1)}) == 2.0 * (1 << 30));
  CHECK(asked == 0);
  CHECK(find_gpu_memory({0, says(7), says(9)}) == 7);
  CHECK(asked == 1);
  CHECK(find_gpu_memory({0, says({}), says(9)}) == 9);
  CHECK_FALSE(find_gpu_memory({0, says({}), says({})}).has_value());
}
