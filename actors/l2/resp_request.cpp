#include "actors/l2/resp_request.hpp"

namespace actord {

namespace {

void append_header(std::string& to, char kind, uint64_t count) {
  to += kind;
  to += std::to_string(count);
  to += "\r\n";
}

void append_word(std::string& to, std::string_view word) {
  append_header(to, '$', word.size());
  to += word;
  to += "\r\n";
}

} // namespace

std::string resp_request(std::initializer_list<std::string_view> words) {
  std::string result;
  append_header(result, '*', words.size());
  for (auto word : words)
    append_word(result, word);
  return result;
}

resp_set_request resp_set(std::string_view name, uint64_t length_bytes, int64_t ttl_s) {
  resp_set_request result;
  append_header(result.head, '*', ttl_s > 0 ? 5 : 3);
  append_word(result.head, "SET");
  append_word(result.head, name);
  append_header(result.head, '$', length_bytes);
  result.tail = "\r\n";
  if (ttl_s > 0) {
    append_word(result.tail, "EX");
    append_word(result.tail, std::to_string(ttl_s));
  }
  return result;
}

std::string resp_scan_pattern(std::string_view key_prefix) {
  std::string result;
  for (char each : key_prefix) {
    if (std::string_view{"*?[]^-\\"}.find(each) != std::string_view::npos)
      result += '\\';
    result += each;
  }
  return result + (key_prefix.empty() ? "*@????????@*@*" : "@*@????????@*@*");
}

} // namespace actord
