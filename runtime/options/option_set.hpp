// The table of flags: each is declared once, with its form, help, default, check and destination.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Why the daemon does not start, and its exit status (spec cli-http §1.5): 1 bad value, 2 bad
/// syntax on the command line, 3 a value that ends the start.
struct option_problem {
  int code = 1;
  std::string text;
};

/// What one source says about one flag.
struct option_value {
  std::string name;               // --port
  std::vector<std::string> texts; // one for scalars; all of them for repeated flags
  std::string origin;             // empty: command line; otherwise a variable or FILE:LINE
  bool secret = false;            // messages never show the texts

  const std::string& last() const {
    return texts.back();
  }

  /// `--port 99999 (from LMCACHE_ACTORD_PORT)`; a secret value is `***`.
  std::string described() const;

  /// `--port 99999: <why>`, exit 1.
  option_problem rejected(std::string_view why) const;
};

/// How a flag is written (spec cli-http §1.2).
enum class flag_form : std::uint8_t {
  value,     // --x V, last wins
  toggle,    // --x / --no-x, last wins
  switch_on, // --x
  words,     // --x [W ...], last wins; travels as the text of a JSON array
  repeated,  // --x V --x V, accumulates
  action,    // --help, --version
};

struct flag_spec {
  std::string name;
  std::string group;
  std::string help;         // one line: why one would use it
  std::string metavar;      // N, SECONDS, ...
  std::string default_text; // empty: none
  std::string variable;     // the peer's own environment variable, besides ours
  std::string alias_of;     // old name of another flag, which comes first
  std::vector<std::string> choices;
  flag_form form = flag_form::value;
  char letter = 0;     // -q
  bool ours = false;   // unknown to the peer: never makes a peer's abbreviation ambiguous
  bool hidden = false; // not in --help
  bool command_line_only = false;
  bool secret = false; // no message shows its value
  std::function<std::optional<option_problem>(const option_value&)> assign;

  /// LMCACHE_ACTORD_<FLAG IN UPPER SNAKE>.
  std::string our_variable() const;
};

struct whole_range {
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  std::string_view rule = {}; // empty: a text is made from the bounds
  int code = 1;
};

struct number_range {
  double low = 0;
  bool low_open = true; // low itself is out
  double high = std::numeric_limits<double>::max();
  std::string_view rule = "must be a finite number > 0";
};

/// Longest accepted duration: ten years. Keeps every deadline far from overflow.
inline constexpr std::int64_t max_seconds = 315'360'000;

/// Declares flags; every call adds one to the current group and returns it for refinement.
/// Targets must outlive the set and hold their default at the time of the call.
class option_set {
public:
  /// Later flags belong to this group. Groups keep the order in which they were first named.
  void group(std::string_view title);

  flag_spec& text(std::string_view name, std::string& target, std::string_view help);
  flag_spec& choice(std::string_view name, std::string& target, std::vector<std::string> choices,
                    std::string_view help);
  flag_spec&
  number(std::string_view name, double& target, number_range range, std::string_view help);
  /// Seconds on the command line, milliseconds in `target`.
  flag_spec& seconds(std::string_view name, std::int64_t& target_ms, number_range range,
                     std::string_view help);
  flag_spec& toggle(std::string_view name, bool& target, std::string_view help);
  flag_spec&
  switch_on(std::string_view name, bool& target, std::string_view help, bool value = true);
  flag_spec& words(std::string_view name, std::vector<std::string>& target, std::string_view help);
  flag_spec&
  repeated(std::string_view name, std::vector<std::string>& target, std::string_view help);
  flag_spec& action(std::string_view name, char letter, std::string_view help);
  template <class Int>
  flag_spec& integer(std::string_view name, Int& target, whole_range range, std::string_view help) {
    return whole(
      name, [&target](std::int64_t value) { target = static_cast<Int>(value); }, range, help,
      std::to_string(target));
  }
  flag_spec& whole(std::string_view name, std::function<void(std::int64_t)> set, whole_range range,
                   std::string_view help, std::string default_text);

  const std::deque<flag_spec>& flags() const noexcept {
    return flags_;
  }

  const std::vector<std::string>& groups() const noexcept {
    return groups_;
  }

  const flag_spec* find(std::string_view name) const;

private:
  flag_spec& add(std::string_view name, flag_form form, std::string_view help);

  std::string group_;
  std::vector<std::string> groups_;
  std::deque<flag_spec> flags_; // a deque: references stay valid
};

/// A word that cannot be read as what the flag takes. `argument --port: invalid int value: 'x'`
/// with exit 2 on the command line, `--port (from X) is not a whole number: 'x'` with exit 1 else.
option_problem
unreadable(const option_value& value, std::string_view argparse_type, std::string_view noun);

} // namespace actord
