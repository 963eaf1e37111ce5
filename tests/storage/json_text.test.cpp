#include "storage/json_text.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace actord;

namespace {

std::string json_of(std::string_view text) {
  std::string result;
  append_json_string(result, text);
  return result;
}

} // namespace

TEST_CASE("strings are escaped as CPython escapes them") {
  CHECK_EQ(json_of(""), R"("")");
  CHECK_EQ(json_of("a/b %2F~ '"), R"("a/b %2F~ '")");
  CHECK_EQ(json_of("\"\\\n\r\t\f\b"), R"("\"\\\n\r\t\f\b")");
  CHECK_EQ(json_of({"\0\x1f\x7f", 3}), R"("\u0000\u001f\u007f")");
  CHECK_EQ(json_of("\xc2\x80\xc3\xa9\xdf\xbf"), R"("\u0080\u00e9\u07ff")");
  CHECK_EQ(json_of("\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf"), R"("\u0800\u20ac\uffff")");
  CHECK_EQ(json_of("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"),
           R"("\ud800\udc00\ud83d\ude00\udbff\udfff")");
}

TEST_CASE("every code point comes back through a JSON parser") {
  std::string text;
  for (uint32_t point = 0; point < 0x110000; point += point < 0x900 ? 1 : 37) {
    if (point >= 0xd800 && point < 0xe000)
      continue;
    if (point < 0x80)
      text += static_cast<char>(point);
    else if (point < 0x800)
      text += {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
    else if (point < 0x10000)
      text += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3f)),
               static_cast<char>(0x80 | (point & 0x3f))};
    else
      text
        += {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3f)),
            static_cast<char>(0x80 | (point >> 6 & 0x3f)),
            static_cast<char>(0x80 | (point & 0x3f))};
  }
  CHECK_EQ(nlohmann::json::parse(json_of(text)).get<std::string>(), text);
}
