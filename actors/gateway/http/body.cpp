// How bodies become JSON.
#include "actors/gateway/http/values.hpp"
#include "runtime/options/bounded_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace actord::http {

namespace {

constexpr double bytes_per_gigabyte = 1024.0 * 1024.0 * 1024.0;
constexpr double most_gigabytes = 1e9;
// Parsed, an empty list takes 20 times its text.
constexpr std::ptrdiff_t most_containers = 100'000;

bool has_too_many_parts(const std::string& text) {
  return std::ranges::count_if(text, [](char c) { return c == '{' || c == '['; }) > most_containers;
}

// Where the text stops being JSON, and what should stand there.
void complain_of_syntax(const std::string& text, complaints& out) {
  size_t at = 0;
  try {
    [[maybe_unused]] auto parsed = json::parse(text);
  } catch (const json::parse_error& fault) {
    at = fault.byte > 0 ? fault.byte - 1 : 0;
  } catch (const json::exception&) {
    at = 0;
  }
  const auto before = at > 0 ? text.find_last_not_of(" \t\r\n", at - 1) : std::string::npos;
  const bool name_wanted = before != std::string::npos && text[before] == '{';
  out.add("json_invalid", {"body", at}, "JSON decode error", json::object(),
          {{"error", name_wanted ? "Expecting property name enclosed in double quotes"
                                 : "Expecting value"}});
}

// Clients that print floats as their language does may send these three words, which are no JSON.
std::string with_quoted_words(const std::string& text) {
  std::string result;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      result += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      for (std::string_view word : {"NaN", "-Infinity", "Infinity"})
        if (text.compare(i, word.size(), word) == 0) {
          result += '"' + std::string{word} + '"';
          i += word.size();
          break;
        }
      if (i >= text.size())
        break;
    }
    result += text[i];
  }
  return result;
}

std::optional<double> number_in(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  const auto* first = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto* last = text.data() + text.size();
  double result = 0;
  const auto [end, error] = std::from_chars(first, last, result);
  if (error == std::errc::result_out_of_range)
    return HUGE_VAL;
  if (first == last || error != std::errc{} || end != last)
    return std::nullopt;
  return result;
}

} // namespace

std::optional<json>
read_body(const request& asked, std::string_view model, bool optional, complaints& out) {
  const json loc = json::array({"body"});
  if (asked.body.empty()) {
    if (!optional)
      out.add("missing", loc, "Field required", nullptr);
    return std::nullopt;
  }
  json body = asked.body;
  if (asked.has_json_type()) {
    if (has_too_many_parts(asked.body)) {
      out.add("json_invalid", loc, "JSON decode error", json::object(),
              {{"error", "more than 100000 objects and lists in one request; send less"}});
      return std::nullopt;
    }
    auto parsed = parse_bounded_json(asked.body);
    if (!parsed) {
      complain_of_syntax(asked.body, out);
      return std::nullopt;
    }
    body = std::move(*parsed);
  }
  if (body.is_null() && optional)
    return std::nullopt;
  if (body.is_object())
    return body;
  out.add("dataclass_type", loc,
          "Input should be a dictionary or an instance of " + std::string{model}, std::move(body),
          {{"class_name", model}});
  return std::nullopt;
}

quota_limit parse_quota_limit(const std::string& body) {
  auto parsed
    = has_too_many_parts(body) ? std::nullopt : parse_bounded_json(with_quoted_words(body));
  if (!parsed)
    return {0, 0, "invalid JSON body"};
  if (!parsed->is_object() || !parsed->contains("limit_gb"))
    return {0, 0, "body must be {'limit_gb': <float>}"};
  const auto& value = (*parsed)["limit_gb"];
  std::optional<double> number;
  if (value.is_boolean())
    number = value.get<bool>() ? 1.0 : 0.0;
  else if (value.is_number())
    number = value.get<double>();
  else if (value.is_string())
    number = number_in(value.get<std::string>());
  if (!number)
    return {0, 0, "limit_gb must be numeric"};
  if (!std::isfinite(*number))
    return {0, 0, "limit_gb must be finite"};
  if (*number < 0)
    return {0, 0, "limit_gb must be non-negative"};
  if (*number > most_gigabytes)
    return {0, 0, "limit_gb must be at most 1000000000; give the size in GiB"};
  return {static_cast<uint64_t>(*number * bytes_per_gigabyte), *number, ""};
}

} // namespace actord::http
