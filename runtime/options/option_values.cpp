#include "runtime/options/option_values.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <system_error>

namespace actord {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Removes underscores that stand between two digits; empty when one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      result.push_back(text[i]);
      continue;
    }
    if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1]))
      return std::nullopt;
  }
  return result;
}

struct signed_text {
  bool negative = false;
  std::string digits;
};

std::optional<signed_text> split_sign(std::string_view text) {
  text = trimmed(text);
  signed_text result;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    result.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  auto digits = without_underscores(text);
  if (!digits || digits->empty() || digits->front() == '-')
    return std::nullopt;
  result.digits = std::move(*digits);
  return result;
}

/// Bytes that follow the lead byte of a UTF-8 character, and the range of the first of them.
struct utf8_tail {
  int count;
  unsigned char low, high;
};

std::optional<utf8_tail> tail_of(unsigned char lead) {
  if (lead < 0x80)
    return utf8_tail{0, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF)
    return utf8_tail{1, 0x80, 0xBF};
  if (lead >= 0xE0 && lead <= 0xEF)
    return utf8_tail{2, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
                     static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  if (lead >= 0xF0 && lead <= 0xF4)
    return utf8_tail{3, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
                     static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
  return std::nullopt;
}

} // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  auto parts = split_sign(text);
  if (!parts)
    return std::nullopt;
  for (char c : parts->digits)
    if (!is_digit(c))
      return std::nullopt;
  auto signed_digits = (parts->negative ? "-" : "") + parts->digits;
  std::int64_t value = 0;
  auto end = signed_digits.data() + signed_digits.size();
  if (std::from_chars(signed_digits.data(), end, value).ec == std::errc::result_out_of_range)
    return parts->negative ? std::numeric_limits<std::int64_t>::min()
                           : std::numeric_limits<std::int64_t>::max();
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  auto parts = split_sign(text);
  if (!parts)
    return std::nullopt;
  auto digits = to_lower(parts->digits);
  if (digits == "infinity")
    digits = "inf";
  // from_chars also takes `nan(...)`, which no command line of the peer takes.
  if (digits.find('(') != std::string::npos)
    return std::nullopt;
  double value = 0;
  auto end = digits.data() + digits.size();
  auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error == std::errc::invalid_argument || stop != end)
    return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which limit was passed.
    auto first = digits.find_first_not_of('0');
    bool tiny = digits.find("e-") != std::string::npos
                || (first != std::string::npos && digits[first] == '.');
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return parts->negative ? -value : value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  auto word = to_lower(trimmed(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1")
    return true;
  if (word == "false" || word == "no" || word == "off" || word == "0")
    return false;
  return std::nullopt;
}

bool is_utf8_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto tail = tail_of(static_cast<unsigned char>(text[i]));
    if (!tail || text.size() - i - 1 < static_cast<std::size_t>(tail->count))
      return false;
    for (int n = 0; n < tail->count; ++n) {
      auto byte = static_cast<unsigned char>(text[++i]);
      auto low = n == 0 ? tail->low : 0x80;
      auto high = n == 0 ? tail->high : 0xBF;
      if (byte < low || byte > high)
        return false;
    }
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string result;
  for (char c : text) {
    if (result.size() >= limit)
      return result + "...";
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      result.push_back(c);
    } else {
      result += "\\x";
      result.push_back(hex[byte >> 4]);
      result.push_back(hex[byte & 15]);
    }
  }
  return result;
}

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc() ? std::string(buffer.data(), end) : std::string("?");
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace actord
