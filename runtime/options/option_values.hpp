// Reads the words of a command line as numbers and booleans, and shows outside text safely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

/// Whole number as argparse reads it: blanks around, a sign, single underscores between digits.
/// Saturates at the limits of int64, so that a range check rejects it. Spec cli-http §1.2.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Floating-point number: as above, with fraction, exponent, `inf` and `nan`. Saturates at ±inf.
std::optional<double> parse_number(std::string_view text);

/// true/yes/on/1 and false/no/off/0 in any case (environment and file; flags need no word).
std::optional<bool> parse_boolean(std::string_view text);

/// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8_text(std::string_view text);

/// `text` for a message: at most `limit` bytes, what is not printable ASCII as `\xNN`.
std::string printable(std::string_view text, std::size_t limit = 120);

/// `1.5`, `60`, `0.01`: shortest text that reads back as the same number.
std::string number_text(double value);

std::string to_lower(std::string_view text);

/// `text` without the blanks (space, tab, line ends) around it.
std::string_view trimmed(std::string_view text);

} // namespace actord
