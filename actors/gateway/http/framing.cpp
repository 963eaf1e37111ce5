#include "actors/gateway/http/framing.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace actord::http {

namespace {

constexpr std::string_view end_of_line = "\r\n", end_of_head = "\r\n\r\n";

bool same_name(std::string_view left, std::string_view right) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct head_facts {
  std::optional<size_t> length;
  bool chunked = false, wants_continue = false, malformed = false;
};

head_facts read_head(std::string_view head) {
  head_facts facts;
  for (auto at = head.find(end_of_line); at != std::string_view::npos;) {
    const auto begin = at + end_of_line.size();
    at = head.find(end_of_line, begin);
    const auto line = head.substr(begin, at == std::string_view::npos ? at : at - begin);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
      continue; // the parser answers it
    const auto name = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (same_name(name, "Transfer-Encoding"))
      facts.chunked = true;
    else if (same_name(name, "Expect"))
      facts.wants_continue = same_name(value, "100-continue");
    else if (same_name(name, "Content-Length")) {
      size_t length = 0;
      const auto* last = value.data() + value.size();
      const auto [end, error] = std::from_chars(value.data(), last, length);
      if (value.empty() || error != std::errc{} || end != last || facts.length)
        facts.malformed = true;
      facts.length = length;
    }
  }
  return facts;
}

frame refused(int status, std::string reason) {
  return {frame::state::refused, 0, false, status, std::move(reason)};
}

std::string too_large(const char* what, size_t limit) {
  return std::string{what} + " is longer than " + std::to_string(limit)
         + " bytes; send less in one request";
}

} // namespace

frame find_frame(std::string_view bytes, const frame_limits& limits) {
  if (std::min(bytes.find(end_of_line), bytes.size()) > limits.line_bytes)
    return refused(414, too_large("the request line", limits.line_bytes));
  const auto end = bytes.substr(0, limits.head_bytes).find(end_of_head);
  if (end == std::string_view::npos) {
    if (bytes.size() >= limits.head_bytes)
      return refused(431, too_large("the request head", limits.head_bytes));
    return {};
  }
  const auto facts = read_head(bytes.substr(0, end));
  if (facts.malformed)
    return refused(400, "Content-Length is not one number; send it once, in decimal");
  if (facts.chunked)
    return refused(411, "Transfer-Encoding is not supported; send a Content-Length");
  const auto length = facts.length.value_or(0);
  if (length > limits.body_bytes)
    return refused(413, too_large("the body", limits.body_bytes));
  frame result;
  result.bytes = end + end_of_head.size() + length;
  result.wants_continue = facts.wants_continue && bytes.size() == end + end_of_head.size();
  result.found = bytes.size() < result.bytes ? frame::state::body_missing : frame::state::complete;
  return result;
}

} // namespace actord::http
