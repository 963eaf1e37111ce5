#include "runtime/options/option_set.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace actord {

namespace {

std::string quoted_list(const std::vector<std::string>& words) {
  std::string result;
  for (const auto& word : words)
    result += (result.empty() ? "'" : ", '") + word + "'";
  return result;
}

bool inside(double value, const number_range& range) {
  // Written so that NaN is outside.
  return (range.low_open ? value > range.low : value >= range.low) && value <= range.high;
}

std::string rule_text(const whole_range& range) {
  if (!range.rule.empty())
    return std::string(range.rule);
  return "must be a whole number from " + std::to_string(range.low) + " to "
         + std::to_string(range.high);
}

} // namespace

std::string option_value::described() const {
  auto text = name + " " + (texts.empty() ? "" : secret ? "***" : printable(last()));
  return origin.empty() ? text : text + " (from " + origin + ")";
}

option_problem option_value::rejected(std::string_view why) const {
  return {1, described() + ": " + std::string(why)};
}

std::string flag_spec::our_variable() const {
  std::string result = "LMCACHE_ACTORD_";
  for (char c : std::string_view(name).substr(2))
    result.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c));
  return result;
}

option_problem
unreadable(const option_value& value, std::string_view argparse_type, std::string_view noun) {
  auto shown = "'" + printable(value.last()) + "'";
  if (value.origin.empty())
    return {2, "argument " + value.name + ": invalid " + std::string(argparse_type)
                 + " value: " + shown};
  return {1,
          value.name + " (from " + value.origin + ") is not " + std::string(noun) + ": " + shown};
}

void option_set::group(std::string_view title) {
  group_ = title;
  if (std::ranges::find(groups_, group_) == groups_.end())
    groups_.push_back(group_);
}

flag_spec& option_set::add(std::string_view name, flag_form form, std::string_view help) {
  auto& flag = flags_.emplace_back();
  flag.name = name;
  flag.group = group_;
  flag.help = help;
  flag.form = form;
  return flag;
}

const flag_spec* option_set::find(std::string_view name) const {
  auto found = std::ranges::find(flags_, name, &flag_spec::name);
  return found == flags_.end() ? nullptr : &*found;
}

flag_spec& option_set::text(std::string_view name, std::string& target, std::string_view help) {
  auto& flag = add(name, flag_form::value, help);
  flag.metavar = "TEXT";
  flag.default_text = target;
  flag.assign = [&target](const option_value& value) -> std::optional<option_problem> {
    target = value.last();
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::choice(std::string_view name, std::string& target,
                              std::vector<std::string> choices, std::string_view help) {
  auto& flag = add(name, flag_form::value, help);
  flag.metavar = "NAME";
  flag.default_text = target;
  flag.choices = choices;
  flag.assign = [&target, choices = std::move(choices)](
                  const option_value& value) -> std::optional<option_problem> {
    if (std::ranges::find(choices, value.last()) == choices.end()) {
      auto why = "invalid choice: '" + printable(value.last()) + "' (choose from "
                 + quoted_list(choices) + ")";
      if (value.origin.empty())
        return option_problem{2, "argument " + value.name + ": " + why};
      return value.rejected(why);
    }
    target = value.last();
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::whole(std::string_view name, std::function<void(std::int64_t)> set,
                             whole_range range, std::string_view help, std::string default_text) {
  auto& flag = add(name, flag_form::value, help);
  flag.metavar = "N";
  flag.default_text = std::move(default_text);
  flag.assign
    = [set = std::move(set), range](const option_value& value) -> std::optional<option_problem> {
    auto number = parse_integer(value.last());
    if (!number)
      return unreadable(value, "int", "a whole number");
    if (*number < range.low || *number > range.high) {
      auto problem = value.rejected(rule_text(range));
      problem.code = range.code;
      return problem;
    }
    set(*number);
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::number(std::string_view name, double& target, number_range range,
                              std::string_view help) {
  auto& flag = add(name, flag_form::value, help);
  flag.metavar = "X";
  flag.default_text = number_text(target);
  flag.assign = [&target, range](const option_value& value) -> std::optional<option_problem> {
    auto number = parse_number(value.last());
    if (!number)
      return unreadable(value, "float", "a number");
    if (!inside(*number, range))
      return value.rejected(range.rule);
    target = *number;
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::seconds(std::string_view name, std::int64_t& target_ms, number_range range,
                               std::string_view help) {
  auto& flag = add(name, flag_form::value, help);
  flag.metavar = "SECONDS";
  flag.default_text = number_text(static_cast<double>(target_ms) / 1000.0);
  flag.assign = [&target_ms, range](const option_value& value) -> std::optional<option_problem> {
    auto number = parse_number(value.last());
    if (!number)
      return unreadable(value, "float", "a number");
    if (!inside(*number, range))
      return value.rejected(range.rule);
    if (*number > static_cast<double>(max_seconds))
      return value.rejected("must be at most " + std::to_string(max_seconds) + " (ten years)");
    // A positive time never rounds down to "off".
    target_ms = *number > 0 ? std::max<std::int64_t>(1, std::llround(*number * 1000.0)) : 0;
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::toggle(std::string_view name, bool& target, std::string_view help) {
  auto& flag = switch_on(name, target, help);
  flag.form = flag_form::toggle;
  flag.default_text = target ? "true" : "false";
  return flag;
}

flag_spec&
option_set::switch_on(std::string_view name, bool& target, std::string_view help, bool on) {
  auto& flag = add(name, flag_form::switch_on, help);
  flag.default_text = "false";
  flag.assign = [&target, on](const option_value& value) -> std::optional<option_problem> {
    auto word = parse_boolean(value.last());
    if (!word)
      return unreadable(value, "bool", "true or false");
    target = *word ? on : !on;
    return std::nullopt;
  };
  return flag;
}

flag_spec&
option_set::words(std::string_view name, std::vector<std::string>& target, std::string_view help) {
  auto& flag = add(name, flag_form::words, help);
  flag.metavar = "[WORD ...]";
  flag.assign = [&target](const option_value& value) -> std::optional<option_problem> {
    auto list = nlohmann::json::parse(value.last(), nullptr, false);
    bool readable = list.is_array();
    for (std::size_t i = 0; readable && i < list.size(); ++i)
      readable = list[i].is_string();
    if (!readable)
      return value.rejected("must be a list of words, such as [\"a\", \"b\"]");
    target = list.get<std::vector<std::string>>();
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::repeated(std::string_view name, std::vector<std::string>& target,
                                std::string_view help) {
  auto& flag = add(name, flag_form::repeated, help);
  flag.metavar = "JSON";
  flag.assign = [&target](const option_value& value) -> std::optional<option_problem> {
    target = value.texts;
    return std::nullopt;
  };
  return flag;
}

flag_spec& option_set::action(std::string_view name, char letter, std::string_view help) {
  auto& flag = add(name, flag_form::action, help);
  flag.letter = letter;
  flag.command_line_only = true;
  return flag;
}

} // namespace actord
