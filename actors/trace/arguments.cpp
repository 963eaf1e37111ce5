#include "actors/trace/arguments.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace actord {

namespace {

constexpr size_t help_column = 28;

std::string help_of(const trace_usage& usage) {
  std::string out = "usage: lmcache-actord trace " + std::string{usage.command} + ' '
                    + std::string{usage.operands}
                    + (usage.flags.empty() && !usage.foreign ? "" : " [FLAG ...]") + "\n\n"
                    + std::string{usage.about} + "\n";
  for (const auto& flag : usage.flags) {
    auto line = "  " + std::string{flag.name};
    if (flag.letter != 0)
      line = std::string{"  -"} + flag.letter + ", " + std::string{flag.name};
    if (!flag.metavar.empty())
      line.append(" ").append(flag.metavar);
    line.append(line.size() + 2 > help_column ? 2 : help_column - line.size(), ' ');
    out.append(line).append(flag.help).append("\n");
  }
  return out;
}

const trace_flag* find_flag(const trace_usage& usage, std::string_view word) {
  for (const auto& flag : usage.flags)
    if (word == flag.name
        || (flag.letter != 0 && word.size() == 2 && word[0] == '-' && word[1] == flag.letter))
      return &flag;
  return nullptr;
}

} // namespace

int trace_error(std::string_view command, std::string_view what, int code) {
  std::fprintf(stderr, "lmcache-actord trace %.*s: error: %.*s\n", static_cast<int>(command.size()),
               command.data(), static_cast<int>(what.size()), what.data());
  return code;
}

std::variant<trace_arguments, int>
trace_arguments::parse(const trace_usage& usage, trace_words words) {
  for (const auto& word : words)
    if (word == "--help" || word == "-h") {
      std::fputs(help_of(usage).c_str(), stdout);
      return 0;
    }
  trace_arguments result;
  std::string fault;
  while (fault.empty() && !words.empty())
    fault = result.take(usage, words);
  const auto count = result.operands_.size();
  if (fault.empty() && count < usage.least_operands)
    fault = std::string{usage.operands} + " is missing";
  if (fault.empty() && count > usage.most_operands)
    fault = "'" + result.operands_.back() + "' is one operand too many";
  if (fault.empty())
    return result;
  trace_error(usage.command,
              fault + "; see lmcache-actord trace " + std::string{usage.command} + " --help");
  return 2;
}

// Takes one flag or operand from the front; returns what is wrong with it.
std::string trace_arguments::take(const trace_usage& usage, trace_words& words) {
  const auto& word = words.front();
  words = words.subspan(1);
  if (word.size() < 2 || word[0] != '-') {
    operands_.push_back(word);
    return {};
  }
  const auto equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  const auto name = word.substr(0, equals);
  const bool attached = equals != std::string::npos;
  if (const auto* flag = find_flag(usage, name)) {
    const bool wants_value = !flag->metavar.empty();
    if (wants_value && !attached && words.empty())
      return name + " needs a value";
    if (!wants_value && attached)
      return name + " takes no value";
    values_.emplace_back(flag->name, attached      ? word.substr(equals + 1)
                                     : wants_value ? words.front()
                                                   : std::string{});
    if (wants_value && !attached)
      words = words.subspan(1);
    return {};
  }
  const auto known = usage.foreign ? usage.foreign(name) : std::nullopt;
  if (!known)
    return "there is no flag " + name;
  rest_.push_back(word);
  if (*known && !attached && !words.empty()) {
    rest_.push_back(words.front());
    words = words.subspan(1);
  }
  return {};
}

const std::string* trace_arguments::value(std::string_view flag) const {
  const std::string* result = nullptr;
  for (const auto& [name, text] : values_)
    if (name == flag)
      result = &text;
  return result;
}

std::string trace_arguments::value_or(std::string_view flag, std::string_view otherwise) const {
  const auto* found = value(flag);
  return found ? *found : std::string{otherwise};
}

std::variant<double, std::string>
trace_arguments::number(std::string_view flag, double otherwise, double least) const {
  const auto* text = value(flag);
  if (!text)
    return otherwise;
  double result = 0;
  const auto* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, result);
  if (error == std::errc{} && at == end && std::isfinite(result) && result >= least)
    return result;
  return std::string{flag} + " '" + *text + "' is not a number of at least "
         + std::to_string(static_cast<int64_t>(least));
}

} // namespace actord
