#include "runtime/options/json_fields.hpp"

#include <doctest/doctest.h>

using namespace actord;
using json = nlohmann::ordered_json;

TEST_CASE("a field that is missing or wrong leaves its variable alone") {
  auto object = json::parse(R"({"whole": 4.0, "text": 5, "flag": 1, "share": "0.5"})");
  json_findings found;
  json_fields fields(object, "a.", found);
  int whole = 1;
  std::string text = "kept";
  bool flag = true;
  double share = 0.25;
  std::int64_t other = 7;
  fields.whole("whole", whole, {1, 9, {}});
  fields.text("text", text);
  fields.boolean("flag", flag);
  fields.number("share", share, {0, true, 1, "must be a share"});
  fields.whole("other", other, {1, 9, {}});
  CHECK(whole == 1);
  CHECK(text == "kept");
  CHECK(flag);
  CHECK(share == 0.25);
  CHECK(other == 7);
  CHECK(found.problems
        == std::vector<std::string>{
          "a.whole must be a whole number from 1 to 9, not 4.0", "a.text must be a string, not 5",
          "a.flag must be true or false, not 1", "a.share must be a share, not a string"});
}

TEST_CASE("the truth of a value is Python's") {
  const std::pair<const char*, bool> cases[]
    = {{"true", true}, {"false", false}, {"null", false},    {"0", false},        {"-0.0", false},
       {"1", true},    {"0.1", true},    {"\"\"", false},    {"\"false\"", true}, {"[]", false},
       {"[0]", true},  {"{}", false},    {"{\"a\":0}", true}};
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    auto object = json{{"key", json::parse(text)}};
    json_findings found;
    json_fields fields(object, "", found);
    bool value = !expected;
    fields.truth("key", value);
    CHECK(value == expected);
    CHECK(found.problems.empty());
  }
}

TEST_CASE("whole numbers keep their whole range, and nothing wraps around") {
  const std::pair<const char*, bool> cases[]
    = {{"-9223372036854775808", true},  {"9223372036854775807", true},
       {"9223372036854775808", false},  {"18446744073709551615", false},
       {"-9223372036854775809", false}, {"1e3", false}};
  for (const auto& [text, fits] : cases) {
    CAPTURE(text);
    auto object = json{{"key", json::parse(text)}};
    json_findings found;
    json_fields fields(object, "", found);
    std::int64_t value = 1;
    fields.whole("key", value,
                 {std::numeric_limits<std::int64_t>::min(),
                  std::numeric_limits<std::int64_t>::max(), "must be a whole number"});
    CHECK(found.problems.empty() == fits);
    CHECK((value != 1) == fits);
  }
}

TEST_CASE("keys nobody asked for are noted once, or refused with those that are known") {
  auto object = json::parse(R"({"a": 1, "b": 2, "b\n": 3})");
  json_findings found;
  json_fields fields(object, "cpp.", found);
  fields.skip("a");
  fields.skip("a");
  fields.note_unknown();
  CHECK(found.known == std::vector<std::string>{"cpp.a"});
  CHECK(found.unknown == std::vector<std::string>{"cpp.b", "cpp.b\\x0a"});
  fields.refuse_unknown();
  CHECK(found.problems.at(0) == "cpp.b is unknown; remove it (known here: a)");
}

TEST_CASE("what is no object has no fields") {
  json_findings found;
  for (const auto& object : {json(), json(5), json::array({1}), json("x")}) {
    json_fields fields(object, "", found);
    int value = 3;
    fields.whole("a", value, {1, 9, {}});
    CHECK(value == 3);
    CHECK_FALSE(fields.has("a"));
    CHECK(fields.object("a").empty());
    fields.refuse_unknown();
  }
  CHECK(found.problems.empty());
}

TEST_CASE("a message stays short, whatever is wrong") {
  json object = json::object();
  object["text"] = std::string(100'000, 'x');
  object["list"] = json::array();
  for (int i = 0; i < 70'000; ++i)
    object["list"].push_back(1);
  for (int i = 0; i < 1'000; ++i)
    object["key" + std::to_string(i) + std::string(1'000, 'k')] = 1;
  json_findings found;
  json_fields fields(object, "", found);
  std::string text;
  std::vector<std::int64_t> list;
  fields.text("text", text);
  fields.whole_list("list", list, {0, 9, {}});
  fields.refuse_unknown();
  CHECK(found.problems.size() == 10);
  for (const auto& problem : found.problems)
    CHECK(problem.size() < 200);
}

TEST_CASE("seconds and GiB become milliseconds and bytes") {
  auto object = json::parse(R"({"s": 0.0001, "t": 1.5, "size": 0.5, "none": 0})");
  json_findings found;
  json_fields fields(object, "", found);
  std::int64_t s_ms = 7, t_ms = 7, missing_ms = 7;
  fields.seconds("s", s_ms, {});
  fields.seconds("t", t_ms, {});
  fields.seconds("missing", missing_ms, {});
  std::optional<std::uint64_t> size, none, missing;
  fields.gib("size", size);
  fields.gib("none", none);
  fields.gib("missing", missing);
  CHECK(s_ms == 1); // never 0, which would mean no time at all
  CHECK(t_ms == 1500);
  CHECK(missing_ms == 7);
  CHECK(size == 512ULL << 20);
  CHECK(none == 0);
  CHECK_FALSE(missing);
}
