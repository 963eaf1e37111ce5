#include "runtime/options/option_values.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace actord;

TEST_CASE("whole numbers are read as Python's int reads them") {
  CHECK(parse_integer("42") == 42);
  CHECK(parse_integer(" +4_2 ") == 42);
  CHECK(parse_integer("-0") == 0);
  CHECK(parse_integer("007") == 7);
  CHECK(parse_integer("9999999999999999999999") == std::numeric_limits<std::int64_t>::max());
  CHECK(parse_integer("-9999999999999999999999") == std::numeric_limits<std::int64_t>::min());
  for (auto* text : {"", " ", "-", "+", "--1", "+-1", "1.0", "1e3", "0x10", "_1", "1_", "1__2",
                     "1 2", "abc", "\xd9\xa1"})
    CHECK_FALSE(parse_integer(text).has_value());
}

TEST_CASE("numbers are read as Python's float reads them") {
  CHECK(parse_number("0.0_1") == 0.01);
  CHECK(parse_number("1e3") == 1000.0);
  CHECK(parse_number(" -.5 ") == -0.5);
  CHECK(parse_number("5.") == 5.0);
  CHECK(parse_number("Infinity") == std::numeric_limits<double>::infinity());
  CHECK(parse_number("-inf") == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(parse_number("NaN").value()));
  CHECK(parse_number("1e999") == std::numeric_limits<double>::infinity());
  CHECK(parse_number("001e999") == std::numeric_limits<double>::infinity());
  CHECK(parse_number("1e-999") == 0.0);
  CHECK(parse_number("0." + std::string(500, '0') + "1") == 0.0);
  for (auto* text : {"", ".", "e3", "1e", "0x1p3", "nan(1)", "1,5", "1 5", "--1", "_1"})
    CHECK_FALSE(parse_number(text).has_value());
}

TEST_CASE("booleans are words of either language") {
  for (auto* text : {"true", "YES", " On ", "1"})
    CHECK(parse_boolean(text) == true);
  for (auto* text : {"false", "No", "off", "0"})
    CHECK(parse_boolean(text) == false);
  for (auto* text : {"", "2", "y", "truee"})
    CHECK_FALSE(parse_boolean(text).has_value());
}

TEST_CASE("UTF-8 is told from other bytes") {
  for (auto* text : {"", "a", "\u00e9", "\u20ac", "\U0001F600", "\ud7ff", "\U0010FFFF"})
    CHECK(is_utf8_text(text));
  for (auto* text : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                     "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"})
    CHECK_FALSE(is_utf8_text(text));
}

TEST_CASE("outside text is shown short and harmless") {
  CHECK(printable("abc") == "abc");
  CHECK(printable("a\n\x1b[31m") == "a\\x0a\\x1b[31m");
  CHECK(printable(std::string(1000, 'x')).size() == 123);
  CHECK(number_text(0.01) == "0.01");
  CHECK(number_text(60.0) == "60");
}
