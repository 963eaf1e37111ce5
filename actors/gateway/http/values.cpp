#include "actors/gateway/http/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace actord::http {

namespace {

constexpr std::array<std::string_view, 6> words_for_true{"1", "on", "t", "true", "y", "yes"};
constexpr std::array<std::string_view, 6> words_for_false{"0", "off", "f", "false", "n", "no"};

json joined(json loc, const json& last) {
  loc.push_back(last);
  return loc;
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<int64_t> integer_in(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+'))
    text.remove_prefix(1);
  int64_t result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return result;
}

std::string quoted_choices(std::span<const std::string_view> choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0)
      text += i + 1 == choices.size() ? " or " : ", ";
    text += "'" + std::string{choices[i]} + "'";
  }
  return text;
}

} // namespace

void complaints::add(std::string_view type, json loc, std::string_view message, json input,
                     json ctx) {
  json one{{"type", type}, {"loc", std::move(loc)}, {"msg", message}, {"input", std::move(input)}};
  if (!ctx.is_null())
    one["ctx"] = std::move(ctx);
  list_.push_back(std::move(one));
}

void complaints::add_urls() {
  for (auto& one : list_)
    one["url"] = "https://errors.pydantic.dev/2.14/v/" + one["type"].get<std::string>();
}

reply complaints::answer() const {
  return json_reply({{"detail", list_}}, 422);
}

std::optional<int64_t> read_integer(const json& value, const json& loc, complaints& out) {
  if (value.is_boolean())
    return value.get<bool>() ? 1 : 0;
  if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
    out.add("int_parsing_size", loc,
            "Unable to parse input string as an integer, exceeded maximum size", value);
    return std::nullopt;
  }
  if (value.is_number_integer())
    return value.get<int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (std::abs(number) < 9.0e18 && std::trunc(number) == number)
      return static_cast<int64_t>(number);
    out.add("int_from_float", loc,
            "Input should be a valid integer, got a number with a fractional part", value);
    return std::nullopt;
  }
  if (!value.is_string()) {
    out.add("int_type", loc, "Input should be a valid integer", value);
    return std::nullopt;
  }
  auto result = integer_in(value.get_ref<const std::string&>());
  if (!result)
    out.add("int_parsing", loc,
            "Input should be a valid integer, unable to parse string as an integer", value);
  return result;
}

std::optional<bool> read_flag(const json& value, const json& loc, complaints& out) {
  if (value.is_boolean())
    return value.get<bool>();
  if (value.is_number() && (value == 0 || value == 1))
    return value == 1;
  if (value.is_string()) {
    const auto word = lower(value.get_ref<const std::string&>());
    if (std::ranges::find(words_for_true, word) != words_for_true.end())
      return true;
    if (std::ranges::find(words_for_false, word) != words_for_false.end())
      return false;
  }
  if (value.is_string() || value.is_number())
    out.add("bool_parsing", loc, "Input should be a valid boolean, unable to interpret input",
            value);
  else
    out.add("bool_type", loc, "Input should be a valid boolean", value);
  return std::nullopt;
}

std::optional<std::string> read_text(const json& value, const json& loc, complaints& out) {
  if (value.is_string())
    return value.get<std::string>();
  out.add("string_type", loc, "Input should be a valid string", value);
  return std::nullopt;
}

std::optional<std::string> read_choice(const json& value, const json& loc,
                                       std::span<const std::string_view> choices, complaints& out) {
  if (value.is_string()
      && std::ranges::find(choices, value.get_ref<const std::string&>()) != choices.end())
    return value.get<std::string>();
  const auto expected = quoted_choices(choices);
  out.add("enum", loc, "Input should be " + expected, value, {{"expected", expected}});
  return std::nullopt;
}

std::optional<std::vector<int64_t>>
read_integers(const json& value, const json& loc, complaints& out) {
  if (!value.is_array()) {
    out.add("list_type", loc, "Input should be a valid list", value);
    return std::nullopt;
  }
  std::vector<int64_t> result;
  result.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    // One complaint is enough: a list may hold a million of them.
    auto one = read_integer(value[i], value[i].is_number_integer() ? loc : joined(loc, i), out);
    if (!one)
      return std::nullopt;
    result.push_back(*one);
  }
  return result;
}

fields::fields(const json& object, json loc, complaints& out)
  : object_(object), loc_(std::move(loc)), out_(out) {
}

json fields::loc_of(std::string_view name) const {
  return joined(loc_, name);
}

const json* fields::find(std::string_view name, bool required) {
  if (auto i = object_.find(name); i != object_.end())
    return &*i;
  if (required)
    out_.add("missing", loc_of(name), "Field required", object_);
  return nullptr;
}

int64_t fields::integer(std::string_view name, std::optional<int64_t> preset) {
  const auto* value = find(name, !preset);
  const auto fallback = preset.value_or(0);
  return value ? read_integer(*value, loc_of(name), out_).value_or(fallback) : fallback;
}

bool fields::flag(std::string_view name, bool preset) {
  const auto* value = find(name, false);
  return value ? read_flag(*value, loc_of(name), out_).value_or(preset) : preset;
}

std::string fields::text(std::string_view name, std::optional<std::string> preset) {
  const auto* value = find(name, !preset);
  auto fallback = preset.value_or("");
  return value ? read_text(*value, loc_of(name), out_).value_or(fallback) : fallback;
}

std::string fields::choice(std::string_view name, std::string_view preset,
                           std::span<const std::string_view> choices) {
  const auto* value = find(name, false);
  std::string fallback{preset};
  return value ? read_choice(*value, loc_of(name), choices, out_).value_or(fallback) : fallback;
}

std::vector<int64_t> fields::integers(std::string_view name, bool required) {
  const auto* value = find(name, required);
  if (!value)
    return {};
  return read_integers(*value, loc_of(name), out_).value_or(std::vector<int64_t>{});
}

std::optional<uint64_t> parse_size(const json& value) {
  if (value.is_number_integer())
    return value > 0 ? std::optional{value.get<uint64_t>()} : std::nullopt;
  if (!value.is_string() || value.get_ref<const std::string&>().size() > 64)
    return std::nullopt;
  auto text = lower(trimmed(value.get_ref<const std::string&>()));
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (digits == 0 || error != std::errc{} || end != text.data() + digits || text[0] == '.')
    return std::nullopt;
  const std::string unit{trimmed(std::string_view{text}.substr(digits))};
  constexpr std::string_view steps = "kmgt";
  if (const auto step = unit.empty() ? std::string_view::npos : steps.find(unit[0]);
      step != std::string_view::npos) {
    const auto rest = unit.substr(1);
    if (!rest.empty() && rest != "b" && rest != "ib")
      return std::nullopt;
    number *= std::ldexp(1.0, static_cast<int>(10 * (step + 1)));
  } else if (!unit.empty() && unit != "b") {
    return std::nullopt;
  }
  if (number < 1 || number >= 9.0e18)
    return std::nullopt;
  return static_cast<uint64_t>(number);
}

} // namespace actord::http
