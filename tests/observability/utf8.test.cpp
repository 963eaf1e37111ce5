#include "observability/utf8.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

constexpr const char* replacement = "\xEF\xBF\xBD";

} // namespace

TEST_CASE("text that is UTF-8 stays as it is") {
  for (std::string_view text :
       {std::string_view{""}, std::string_view{"a\0b", 3}, std::string_view{"\xC3\xA9"},
        std::string_view{"\xE2\x82\xAC"}, std::string_view{"\xED\x9F\xBF"},
        std::string_view{"\xF0\x9F\x98\x80"}, std::string_view{"\xF4\x8F\xBF\xBF"}})
    CHECK(utf8(text) == text);
}

TEST_CASE("a byte of no well-formed sequence is replaced, what follows it is not") {
  CHECK(utf8("\xFF") == replacement);
  CHECK(utf8("a\xC3") == std::string("a") + replacement);
  CHECK(utf8("\xC3z") == std::string(replacement) + "z");
  for (const char* text : {"\xC0\xAF", "\xC1\xBF"}) // overlong
    CHECK(utf8(text) == std::string(replacement) + replacement);
  for (const char* text : {"\xE0\x9F\xBF", "\xED\xA0\x80"}) // overlong, a surrogate
    CHECK(utf8(text) == std::string(replacement) + replacement + replacement);
  CHECK(utf8("\xF4\x90\x80\x80").size() == 4 * 3); // beyond the last code point
}
