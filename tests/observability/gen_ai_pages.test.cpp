#include "observability/gen_ai_pages.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

template <class Result>
gen_ai_report good(Result result) {
  REQUIRE(std::holds_alternative<gen_ai_report>(result));
  return std::get<gen_ai_report>(result);
}

} // namespace

TEST_CASE("Ollama's models are shares of the GPU's memory") {
  const std::string page = R"({"models":[{"name":"llama3:8b","size":6,"size_vram":2147483648,
                              "details":{}},{"name":"cpu-only","size":9}]})";
  constexpr double gib = 1 << 30;
  auto report = good(read_ollama_page(page, 4 * gib));
  CHECK(report.usages == gen_ai_usages{{"llama3:8b", 50}, {"cpu-only", 0}});
  CHECK(report.max == 2);
  CHECK_FALSE(report.running.has_value());
  CHECK(good(read_ollama_page(page, {})).usages[0].second == 25); // of 8 GiB
  CHECK(good(read_ollama_page(page, 0)).usages[0].second == 25);
}

TEST_CASE("an idle Ollama leaves the capacity to whoever knows it") {
  auto report = good(read_ollama_page(R"({"models":[]})", {}));
  CHECK(report.usages.empty());
  CHECK_FALSE(report.max.has_value());
}

TEST_CASE("a page that lies is refused or bounded") {
  for (const char* page :
       {"", "[]", "{}", "null", R"({"models":{}})", R"({"models":[1]})", R"({"models":[{}]})",
        R"({"models":[{"name":1}]})", R"({"models":[{"name":"m","size_vram":"1"}]})", "<html>"})
    CHECK(std::holds_alternative<std::string>(read_ollama_page(page, {})));
  std::string many = R"({"models":[)";
  for (int i = 0; i < 1'000; ++i)
    many += (i == 0 ? "" : ",") + std::string(R"({"name":"m)") + std::to_string(i) + "\"}";
  CHECK(good(read_ollama_page(many + "]}", {})).usages.size() == gen_ai_metrics::max_models);
  CHECK(good(read_ollama_page(R"({"models":[{"name":"m","size_vram":1e308}]})", {})).max == 1);
}

TEST_CASE("vLLM's engines are summed up, and the fullest counts for a model") {
  auto report = good(read_vllm_page("# HELP vllm:num_requests_running ...\n"
                                    "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n"
                                    "vllm:num_requests_running{engine=\"1\",model_name=\"m\"} 2.0\n"
                                    "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 7\n"
                                    "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.25\n"
                                    "vllm:kv_cache_usage_perc{engine=\"1\",model_name=\"m\"} 0.5\n"
                                    "other_metric 1\r\n"));
  CHECK(report.running == 5);
  CHECK(report.waiting == 7);
  CHECK(report.usages == gen_ai_usages{{"m", 50}});
  CHECK_FALSE(report.max.has_value());
  CHECK(good(read_vllm_page("vllm:gpu_cache_usage_perc{model_name=\"old\"} 1")).usages
        == gen_ai_usages{{"old", 100}});
  CHECK(std::holds_alternative<std::string>(read_vllm_page("process_cpu_seconds_total 1\n")));
}

TEST_CASE("numbers that cannot be are bounded") {
  auto report = good(read_vllm_page("vllm:num_requests_running 1e300\n"
                                    "vllm:num_requests_waiting NaN\n"
                                    "vllm:num_requests_waiting{ 5\n"
                                    "vllm:num_requests_running x\n"
                                    "{} 1\n"
                                    "vllm:kv_cache_usage_perc{model_name=\"m\"} NaN\n"
                                    "vllm:kv_cache_usage_perc{model_name=\"no end 0.1\n"));
  CHECK(report.running == 1'000'000'000'000'000);
  CHECK(report.usages.empty());
  CHECK(report.waiting == 0);
  CHECK(good(read_tgi_page("tgi_queue_size -5\n")).waiting == 0);
}

TEST_CASE("a label is found by its whole name") {
  auto report = good(
    read_vllm_page("vllm:kv_cache_usage_perc{x_model_name=\"no\",model_name=\"a}b\"} 0.1\n"));
  CHECK(report.usages.at(0).first == "a}b");
}

TEST_CASE("what TGI does not show counts as 0") {
  auto report = good(read_tgi_page("tgi_request_inference_count 4\n"));
  CHECK(report.running == 4);
  CHECK(report.waiting == 0);
  CHECK(good(read_tgi_page("tgi_queue_size 9")).waiting == 9);
  CHECK(good(read_tgi_page("")).running == 0); // just started
  CHECK(good(read_tgi_page("tgi_batch_next_size_count 1\n")).running == 0);
}

TEST_CASE("a page that is not TGI's does not count as an idle TGI") {
  for (const char* page : {"<html>not here</html>", "vllm:num_requests_running 4\n", "{}", "\n"})
    CHECK(std::holds_alternative<std::string>(read_tgi_page(page)));
}

TEST_CASE("names of models are text without escapes, whatever a server sends") {
  auto report = good(read_vllm_page("vllm:kv_cache_usage_perc{model_name=\"a\\\"b\\\\c\\nd\"} 0.1\n"
                                    "vllm:kv_cache_usage_perc{model_name=\"\xFF\xC3\"} 0.2\n"
                                    "vllm:kv_cache_usage_perc{model_name=\"\xC3\xA9\"} 0.3\n"
                                    "vllm:kv_cache_usage_perc{model_name=\"end\\\"} 0.4\n"));
  std::vector<std::string> names;
  for (const auto& [name, percent] : report.usages)
    names.push_back(name);
  CHECK(names
        == std::vector<std::string>{"a\"b\\c\nd", "end\"", "\xC3\xA9", "\xEF\xBF\xBD\xEF\xBF\xBD"});
}
