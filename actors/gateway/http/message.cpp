#include "actors/gateway/http/message.hpp"

#include <algorithm>
#include <cctype>

namespace actord::http {

const std::string* request::parameter(const std::string& name) const {
  auto [first, last] = query.equal_range(name);
  return first == last ? nullptr : &std::prev(last)->second;
}

bool request::has_json_type() const {
  auto type = content_type.substr(0, content_type.find(';'));
  std::erase_if(type, [](unsigned char c) { return std::isspace(c) != 0; });
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type == "application/json"
         || (type.starts_with("application/") && type.ends_with("+json"));
}

std::string to_text(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

reply json_reply(const json& value, int status) {
  return {status, "application/json", to_text(value), {}};
}

reply text_reply(std::string text, int status) {
  return {status, "text/plain; charset=utf-8", std::move(text), {}};
}

reply detail_reply(int status, std::string text) {
  return json_reply({{"detail", std::move(text)}}, status);
}

reply error_reply(int status, std::string text) {
  return json_reply({{"error", std::move(text)}}, status);
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Entity";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

std::string closing_answer(int status, const std::string& text) {
  const auto body = to_text({{"detail", text}});
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string{reason_of(status)}
         + "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size())
         + "\r\nConnection: close\r\n\r\n" + body;
}

} // namespace actord::http
