#include "runtime/options/json_fields.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <cmath>

namespace actord {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t max_list_entries = 65'536;

std::string rule_of(const whole_range& range) {
  if (!range.rule.empty())
    return std::string(range.rule);
  if (range.high == std::numeric_limits<std::int64_t>::max())
    return "must be a whole number >= " + std::to_string(range.low);
  return "must be a whole number from " + std::to_string(range.low) + " to "
         + std::to_string(range.high);
}

std::string rule_of(std::span<const std::string_view> words) {
  std::string result = "must be one of ";
  for (auto word : words)
    result += (word == words.front() ? "\"" : ", \"") + std::string(word) + "\"";
  return result;
}

std::optional<std::int64_t> whole_in(const json& value, const whole_range& range) {
  if (!value.is_number_integer())
    return std::nullopt;
  if (value.is_number_unsigned()
      && value.get<std::uint64_t>()
           > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  auto number = value.get<std::int64_t>();
  if (number < range.low || number > range.high)
    return std::nullopt;
  return number;
}

std::optional<double> number_in(const json& value, const number_range& range) {
  if (!value.is_number())
    return std::nullopt;
  auto number = value.get<double>();
  if (!std::isfinite(number) || number > range.high
      || !(range.low_open ? number > range.low : number >= range.low))
    return std::nullopt;
  return number;
}

bool is_one_of(const json& value, std::span<const std::string_view> words) {
  return value.is_string()
         && std::ranges::find(words, value.get_ref<const std::string&>()) != words.end();
}

/// A wrong word of a few is worth showing, any other text may be a password in the wrong place.
std::string shown_word(const json& value) {
  return value.is_string() ? "\"" + printable(value.get_ref<const std::string&>(), 40) + "\""
                           : json_kind(value);
}

} // namespace

std::string json_kind(const json& value) {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::boolean: return value.get<bool>() ? "true" : "false";
    case json::value_t::string:
      return value.get_ref<const std::string&>().empty() ? "an empty string" : "a string";
    case json::value_t::array: return "a list";
    case json::value_t::object: return "an object";
    default: return printable(value.dump(), 40);
  }
}

json_fields::json_fields(const json& object, std::string path, json_findings& found)
  : object_(object), path_(std::move(path)), found_(found) {
}

const json* json_fields::find(std::string_view key) {
  if (std::ranges::find(asked_, key) == asked_.end()) {
    asked_.emplace_back(key);
    found_.known.push_back(path_ + std::string(key));
  }
  if (!object_.is_object())
    return nullptr;
  auto found = object_.find(std::string(key));
  return found == object_.end() ? nullptr : &*found;
}

bool json_fields::has(std::string_view key) {
  const auto* value = find(key);
  return value != nullptr && !value->is_null();
}

void json_fields::skip(std::string_view key) {
  find(key);
}

void json_fields::problem(std::string_view key, std::string_view text) {
  found_.problems.push_back(path_ + std::string(key) + " " + std::string(text));
}

void json_fields::remark(std::string_view key, std::string_view text) {
  found_.remarks.push_back(path_ + std::string(key) + " " + std::string(text));
}

void json_fields::wrong(std::string_view key, std::string_view rule, const json* value) {
  problem(key, std::string(rule)
                 + (value == nullptr ? "; it is missing" : ", not " + json_kind(*value)));
}

bool json_fields::is_missing(std::string_view key, std::string_view rule, bool required,
                             const json* value) {
  if (value == nullptr && required)
    wrong(key, rule, nullptr);
  return value == nullptr;
}

void json_fields::text(std::string_view key, std::string& target, text_rule rule) {
  const auto* value = find(key);
  if (is_missing(key, rule.rule, rule.required, value))
    return;
  if (!value->is_string())
    return wrong(key, rule.rule, value);
  const auto& given = value->get_ref<const std::string&>();
  if (given.empty() && !rule.may_be_empty)
    return wrong(key, rule.rule, value);
  if (given.find('\0') != std::string::npos)
    return problem(key, std::string(rule.rule) + " without NUL characters; remove them");
  if (given.size() > rule.max_bytes)
    return problem(key, std::string(rule.rule) + " of at most " + std::to_string(rule.max_bytes)
                          + " bytes, not of " + std::to_string(given.size()));
  target = given;
}

void json_fields::nullable_text(std::string_view key, std::string& target, text_rule rule) {
  if (has(key))
    text(key, target, rule);
}

void json_fields::choice(std::string_view key, std::string& target,
                         std::span<const std::string_view> words) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (!is_one_of(*value, words))
    return problem(key, rule_of(words) + ", not " + shown_word(*value));
  target = value->get<std::string>();
}

void json_fields::boolean(std::string_view key, bool& target) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (!value->is_boolean())
    return wrong(key, "must be true or false", value);
  target = value->get<bool>();
}

void json_fields::truth(std::string_view key, bool& target) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (value->is_boolean())
    target = value->get<bool>();
  else if (value->is_number())
    target = value->get<double>() != 0;
  else if (value->is_string())
    target = !value->get_ref<const std::string&>().empty();
  else
    target = !value->empty(); // null, list, object
}

std::optional<std::int64_t>
json_fields::read_whole(std::string_view key, const whole_range& range, bool required) {
  const auto* value = find(key);
  if (is_missing(key, rule_of(range), required, value))
    return std::nullopt;
  auto number = whole_in(*value, range);
  if (!number)
    wrong(key, rule_of(range), value);
  return number;
}

void json_fields::number(std::string_view key, double& target, const number_range& range,
                         bool required) {
  const auto* value = find(key);
  if (is_missing(key, range.rule, required, value))
    return;
  if (auto number = number_in(*value, range))
    target = *number;
  else
    wrong(key, range.rule, value);
}

void json_fields::seconds(std::string_view key, std::int64_t& target_ms,
                          const number_range& range) {
  auto seconds = static_cast<double>(target_ms) / 1000.0;
  number(key, seconds, range);
  target_ms = std::max<std::int64_t>(1, std::llround(seconds * 1000.0));
}

void json_fields::gib(std::string_view key, std::optional<std::uint64_t>& target) {
  constexpr number_range range{0, false, 1 << 30,
                               "must be a number of GiB, >= 0 and <= 1073741824"};
  double size = -1;
  number(key, size, range);
  if (size >= 0)
    target = static_cast<std::uint64_t>(size * (1ULL << 30));
}

void json_fields::whole_list(std::string_view key, std::vector<std::int64_t>& target,
                             const whole_range& range) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (!value->is_array() || value->size() > max_list_entries)
    return wrong(key, "must be a list of at most 65536 whole numbers", value);
  std::vector<std::int64_t> numbers;
  for (const auto& entry : *value) {
    auto number = whole_in(entry, range);
    if (!number)
      return wrong(key, "must be a list; each entry " + rule_of(range), &entry);
    numbers.push_back(*number);
  }
  target = std::move(numbers);
}

void json_fields::number_list(std::string_view key, std::vector<double>& target,
                              const number_range& range) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (!value->is_array() || value->size() > max_list_entries)
    return wrong(key, "must be a list of at most 65536 numbers", value);
  std::vector<double> numbers;
  for (const auto& entry : *value) {
    auto number = number_in(entry, range);
    if (!number)
      return wrong(key, "must be a list; each entry " + std::string(range.rule), &entry);
    numbers.push_back(*number);
  }
  target = std::move(numbers);
}

void json_fields::choice_list(std::string_view key, std::vector<std::string>& target,
                              std::span<const std::string_view> words) {
  const auto* value = find(key);
  if (value == nullptr)
    return;
  if (!value->is_array() || value->empty() || value->size() > words.size())
    return wrong(key, "must be a list of different words; each " + rule_of(words), value);
  std::vector<std::string> chosen;
  for (const auto& entry : *value) {
    if (!is_one_of(entry, words))
      return problem(key,
                     "must be a list; each entry " + rule_of(words) + ", not " + shown_word(entry));
    if (std::ranges::find(chosen, entry.get_ref<const std::string&>()) != chosen.end())
      return problem(key, "must name each word once, not " + shown_word(entry) + " twice");
    chosen.push_back(entry.get<std::string>());
  }
  target = std::move(chosen);
}

const json& json_fields::object(std::string_view key, bool required) {
  static const json nothing = json::object();
  const auto* value = find(key);
  if (is_missing(key, "must be an object", required, value))
    return nothing;
  if (value->is_null() && !required)
    return nothing;
  if (value->is_object())
    return *value;
  wrong(key, "must be an object", value);
  return nothing;
}

std::vector<std::string> json_fields::unasked() const {
  std::vector<std::string> result;
  if (object_.is_object())
    for (const auto& [key, value] : object_.items())
      if (std::ranges::find(asked_, key) == asked_.end())
        result.push_back(path_ + printable(key, 40));
  return result;
}

void json_fields::note_unknown() {
  auto keys = unasked();
  found_.unknown.insert(found_.unknown.end(), keys.begin(), keys.end());
}

void json_fields::refuse_unknown() {
  constexpr std::size_t limit = 8;
  std::string known;
  for (const auto& key : asked_)
    known += (known.empty() ? "" : ", ") + key;
  auto keys = unasked();
  for (std::size_t i = 0; i < std::min(keys.size(), limit); ++i)
    found_.problems.push_back(keys[i] + " is unknown; remove it (known here: " + known + ")");
}

} // namespace actord
