#include "observability/gen_ai_report.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

gen_ai_report good(const std::string& body) {
  auto result = parse_gen_ai_push(body);
  REQUIRE_MESSAGE(std::holds_alternative<gen_ai_report>(result), body);
  return std::get<gen_ai_report>(result);
}

std::string fault(const std::string& body) {
  auto result = parse_gen_ai_push(body);
  return std::holds_alternative<std::string>(result) ? std::get<std::string>(result) : "none";
}

} // namespace

TEST_CASE("every part of a push is optional") {
  CHECK(good("{}").usages.empty());
  auto all = good(R"({"kv_cache":{"a":12.5,"b":100},"running":3,"waiting":0,"max":8,
                      "delta":{"running":-2,"waiting":1}})");
  CHECK(all.usages == gen_ai_usages{{"a", 12.5}, {"b", 100}});
  CHECK(all.running == 3);
  CHECK(all.waiting == 0);
  CHECK(all.max == 8);
  CHECK(all.running_delta == -2);
  CHECK(all.waiting_delta == 1);
  CHECK_FALSE(good(R"({"running":1})").waiting.has_value());
}

TEST_CASE("a push with a wrong field is refused with the field's name") {
  CHECK(fault("") == "the body is not JSON");
  CHECK(fault("{\"running\":1").find("not JSON") != std::string::npos);
  CHECK(fault("[]").find("object") != std::string::npos);
  CHECK(fault(R"({"running":-1})") == "running must be a whole number >= 0");
  CHECK(fault(R"({"waiting":1.5})") == "waiting must be a whole number >= 0");
  CHECK(fault(R"({"max":true})") == "max must be a whole number >= 0");
  CHECK(fault(R"({"max":"8"})") == "max must be a whole number >= 0");
  CHECK(fault(R"({"max":18446744073709551615})") == "max must be a whole number >= 0");
  CHECK(fault(R"({"runing":1})").starts_with("unknown field 'runing'; use kv_cache"));
  CHECK(fault(R"({"kv_cache":[1]})").starts_with("kv_cache must be an object"));
  CHECK(fault(R"({"kv_cache":{"m":"50"}})") == "kv_cache: 'm' must be a number, 0 to 100");
  CHECK(fault(R"({"kv_cache":{"":50}})").starts_with("kv_cache: the name"));
  CHECK(fault("{\"kv_cache\":{\"" + std::string(257, 'm') + "\":1}}").ends_with("256 bytes"));
  CHECK(fault(R"({"delta":1})").starts_with("delta must be"));
  CHECK(fault(R"({"delta":{"max":1}})") == "unknown field 'delta.max'; use running or waiting");
  CHECK(fault(R"({"delta":{"running":0.5}})") == "delta.running must be a whole number");
  CHECK(fault(std::string(100'000, '[')) == "the body is not JSON");
}

TEST_CASE("a push names no more models than are kept") {
  std::string models;
  for (size_t i = 0; i <= gen_ai_metrics::max_models; ++i)
    models += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\":1";
  CHECK(fault("{\"kv_cache\":{" + models + "}}") == "kv_cache names more than 256 models");
}
