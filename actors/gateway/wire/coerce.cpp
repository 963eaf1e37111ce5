#include "actors/gateway/wire/coerce.hpp"

#include "actors/gateway/wire/text.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace actord::wire {

namespace {

/// Decimal digits with an optional sign, surrounding white space and single
/// underscores between digits.
std::optional<int64_t> parse_int(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\r\v\f";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return std::nullopt;
  }
  text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') {
    text.remove_prefix(1);
  }
  std::string digits(negative ? "-" : "");
  bool after_digit = false;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c == '_' && after_digit)) {
      return std::nullopt;
    }
    if (is_digit) {
      digits += c;
    }
    after_digit = is_digit;
  }
  int64_t result = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (!after_digit || code != std::errc{} || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return result;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

int64_t coerce_int(msgpack_reader& in) {
  constexpr double limit = 9223372036854775808.0; // 2^63
  const msgpack_type type = in.peek();
  if (type == msgpack_type::boolean) {
    return in.read_bool() ? 1 : 0;
  }
  if (type == msgpack_type::real) {
    const double value = in.read_double();
    if (in.ok() && !(value >= -limit && value < limit)) {
      in.fail("float " + std::to_string(value) + " is outside the range of int");
    }
    return in.ok() ? static_cast<int64_t>(value) : 0;
  }
  if (type == msgpack_type::str || type == msgpack_type::bin) {
    const std::string_view text
      = type == msgpack_type::str ? in.read_str() : as_text(in.read_bin());
    const auto value = in.ok() ? parse_int(text) : std::nullopt;
    if (!value) {
      in.fail("expected int, found text " + printable(text));
    }
    return value.value_or(0);
  }
  return in.read_int64();
}

bool coerce_bool(msgpack_reader& in) {
  const auto is_set = [&]() -> bool {
    switch (in.peek()) {
      case msgpack_type::nil: in.read_nil(); return false;
      case msgpack_type::boolean: return in.read_bool();
      case msgpack_type::real: return in.read_double() != 0;
      case msgpack_type::str: return !in.read_str().empty();
      case msgpack_type::bin: return !in.read_bin().empty();
      case msgpack_type::integer: {
        // Zero has one value in every width, whatever its sign.
        msgpack_reader copy = in;
        in.skip();
        return copy.read_uint64() != 0 || !copy.ok();
      }
      case msgpack_type::array: {
        msgpack_reader copy = in;
        in.skip();
        return copy.read_array() != 0;
      }
      case msgpack_type::map: {
        msgpack_reader copy = in;
        in.skip();
        return copy.read_map() != 0;
      }
      default: in.skip(); return true;
    }
  };
  const bool result = is_set();
  return in.ok() && result;
}

} // namespace actord::wire
