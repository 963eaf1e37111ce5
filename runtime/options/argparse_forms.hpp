// Turns a command line in argparse's manner into the one canonical form `--flag value`.
#pragma once

#include "runtime/options/option_set.hpp"

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace actord {

/// A command line without abbreviations, `=`, `--no-x`, lists and stray words.
struct canonical_arguments {
  enum class stop : std::uint8_t { none, help, version };

  /// `--flag`, `value`, `--flag`, `value`, ...; switches carry `true` or `false`, lists of words
  /// the text of a JSON array; of a list flag given twice only the last is left.
  std::vector<std::string> pairs;
  /// --help or --version came first: nothing after it counts.
  stop early = stop::none;
};

/// What argparse would say, without program name: `ambiguous option: --l1 could match ...`.
struct syntax_error {
  std::string text;
};

/// Applies the rules of spec cli-http §1.2: `--x=v`, unambiguous prefixes, `--x` / `--no-x`, list
/// flags, negative numbers as values. A prefix is looked up among the peer's flags first, so that
/// our additions never change what an old command line means. A leading word `server` is dropped.
std::variant<canonical_arguments, syntax_error>
normalise_arguments(std::span<const std::string> args, const option_set& flags);

} // namespace actord
