// Reads the flat TOML that a configuration file of this daemon consists of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord {

/// One `key = value` or `key = [value, ...]`.
struct toml_entry {
  std::string key;
  std::vector<std::string> values; // text of each, unescaped
  bool is_array = false;
  std::size_t line = 0; // from 1
};

/// `conf.toml:12: <what is wrong and what to write>`.
struct toml_error {
  std::string text;
};

/// A strict subset of TOML 1.0: bare keys, basic and literal strings of one line, numbers,
/// booleans, arrays of those over any number of lines, comments. No sections, no dotted keys, no
/// tables, no multi-line strings: each is an error that says so. Own code because CLI11 2.1.2 cuts
/// quoted values at `#`, takes a line without `=` as a set flag, skips lines of two characters and
/// knows no line numbers.
/// @param name of the file, for messages.
std::variant<std::vector<toml_entry>, toml_error>
read_toml(std::string_view text, std::string_view name);

} // namespace actord
