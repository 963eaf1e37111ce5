// One HTTP request and one HTTP reply, as the routes see them.
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord::http {

using json = nlohmann::ordered_json;

struct request {
  std::string method; // GET, POST, ...
  std::string target; // path and query as sent
  std::string path;   // percent-decoded
  std::multimap<std::string, std::string> query;
  std::string content_type, authorization, host, accept, accept_encoding;
  std::string body;
  std::string peer; // address:port

  /// The last value of a query parameter, or null.
  const std::string* parameter(const std::string& name) const;
  /// Whether the body claims to be JSON.
  bool has_json_type() const;
};

struct reply {
  int status = 200;
  std::string content_type; // empty: no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Bytes that are no UTF-8 become U+FFFD. indent -1: compact.
std::string to_text(const json& value, int indent = -1);

reply json_reply(const json& value, int status = 200);
reply text_reply(std::string text, int status = 200);
/// The two families of error bodies (spec cli-http §2.2): {"detail": ...} and {"error": ...}.
reply detail_reply(int status, std::string text);
reply error_reply(int status, std::string text);

/// Reason phrase of a status, "Unknown" for those never sent.
std::string_view reason_of(int status);

/// A complete HTTP/1.1 answer that ends the connection, for requests that no route sees.
std::string closing_answer(int status, const std::string& text);

} // namespace actord::http
