// Reads a JSON object from outside field by field: what is wrong, what is unknown, what there is.
#pragma once

#include "runtime/options/option_set.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// What reading an object came upon. Keys have the path of the object before them: `cpp.fsync`.
struct json_findings {
  /// `KEY must be ..., not ...`; never shows a text that may be a secret.
  std::vector<std::string> problems;
  std::vector<std::string> remarks;
  /// Keys that the object has and nobody asked for.
  std::vector<std::string> unknown;
  /// Keys that were asked for, found or not.
  std::vector<std::string> known;
};

struct text_rule {
  std::string_view rule = "must be a string";
  bool required = false;
  bool may_be_empty = true;
  std::size_t max_bytes = 4095; // PATH_MAX without its final zero
};

inline constexpr text_rule required_text{"must be a non-empty string", true, false};
inline constexpr text_rule non_empty_text{"must be a non-empty string", false, false};

/// Reads fields into variables that hold their defaults; a field that is missing leaves its
/// variable alone, one that is wrong does too and is told in `problems`. JSON's null is a wrong
/// value but for the `nullable` ones, where it means missing. Booleans are no numbers, and 4.0 is
/// no whole number (spec l2-adapters §4).
class json_fields {
public:
  using json = nlohmann::ordered_json;

  /// `object` may be anything: what is no object has no fields. Both outlive the reader. `path`
  /// ends in a dot or is empty.
  json_fields(const json& object, std::string path, json_findings& found);

  /// Whether the key has a value that is not null. Asks for it.
  bool has(std::string_view key);

  void text(std::string_view key, std::string& target, text_rule rule = {});
  void nullable_text(std::string_view key, std::string& target, text_rule rule = {});
  void choice(std::string_view key, std::string& target, std::span<const std::string_view> words);
  void boolean(std::string_view key, bool& target);
  /// Any value, as Python sees it: false, 0, "", [], {} and null are false.
  void truth(std::string_view key, bool& target);
  template <class Int>
  void whole(std::string_view key, Int& target, const whole_range& range, bool required = false) {
    if (auto value = read_whole(key, range, required))
      target = static_cast<Int>(*value);
  }
  template <class Int>
  void nullable_whole(std::string_view key, Int& target, const whole_range& range) {
    if (has(key))
      whole(key, target, range);
  }
  void
  number(std::string_view key, double& target, const number_range& range, bool required = false);
  /// Seconds in the object, milliseconds (at least 1) in `target_ms`.
  void seconds(std::string_view key, std::int64_t& target_ms, const number_range& range);
  /// GiB >= 0 in the object, bytes in `target`.
  void gib(std::string_view key, std::optional<std::uint64_t>& target);
  void
  whole_list(std::string_view key, std::vector<std::int64_t>& target, const whole_range& range);
  void number_list(std::string_view key, std::vector<double>& target, const number_range& range);
  void choice_list(std::string_view key, std::vector<std::string>& target,
                   std::span<const std::string_view> words);
  /// The object under `key`, an empty one where it is missing, null or something else.
  const json& object(std::string_view key, bool required = false);
  /// The key is fine as it is: someone else reads it.
  void skip(std::string_view key);

  /// `KEY must ...`, for rules that no single call knows.
  void problem(std::string_view key, std::string_view text);
  void remark(std::string_view key, std::string_view text);

  /// At the end: keys nobody asked for are noted, or are problems.
  void note_unknown();
  void refuse_unknown();

private:
  const json* find(std::string_view key);
  void wrong(std::string_view key, std::string_view rule, const json* value);
  bool is_missing(std::string_view key, std::string_view rule, bool required, const json* value);
  std::optional<std::int64_t>
  read_whole(std::string_view key, const whole_range& range, bool required);
  std::vector<std::string> unasked() const;

  const json& object_;
  std::string path_;
  json_findings& found_;
  std::vector<std::string> asked_;
};

/// What a JSON value is, for a message: `4.5`, `true`, `a string`, `a list`.
std::string json_kind(const nlohmann::ordered_json& value);

} // namespace actord
