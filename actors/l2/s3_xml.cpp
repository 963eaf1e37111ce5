#include "actors/l2/s3_xml.hpp"

#include "actors/l2/s3_sign.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace actord {

namespace {

constexpr size_t max_depth = 16, max_name_bytes = 64, max_listed = 1000, max_token_bytes = 4096;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
         || c == '-' || c == '.' || c == ':';
}

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80)
    return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 63));
    }
    put(0x80 | (code >> 6 & 63));
  }
  put(0x80 | (code & 63));
}

/// Appends what `&name;` stands for.
bool append_reference(std::string& out, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> named{
    {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [word, character] : named)
    if (name == word) {
      out += character;
      return true;
    }
  if (!name.starts_with('#'))
    return false;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16)
    name.remove_prefix(1);
  uint32_t code = 0;
  const auto end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, code, base);
  if (error != std::errc{} || rest != end || code == 0 || code > 0x10ffff
      || (code >= 0xd800 && code < 0xe000))
    return false;
  append_utf8(out, code);
  return true;
}

class xml_reader {
public:
  xml_reader(std::string_view xml, const xml_element_end& ended) : rest_(xml), ended_(ended) {
  }

  bool read() {
    skip_spaces();
    if (take("<?xml") && !skip_past("?>"))
      return false;
    if (!skip_blank() || !open_element())
      return false;
    while (!texts_.empty())
      if (!step())
        return false;
    return skip_blank() && rest_.empty();
  }

private:
  bool take(std::string_view word) {
    if (!rest_.starts_with(word))
      return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool skip_past(std::string_view word) {
    const auto at = rest_.find(word);
    if (at == std::string_view::npos)
      return false;
    rest_.remove_prefix(at + word.size());
    return true;
  }

  void skip_spaces() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \t\r\n")));
  }

  /// Spaces and comments; false where a comment does not end.
  bool skip_blank() {
    for (skip_spaces(); take("<!--"); skip_spaces())
      if (!skip_past("-->"))
        return false;
    return true;
  }

  std::string_view take_name() {
    const auto end = std::ranges::find_if_not(rest_, is_name) - rest_.begin();
    const auto name = rest_.substr(0, static_cast<size_t>(end));
    rest_.remove_prefix(name.size());
    return name.size() > max_name_bytes ? std::string_view{} : name;
  }

  bool skip_attribute() {
    if (take_name().empty())
      return false;
    skip_spaces();
    if (!take("="))
      return false;
    skip_spaces();
    const auto quote = rest_.substr(0, 1);
    if (quote != "\"" && quote != "'")
      return false;
    rest_.remove_prefix(1);
    const auto end = rest_.find(quote);
    if (end == std::string_view::npos || rest_.substr(0, end).find('<') != std::string_view::npos)
      return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool open_element() {
    if (texts_.size() >= max_depth || !take("<"))
      return false;
    const auto name = take_name();
    if (name.empty())
      return false;
    starts_.push_back(path_.size());
    if (!path_.empty())
      path_ += '/';
    path_ += name;
    texts_.emplace_back();
    while (true) {
      const bool spaced = !rest_.empty() && is_space(rest_.front());
      skip_spaces();
      if (take("/>"))
        return end_element();
      if (take(">"))
        return true;
      if (!spaced || !skip_attribute())
        return false;
    }
  }

  bool end_element() {
    const bool goes_on = ended_(path_, texts_.back());
    path_.resize(starts_.back());
    starts_.pop_back();
    texts_.pop_back();
    return goes_on;
  }

  bool close_element() {
    const auto name = take_name();
    const auto start = starts_.back() + (starts_.back() == 0 ? 0 : 1);
    if (name.empty() || std::string_view(path_).substr(start) != name)
      return false;
    skip_spaces();
    return take(">") && end_element();
  }

  bool step() {
    if (take("<!--"))
      return skip_past("-->");
    if (take("</"))
      return close_element();
    if (rest_.starts_with('<'))
      return open_element();
    if (take("&")) {
      const auto end = rest_.substr(0, 12).find(';');
      if (end == std::string_view::npos || !append_reference(texts_.back(), rest_.substr(0, end)))
        return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    const auto end = rest_.find_first_of("<&");
    if (end == std::string_view::npos)
      return false;
    texts_.back().append(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return true;
  }

  std::string_view rest_;
  const xml_element_end& ended_;
  std::string path_;
  std::vector<size_t> starts_;     // of each open element in path_
  std::vector<std::string> texts_; // of each open element
};

/// The text of the first element at `wanted`, if the document is whole.
std::optional<std::string> text_at(std::string_view xml, std::string_view wanted) {
  std::optional<std::string> result;
  const bool whole = read_xml(xml, [&](std::string_view path, std::string_view text) {
    if (path == wanted && !result)
      result = text;
    return true;
  });
  return whole ? result : std::nullopt;
}

/// Letters, digits and what `more` has; "" when there is anything else, or too much.
std::string short_word(const std::optional<std::string>& text, std::string_view more) {
  if (!text || text->size() > 64)
    return "";
  const bool good = std::ranges::all_of(*text, [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || more.find(c) != std::string_view::npos;
  });
  return good ? *text : "";
}

bool parse_size(std::string_view text, uint64_t& value) {
  const auto end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end;
}

} // namespace

bool read_xml(std::string_view xml, const xml_element_end& ended) {
  return xml_reader(xml, ended).read();
}

std::optional<s3_list_page> parse_list_page(std::string_view xml) {
  s3_list_page page;
  s3_listed now;
  bool has_size = false, rooted = false;
  const bool whole = read_xml(xml, [&](std::string_view path, std::string_view text) {
    if (path == "ListBucketResult/Contents/Key") {
      now.key = text;
    } else if (path == "ListBucketResult/Contents/Size") {
      has_size = parse_size(text, now.size_bytes);
    } else if (path == "ListBucketResult/Contents/LastModified") {
      now.modified_ms = parse_iso_time(text).value_or(0);
    } else if (path == "ListBucketResult/Contents") {
      if (now.key.empty() || !has_size || page.objects.size() == max_listed)
        return false;
      page.objects.push_back(std::exchange(now, {}));
      has_size = false;
    } else if (path == "ListBucketResult/IsTruncated") {
      page.truncated = text == "true";
    } else if (path == "ListBucketResult/NextContinuationToken") {
      page.next_token = text;
    } else if (path == "ListBucketResult") {
      rooted = true;
    }
    return true;
  });
  if (!whole || !rooted || (page.truncated && page.next_token.empty())
      || page.next_token.size() > max_token_bytes)
    return std::nullopt;
  return page;
}

std::string parse_error_code(std::string_view xml) {
  return short_word(text_at(xml, "Error/Code"), ".");
}

std::string parse_error_region(std::string_view xml) {
  return short_word(text_at(xml, "Error/Region"), "-");
}

std::optional<std::string> parse_upload_id(std::string_view xml) {
  auto id = text_at(xml, "InitiateMultipartUploadResult/UploadId");
  return id && !id->empty() && id->size() <= max_token_bytes ? id : std::nullopt;
}

bool is_completed_upload(std::string_view xml) {
  bool tagged = false;
  const bool whole = read_xml(xml, [&](std::string_view path, std::string_view) {
    const auto root = path.substr(0, path.find('/'));
    // Servers differ in the name of the root.
    tagged |= root != "Error" && path.substr(root.size()) == "/ETag";
    return true;
  });
  return whole && tagged;
}

} // namespace actord
