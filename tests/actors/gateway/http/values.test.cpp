#include "actors/gateway/http/values.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>

using namespace actord::http;

namespace {

const json nowhere = json::array();

// The complaint of one reading, or null.
template <class Read>
json complaint_of(Read&& read) {
  complaints out;
  read(out);
  return out.empty() ? json() : json::parse(out.answer().body)["detail"][0]["type"];
}

json integer_complaint(const json& value) {
  return complaint_of([&](complaints& out) { read_integer(value, nowhere, out); });
}

json flag_complaint(const json& value) {
  return complaint_of([&](complaints& out) { read_flag(value, nowhere, out); });
}

request body_request(std::string body, std::string type = "application/json") {
  request asked;
  asked.body = std::move(body);
  asked.content_type = std::move(type);
  return asked;
}

json body_complaint(const request& asked, bool optional) {
  complaints out;
  read_body(asked, "ClearRequest", optional, out);
  return out.empty() ? json() : json::parse(out.answer().body)["detail"][0];
}

} // namespace

TEST_CASE("integers are read as leniently as clients expect") {
  complaints out;
  CHECK(read_integer(7, nowhere, out) == 7);
  CHECK(read_integer("-7", nowhere, out) == -7);
  CHECK(read_integer(" +7 ", nowhere, out) == 7);
  CHECK(read_integer(true, nowhere, out) == 1);
  CHECK(read_integer(3.0, nowhere, out) == 3);
  CHECK(out.empty());
  CHECK(integer_complaint("x") == "int_parsing");
  CHECK(integer_complaint("") == "int_parsing");
  CHECK(integer_complaint("99999999999999999999") == "int_parsing");
  CHECK(integer_complaint(1.5) == "int_from_float");
  CHECK(integer_complaint(1e300) == "int_from_float");
  CHECK(integer_complaint(std::numeric_limits<uint64_t>::max()) == "int_parsing_size");
  CHECK(integer_complaint(nullptr) == "int_type");
  CHECK(integer_complaint(json::array()) == "int_type");
}

TEST_CASE("flags are read as leniently as clients expect") {
  complaints out;
  for (const json& yes : std::initializer_list<json>{true, 1, 1.0, "1", "on", "T", "True", "YES"})
    CHECK(read_flag(yes, nowhere, out) == true);
  for (const json& no : std::initializer_list<json>{false, 0, "0", "off", "f", "FALSE", "n"})
    CHECK(read_flag(no, nowhere, out) == false);
  CHECK(out.empty());
  CHECK(flag_complaint("bogus") == "bool_parsing");
  CHECK(flag_complaint(2) == "bool_parsing");
  CHECK(flag_complaint(nullptr) == "bool_type");
}

TEST_CASE("a wrong choice names the choices") {
  constexpr std::array<std::string_view, 3> tiers{"l1", "l2", "all"};
  complaints out;
  CHECK(read_choice("l2", {"body", "tier"}, tiers, out) == "l2");
  CHECK(out.empty());
  CHECK(!read_choice("l9", {"body", "tier"}, tiers, out));
  CHECK(out.answer().status == 422);
  CHECK(out.answer().body
        == R"({"detail":[{"type":"enum","loc":["body","tier"],)"
           R"("msg":"Input should be 'l1', 'l2' or 'all'","input":"l9",)"
           R"("ctx":{"expected":"'l1', 'l2' or 'all'"}}]})");
}

TEST_CASE("a list of integers is refused at its first bad element") {
  complaints out;
  CHECK(read_integers(json{1, "2", true}, {"body", "ids"}, out) == std::vector<int64_t>{1, 2, 1});
  CHECK(!read_integers(json{1, "x", "y"}, {"body", "ids"}, out));
  const auto detail = json::parse(out.answer().body)["detail"];
  CHECK(detail.size() == 1);
  CHECK(detail[0]["loc"] == json{"body", "ids", 1});
}

TEST_CASE("every missing field is named, with what was sent") {
  const json object{{"model_name", "m"}};
  complaints out;
  fields values{object, {"body", "keys", 0}, out};
  values.text("chunk_hash_hex");
  CHECK(values.text("model_name") == "m");
  values.integer("kv_rank");
  CHECK(values.integer("object_group_id", 5) == 5);
  CHECK(out.answer().body
        == R"({"detail":[{"type":"missing","loc":["body","keys",0,"chunk_hash_hex"],)"
           R"("msg":"Field required","input":{"model_name":"m"}},)"
           R"({"type":"missing","loc":["body","keys",0,"kv_rank"],)"
           R"("msg":"Field required","input":{"model_name":"m"}}]})");
}

TEST_CASE("bodies are objects, or missing where that is allowed") {
  CHECK(body_complaint(body_request("{}"), false).is_null());
  CHECK(
    body_complaint(body_request("{}", "application/problem+json; charset=utf-8"), false).is_null());
  CHECK(body_complaint(body_request(""), true).is_null());
  CHECK(body_complaint(body_request("null"), true).is_null());
  CHECK(body_complaint(body_request(""), false)["type"] == "missing");
  CHECK(body_complaint(body_request("[]"), true)["type"] == "dataclass_type");
  const auto typed = body_complaint(body_request("{}", "text/plain"), true);
  CHECK(typed["input"] == "{}");
  CHECK(typed["ctx"]["class_name"] == "ClearRequest");
}

TEST_CASE("text that is no JSON is located") {
  const auto fault = body_complaint(body_request("{bad"), false);
  CHECK(fault["type"] == "json_invalid");
  CHECK(fault["loc"] == json{"body", 1});
  CHECK(fault["ctx"]["error"] == "Expecting property name enclosed in double quotes");
  CHECK(body_complaint(body_request("nope"), false)["loc"] == json{"body", 1});
}

TEST_CASE("nesting without end is refused, not followed") {
  const std::string deep(100'000, '[');
  CHECK(body_complaint(body_request(deep), false)["type"] == "json_invalid");
  CHECK(body_complaint(body_request(deep + std::string(100'000, ']')), false)["type"]
        == "json_invalid");
}

TEST_CASE("a body of a million empty lists is refused before it is parsed") {
  std::string wide = "[[]";
  for (int i = 0; i < 1'000'000; ++i)
    wide += ",[]";
  const auto fault = body_complaint(body_request(wide + "]"), false);
  CHECK(fault["type"] == "json_invalid");
  CHECK(fault["ctx"]["error"].get<std::string>().starts_with("more than 100000"));
  CHECK(parse_quota_limit(wide + "]").fault == "invalid JSON body");
}

TEST_CASE("bytes that are no UTF-8 do not break a reply") {
  CHECK(error_reply(404, "Thread not found: \xff").body
        == "{\"error\":\"Thread not found: \xef\xbf\xbd\"}");
}

TEST_CASE("sizes are positive integers or text with a unit") {
  CHECK(parse_size(1) == 1);
  CHECK(parse_size("100GiB") == 100ull << 30);
  CHECK(parse_size(" 1.5 kb ") == 1536);
  CHECK(parse_size("2m") == 2u << 20);
  CHECK(parse_size("1TB") == 1ull << 40);
  CHECK(parse_size("7b") == 7);
  for (const json& bad :
       std::initializer_list<json>{0, -1, "abc", "", "0", "-1", "1x", "1kib2", ".5k", "1e3",
                                   "99999999999999999T", std::string(65, '1')})
    CHECK_MESSAGE(!parse_size(bad), bad.dump());
}

TEST_CASE("quota limits are numbers in any disguise, finite and not negative") {
  CHECK(parse_quota_limit(R"({"limit_gb": 1.5})").bytes == 3ull << 29);
  CHECK(parse_quota_limit(R"({"limit_gb": "3"})").gigabytes == 3.0);
  CHECK(parse_quota_limit(R"({"limit_gb": true})").gigabytes == 1.0);
  CHECK(parse_quota_limit(R"({"limit_gb": 0})").fault.empty());
  CHECK(parse_quota_limit("{nope").fault == "invalid JSON body");
  CHECK(parse_quota_limit("").fault == "invalid JSON body");
  for (const char* body : {"[1]", "1", R"({"x": 1})", "null"})
    CHECK(parse_quota_limit(body).fault == "body must be {'limit_gb': <float>}");
  for (const char* value : {"null", R"("abc")", "[]", R"("")"})
    CHECK(parse_quota_limit("{\"limit_gb\": " + std::string{value} + "}").fault
          == "limit_gb must be numeric");
  for (const char* value : {"NaN", "Infinity", "-Infinity", R"("inf")", R"("1e999")"})
    CHECK(parse_quota_limit("{\"limit_gb\": " + std::string{value} + "}").fault
          == "limit_gb must be finite");
  CHECK(parse_quota_limit(R"({"limit_gb": -1})").fault == "limit_gb must be non-negative");
  CHECK(parse_quota_limit(R"({"limit_gb": 1e30})").fault.starts_with("limit_gb must be at most"));
  CHECK(parse_quota_limit(R"({"a\"NaN": "NaN", "limit_gb": 2})").gigabytes == 2.0);
}
