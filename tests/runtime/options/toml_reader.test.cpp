#include "runtime/options/toml_reader.hpp"

#include <doctest/doctest.h>
#include <random>

using namespace actord;

namespace {

/// `key=value|value line` per entry, or the error.
std::string read(std::string_view text) {
  auto result = read_toml(text, "c.toml");
  if (auto* error = std::get_if<toml_error>(&result))
    return error->text;
  std::string shown;
  for (const auto& entry : std::get<0>(result)) {
    shown += entry.key + (entry.is_array ? "=[" : "=");
    for (const auto& value : entry.values)
      shown += value + "|";
    shown += " " + std::to_string(entry.line) + ";";
  }
  return shown;
}

} // namespace

TEST_CASE("values of every kind are read with their line") {
  CHECK(read("") == "");
  CHECK(read("# only a comment") == "");
  CHECK(read("a = 1") == "a=1| 1;");
  CHECK(read("\n  a-b_2=-1.5e3 # why\r\n\r\nc = true\n") == "a-b_2=-1.5e3| 2;c=true| 4;");
  CHECK(read("a = \"x # y\" # z") == "a=x # y| 1;");
  CHECK(read("a = 'C:\\x'") == "a=C:\\x| 1;");
  CHECK(read(R"(a = "q\"\\\t\u00e9\U0001F600")") == "a=q\"\\\t\u00e9\U0001F600| 1;");
  CHECK(read("a = \"\"\nb = ''") == "a=| 1;b=| 2;");
  CHECK(read("a = []") == "a=[ 1;");
  CHECK(read("a = [\n 'x', # one\n\n \"y\",\n]\nb = 1") == "a=[x|y| 1;b=1| 6;");
  CHECK(read("a = 1_000") == "a=1_000| 1;");
}

TEST_CASE("what is no line of ours is an error with its line number") {
  CHECK(read("a = 1\n[section]\nb = 2")
        == "c.toml:2: sections are not used here; write every "
           "option as `name = value`");
  CHECK(read("x").starts_with("c.toml:1: expected `=` after `x`"));
  CHECK(read("= 1").starts_with("c.toml:1: expected `name = value`"));
  CHECK(read("a.b = 1").starts_with("c.toml:1: expected `=` after `a`"));
  CHECK(read("a =").starts_with("c.toml:1: expected a number"));
  CHECK(read("a = hello").starts_with("c.toml:1: expected a number, true, false"));
  CHECK(read("a = 1 2").starts_with("c.toml:1: unexpected text"));
  CHECK(read("a = \"x").starts_with("c.toml:1: the text is not closed"));
  CHECK(read("a = 'x\n'").starts_with("c.toml:1: the text is not closed"));
  CHECK(read("a = \"\\q\"").starts_with("c.toml:1: unknown escape"));
  CHECK(read("a = \"\\ud800\"").starts_with("c.toml:1: unknown escape"));
  CHECK(read("a = \"\\").starts_with("c.toml:1: unknown escape"));
  CHECK(read("a = \"\\u12").starts_with("c.toml:1: unknown escape"));
  CHECK(read("a = \"\"\"x\"\"\"").starts_with("c.toml:1: multi-line strings"));
  CHECK(read("a = [1").starts_with("c.toml:1: the array is not closed"));
  CHECK(read("a = [1\n\n").starts_with("c.toml:3: the array is not closed"));
  CHECK(read("a = [1 2]").starts_with("c.toml:1: expected `,` or `]`"));
  CHECK(read("a = [[1]]").starts_with("c.toml:1: arrays inside arrays"));
  CHECK(read("a = {b = 1}").starts_with("c.toml:1: expected a number"));
  CHECK(read("a = 1\nb = 2\na = 3") == "c.toml:3: `a` is set twice; keep one of the lines");
  CHECK(read("a = \"\xff\"") == "c.toml: is not UTF-8 text; save it as UTF-8");
  CHECK(read(std::string_view("a = \"\0\"", 7)).starts_with("c.toml:1: the text is not closed"));
}

TEST_CASE("any bytes are read or refused, and a file of many lines ends soon") {
  std::mt19937 random(11);
  const std::string_view alphabet = "ab=\"'\\[],#\n\r\t 1u{}.-";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto size = random() % 24; size > 0; --size)
      text.push_back(alphabet[random() % alphabet.size()]);
    auto result = read_toml(text, "c.toml");
    if (auto* error = std::get_if<toml_error>(&result))
      CHECK(error->text.starts_with("c.toml:"));
  }
  std::string lines;
  for (int i = 0; i < 100'000; ++i)
    lines += "k" + std::to_string(i) + "=1\n";
  CHECK(read(lines).starts_with("c.toml:1001: more than 1000 options"));
}
