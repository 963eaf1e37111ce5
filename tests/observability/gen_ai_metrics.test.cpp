#include "observability/gen_ai_metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace actord;

namespace {

using enum gen_ai_source;
using level = gen_ai_level;

} // namespace

TEST_CASE("a number of requests is 0 at first and never below") {
  gen_ai_metrics all;
  CHECK(all.value(level::running, 0) == 0);
  all.set(level::running, push, -5, 1);
  CHECK(all.value(level::running, 1) == 0);
  all.add(level::running, push, 3, 1);
  all.add(level::running, push, -1, 1);
  CHECK(all.value(level::running, 1) == 2);
  CHECK(all.value(level::waiting, 1) == 0);
  all.add(level::running, push, std::numeric_limits<int64_t>::min(), 1);
  CHECK(all.value(level::running, 1) == 0);
  all.set(level::running, push, std::numeric_limits<int64_t>::max(), 1);
  all.add(level::running, push, 1, 1);
  CHECK(all.value(level::running, 1) == std::numeric_limits<int64_t>::max());
}

TEST_CASE("a push hides a poller and a poller the own number, until each expires") {
  gen_ai_metrics all;
  all.own_requests(4, 1);
  all.set(level::waiting, vllm, 2, 10);
  all.set(level::waiting, push, 3, 5);
  CHECK(all.value(level::waiting, 35) == 3);
  CHECK(all.value(level::waiting, 35.5) == 2);
  CHECK(all.value(level::waiting, 40.5) == 1);
  CHECK(all.value(level::running, 40.5) == 4);
  all.add(level::waiting, push, 4, 50); // what expired is not added to
  CHECK(all.value(level::waiting, 50) == 4);
}

TEST_CASE("usage is clamped, and NaN and impossible names are refused") {
  gen_ai_metrics all;
  const std::string longest(gen_ai_metrics::max_name_bytes, 'n');
  CHECK(all.set_usage(push, "a", 101, 0));
  CHECK(all.set_usage(push, "b", -1, 0));
  CHECK_FALSE(all.set_usage(push, "c", std::nan(""), 0));
  CHECK_FALSE(all.set_usage(push, "", 1, 0));
  CHECK(all.set_usage(push, longest, 1, 0));
  CHECK_FALSE(all.set_usage(push, longest + "n", 1, 0));
  all.remove_usage(push, longest);
  CHECK(all.usage(0) == gen_ai_usages{{"a", 100}, {"b", 0}});
}

TEST_CASE("the number of models is bounded, and expired models make room") {
  gen_ai_metrics all;
  for (size_t i = 0; i < gen_ai_metrics::max_models; ++i)
    CHECK(all.set_usage(ollama, "m" + std::to_string(i), 1, 0));
  CHECK_FALSE(all.set_usage(ollama, "more", 1, 1));
  CHECK(all.set_usage(ollama, "m0", 2, 31)); // known models are not turned away
  CHECK(all.set_usage(ollama, "more", 1, 31));
  CHECK(all.usage(31) == gen_ai_usages{{"m0", 2}, {"more", 1}});
}

TEST_CASE("a model that its source no longer sees is 0 for one period and then gone") {
  gen_ai_metrics all;
  all.replace_usage(ollama, {{"a", 40}, {"b", 50}}, 0);
  all.replace_usage(ollama, {{"b", 60}}, 5);
  CHECK(all.usage(5) == gen_ai_usages{{"a", 0}, {"b", 60}});
  all.replace_usage(ollama, {{"b", 60}}, 10);
  CHECK(all.usage(10) == gen_ai_usages{{"b", 60}});
}

TEST_CASE("a model's usage comes from its strongest fresh source, own values never expire") {
  gen_ai_metrics all;
  all.set_usage(own, "a", 1, 0);
  all.set_usage(ollama, "a", 2, 0);
  all.set_usage(push, "a", 3, 0);
  CHECK(all.usage(30) == gen_ai_usages{{"a", 3}});
  CHECK(all.usage(31) == gen_ai_usages{{"a", 1}});
}

TEST_CASE("a push is taken as a whole or not at all") {
  gen_ai_metrics all;
  for (size_t i = 0; i + 1 < gen_ai_metrics::max_models; ++i)
    CHECK(all.set_usage(ollama, "m" + std::to_string(i), 1, 0));
  gen_ai_report report;
  report.running = 3;
  report.waiting_delta = 2;
  report.usages = {{"m0", 5}, {"new", 5}, {"too many", 5}};
  CHECK_FALSE(all.push(report, 1));
  CHECK(all.value(level::running, 1) == 0);
  CHECK(all.value(level::waiting, 1) == 0);
  CHECK(all.usage(1).size() == gen_ai_metrics::max_models - 1);
  report.usages.pop_back();
  CHECK(all.push(report, 1));
  CHECK(all.value(level::running, 1) == 3);
  CHECK(all.value(level::waiting, 1) == 2);
  CHECK(all.usage(1).size() == gen_ai_metrics::max_models);
}

TEST_CASE("a scrape shows numbers from the start, and usage under both names") {
  metric_registry registry;
  auto all = std::make_shared<gen_ai_metrics>();
  all->set_usage(own, "m", 25, 0);
  registry.add_source([all](gauge_sink& to) { all->collect(to, 0); });
  std::vector<std::string> found;
  for (const auto& family : registry.Collect())
    if (family.name.starts_with("gen_ai_server_"))
      found.push_back(family.name + "=" + std::to_string(family.metric.at(0).gauge.value));
  CHECK(found
        == std::vector<std::string>{
          "gen_ai_server_kv_cache_usage_percent=25.000000",
          "gen_ai_server_kv_cache_usage=25.000000", "gen_ai_server_requests_running=0.000000",
          "gen_ai_server_requests_waiting=0.000000", "gen_ai_server_requests_max=0.000000"});
}
