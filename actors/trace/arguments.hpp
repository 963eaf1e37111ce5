// The words after a trace command.
#pragma once

#include "actors/trace/commands.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace actord {

struct trace_flag {
  std::string_view name;    // --speed
  std::string_view metavar; // X; "": a switch
  std::string_view help;
  char letter = 0; // -q
};

/// What a command takes, for its --help and its parser.
struct trace_usage {
  std::string_view command;  // replay
  std::string_view operands; // FILE
  std::string_view about;    // paragraphs, each line at most 100 columns
  std::span<const trace_flag> flags;
  size_t least_operands = 1, most_operands = 1;
  // Says of a flag that is none of ours: whether a value follows. Empty: such a flag is an error.
  std::function<std::optional<bool>(const std::string&)> foreign = {};
};

/// Words that were understood.
class trace_arguments {
public:
  /// An exit status when the command ends here, with help or with what is wrong, both printed.
  static std::variant<trace_arguments, int> parse(const trace_usage& usage, trace_words words);

  const std::vector<std::string>& operands() const {
    return operands_;
  }
  /// Flags that are none of ours, with their values, in order.
  const std::vector<std::string>& rest() const {
    return rest_;
  }
  bool has(std::string_view flag) const {
    return value(flag) != nullptr;
  }
  /// The last value that was given, or null.
  const std::string* value(std::string_view flag) const;
  std::string value_or(std::string_view flag, std::string_view otherwise) const;
  /// A finite number of at least `least`; otherwise what is wrong with it.
  std::variant<double, std::string>
  number(std::string_view flag, double otherwise, double least) const;

private:
  std::string take(const trace_usage& usage, trace_words& words);

  std::vector<std::string> operands_, rest_;
  std::vector<std::pair<std::string_view, std::string>> values_;
};

/// Prints `lmcache-actord trace COMMAND: error: ...` and returns `code`.
int trace_error(std::string_view command, std::string_view what, int code = 1);

} // namespace actord
