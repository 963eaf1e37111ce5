// Reads the files that hold secrets, and checks secrets. None appears in a message.
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_values.hpp"

#include <optional>
#include <string_view>

namespace actord {

namespace {

/// RFC 6750 lets a token hold visible ASCII; blanks would split the header.
bool is_token(std::string_view text) {
  constexpr std::size_t limit = 4096;
  for (char c : text)
    if (c <= ' ' || c >= 0x7F)
      return false;
  return !text.empty() && text.size() <= limit;
}

/// Z85 of 32 bytes (ZeroMQ RFC 32): 8 groups of 5 digits in base 85, each below 2^32.
bool is_z85_key(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
                                      "YZ.-:+=^!/*?&<>()[]{}@%$#";
  if (text.size() != 40)
    return false;
  std::uint64_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto digit = digits.find(text[i]);
    if (digit == std::string_view::npos)
      return false;
    group = (i % 5 == 0 ? 0 : group * 85) + digit;
    if (group > 0xFFFFFFFF)
      return false;
  }
  return true;
}

/// The key itself, or `secret-key = "..."` of a certificate file as libzmq's tools write it.
std::optional<std::string> find_z85_key(std::string_view text) {
  auto whole = trimmed(text);
  if (is_z85_key(whole))
    return std::string(whole);
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    auto open = line.find('"');
    if (!line.starts_with("secret-key") || open == std::string_view::npos)
      continue;
    auto value = line.substr(open + 1);
    value = value.substr(0, value.find('"'));
    if (is_z85_key(value))
      return std::string(value);
  }
  return std::nullopt;
}

} // namespace

void read_secrets(daemon_options& options, const option_sources& sources,
                  const chosen_values& chosen, option_problems& problems) {
  auto read = [&](std::string_view flag, const std::string& path) -> std::optional<std::string> {
    if (path.empty())
      return std::nullopt;
    auto content = sources.read_file(path);
    if (content.error.empty())
      return std::move(content.text);
    problems.push_back(chosen.find(flag)->second.rejected("cannot be read: " + content.error
                                                          + "; check path and permissions"));
    return std::nullopt;
  };
  auto take_token = [&](std::string_view flag, std::string_view text, std::string& token) {
    token = trimmed(text);
    if (!is_token(token))
      problems.push_back(
        chosen.find(flag)->second.rejected("must hold one token of 1 to 4096 visible ASCII "
                                           "characters; make one with `openssl rand -hex 32`"));
  };
  auto& metrics = options.observability;
  if (auto text = read("--http-token-file", options.http.token_file))
    take_token("--http-token-file", *text, options.http.token);
  if (auto given = metrics.metrics_token; !given.empty())
    take_token("--metrics-token", given, metrics.metrics_token);
  else if (auto text = read("--metrics-token-file", metrics.metrics_token_file))
    take_token("--metrics-token-file", *text, metrics.metrics_token);
  if (auto text = read("--zmq-curve-server-key-file", options.mp.curve_server_key_file)) {
    if (auto key = find_z85_key(*text))
      options.mp.curve_server_secret_key = *key;
    else
      problems.push_back(chosen.find("--zmq-curve-server-key-file")
                           ->second.rejected("must hold a CURVE secret key of 40 Z85 characters; "
                                             "make one with `curve_keygen`"));
  }
}

} // namespace actord
