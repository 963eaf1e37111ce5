#include "runtime/options/toml_reader.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace actord {

namespace {

/// Far above the number of options; bounds the search for duplicates.
constexpr std::size_t max_entries = 1000;

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
         || c == '_';
}

/// A hexadecimal digit's value, or -1.
int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

class reader {
public:
  reader(std::string_view text, std::string_view name) : text_(text), name_(name) {
  }

  std::variant<std::vector<toml_entry>, toml_error> run() {
    if (!is_utf8_text(text_))
      return toml_error{std::string(name_) + ": is not UTF-8 text; save it as UTF-8"};
    while (error_.empty() && skip_blank_lines()) {
      auto entry = read_entry();
      if (!error_.empty())
        break;
      if (std::ranges::find(entries_, entry.key, &toml_entry::key) != entries_.end())
        fail("`" + entry.key + "` is set twice; keep one of the lines");
      if (entries_.size() >= max_entries)
        fail("more than " + std::to_string(max_entries) + " options; is this the right file?");
      entries_.push_back(std::move(entry));
    }
    if (!error_.empty())
      return toml_error{error_};
    return std::move(entries_);
  }

private:
  char peek() const {
    return at_ < text_.size() ? text_[at_] : '\n';
  }

  bool at_line_end() const {
    return peek() == '\n' || text_.substr(at_).starts_with("\r\n");
  }

  void fail(const std::string& why) {
    if (error_.empty())
      error_ = std::string(name_) + ":" + std::to_string(line_) + ": " + why;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
  }

  void skip_comment() {
    if (peek() == '#')
      while (at_ < text_.size() && text_[at_] != '\n')
        ++at_;
  }

  /// Spaces, comments and line ends; false at the end of the text.
  bool skip_blank_lines() {
    for (;;) {
      skip_spaces();
      skip_comment();
      if (at_ >= text_.size())
        return false;
      if (!at_line_end())
        return true;
      next_line();
    }
  }

  void next_line() {
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }

  toml_entry read_entry() {
    toml_entry entry;
    entry.line = line_;
    if (peek() == '[')
      fail("sections are not used here; write every option as `name = value`");
    while (at_ < text_.size() && is_bare(text_[at_]))
      entry.key.push_back(text_[at_++]);
    if (entry.key.empty())
      fail("expected `name = value`; names are made of letters, digits and `-`");
    skip_spaces();
    if (peek() != '=')
      fail("expected `=` after `" + printable(entry.key) + "`");
    if (!error_.empty())
      return entry;
    ++at_;
    skip_spaces();
    if (peek() == '[') {
      entry.is_array = true;
      read_array(entry.values);
    } else {
      entry.values.push_back(read_scalar());
    }
    skip_spaces();
    skip_comment();
    if (at_ < text_.size() && !at_line_end())
      fail("unexpected text after the value; put a text with blanks into quotes");
    return entry;
  }

  void read_array(std::vector<std::string>& values) {
    ++at_; // [
    while (error_.empty()) {
      if (!skip_blank_lines())
        return fail("the array is not closed; add `]`");
      if (peek() == ']') {
        ++at_;
        return;
      }
      if (peek() == '[')
        return fail("arrays inside arrays are not used here");
      values.push_back(read_scalar());
      if (!skip_blank_lines())
        return fail("the array is not closed; add `]`");
      if (peek() == ',')
        ++at_;
      else if (peek() != ']')
        return fail("expected `,` or `]` in the array");
    }
  }

  std::string read_scalar() {
    if (text_.substr(at_).starts_with("\"\"\"") || text_.substr(at_).starts_with("'''")) {
      fail("multi-line strings are not used here; write the text in one line");
      return {};
    }
    if (peek() == '"')
      return read_basic();
    if (peek() == '\'')
      return read_literal();
    auto start = at_;
    while (at_ < text_.size() && (is_bare(text_[at_]) || text_[at_] == '.' || text_[at_] == '+'))
      ++at_;
    std::string word(text_.substr(start, at_ - start));
    if (word != "true" && word != "false" && !parse_number(word))
      fail("expected a number, true, false or a text in quotes"); // the word may be a secret
    return word;
  }

  std::string read_literal() {
    auto start = ++at_;
    while (at_ < text_.size() && text_[at_] != '\'' && !is_control(text_[at_]))
      ++at_;
    std::string value(text_.substr(start, at_ - start));
    if (peek() != '\'')
      fail("the text is not closed; add ' at its end");
    else
      ++at_;
    return value;
  }

  std::string read_basic() {
    std::string value;
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"' && !is_control(text_[at_]) && error_.empty()) {
      if (text_[at_] != '\\')
        value.push_back(text_[at_++]);
      else
        read_escape(value);
    }
    if (peek() != '"')
      fail("the text is not closed; add \" at its end");
    else
      ++at_;
    return value;
  }

  void read_escape(std::string& value) {
    constexpr std::string_view letters = "btnfr\"\\";
    constexpr std::string_view meanings = "\b\t\n\f\r\"\\";
    ++at_; // backslash
    auto letter = peek();
    auto index = letters.find(letter);
    if (index != std::string_view::npos) {
      value.push_back(meanings[index]);
      ++at_;
      return;
    }
    std::size_t digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    at_ += digits > 0 ? 1 : 0;
    std::uint32_t code = 0;
    bool good = digits > 0;
    for (std::size_t i = 0; i < digits && good; ++i) {
      auto digit = hex_value(peek());
      good = digit >= 0;
      code = code << 4 | static_cast<std::uint32_t>(good ? digit : 0);
      at_ += good ? 1 : 0;
    }
    if (!good || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return fail("unknown escape; write a backslash as \\\\ or use single quotes");
    append_utf8(value, code);
  }

  static bool is_control(char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  }

  std::string_view text_, name_;
  std::size_t at_ = 0, line_ = 1;
  std::string error_;
  std::vector<toml_entry> entries_;
};

} // namespace

std::variant<std::vector<toml_entry>, toml_error>
read_toml(std::string_view text, std::string_view name) {
  return reader(text, name).run();
}

} // namespace actord
