// Keys that requests to AWS are signed with, and the world they are looked for in.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Secrets, never shown.
struct aws_keys {
  std::string access_key_id, secret_access_key;
  std::string session_token; // of temporary keys; empty: none
  int64_t expires_ms = 0;    // Unix time; 0: never
  std::string source;        // where they were found, of credential_sources
};
using aws_keys_ptr = std::shared_ptr<const aws_keys>;

/// Returns what is wrong with keys ("" when nothing is): they stand in headers, so that anything
/// but short printable ASCII is refused.
std::string_view aws_keys_error(const aws_keys& keys);

struct aws_http_ask {
  std::string method = "GET", url;
  std::vector<std::string> headers; // `Name: value`
  std::string body;
  int64_t timeout_ms = 5'000;
};

struct aws_http_answer {
  int status = 0;    // 0: there was none
  std::string text;  // at most aws_answer_limit_bytes
  std::string error; // why there was none
};

constexpr size_t aws_answer_limit_bytes = 64 << 10;

/// What the search for keys touches. Each function may block; any may be replaced.
struct aws_world {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  /// Content of a file of at most 1 MiB; none when it cannot be read.
  std::function<std::optional<std::string>(const std::string& path)> file;
  std::function<aws_http_answer(const aws_http_ask& ask)> http;
  std::function<int64_t()> now_ms; // Unix time
  /// Once it is true, a call of `http` under way ends within a second. May be null.
  std::shared_ptr<std::atomic<bool>> ending;

  /// The process' own.
  /// @param ca_file certificates to trust besides the system's; empty: none
  static aws_world real(const std::string& ca_file);
};

} // namespace actord
