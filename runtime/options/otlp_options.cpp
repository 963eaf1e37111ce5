#include "runtime/options/otlp_options.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <optional>

namespace actord {

namespace {

bool is_host_symbol(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.'
         || c == '-' || c == '_';
}

bool is_address_symbol(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':'
         || c == '.';
}

/// A name, an IPv4 address or an IPv6 address in brackets.
bool is_host(std::string_view text) {
  constexpr std::size_t limit = 253;
  if (text.size() > limit)
    return false;
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
    return text.find(':') != std::string_view::npos
           && std::all_of(text.begin(), text.end(), is_address_symbol);
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), is_host_symbol);
}

bool is_path(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '#'; });
}

/// HOST or HOST:PORT with the port made explicit; nothing when it is neither.
std::optional<std::string> with_port(std::string_view text, std::string_view usual_port) {
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  const bool has_port
    = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const auto host = has_port ? text.substr(0, colon) : text;
  const auto port = has_port ? text.substr(colon + 1) : usual_port;
  const bool digits
    = !port.empty() && port.size() <= 5
      && std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_host(host) || !digits)
    return std::nullopt;
  if (const auto number = std::stoul(std::string(port)); number == 0 || number > 65'535)
    return std::nullopt;
  return std::string(host) + ":" + std::string(port);
}

int digit_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result.push_back(text[i]);
      continue;
    }
    const auto high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const auto low = high >= 0 ? digit_of(text[i + 2]) : -1;
    if (low < 0)
      return std::nullopt;
    result.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return result;
}

} // namespace

std::variant<otlp_base_url, std::string>
parse_otlp_endpoint(std::string_view text, otlp_protocol protocol) {
  const bool grpc = protocol == otlp_protocol::grpc;
  const auto remedy = grpc ? std::string("write http://HOST:4317, https://HOST:4317 or HOST:4317")
                           : std::string("write http://HOST:4318 or https://HOST:4318");
  const auto mark = text.find("://");
  auto scheme = to_lower(text.substr(0, mark == std::string_view::npos ? 0 : mark));
  if (mark != std::string_view::npos) {
    if (scheme != "http" && scheme != "https")
      return "unknown scheme; " + remedy;
    text.remove_prefix(mark + 3);
  } else if (grpc) {
    scheme = "http";
  } else {
    return "--otlp-protocol http/protobuf needs a scheme; " + remedy;
  }
  const auto slash = std::min(text.find('/'), text.size());
  auto path = text.substr(slash);
  if (text.find('@') < slash)
    return "names a user; put credentials into OTEL_EXPORTER_OTLP_HEADERS";
  const auto address = with_port(text.substr(0, slash), grpc ? "4317" : "4318");
  if (!address || !is_path(path))
    return "no host and port that could be reached; " + remedy;
  while (path.ends_with('/'))
    path.remove_suffix(1);
  if (grpc && !path.empty())
    return "gRPC takes no path; " + remedy;
  return otlp_base_url{scheme + "://" + *address + std::string(path)};
}

bool parse_attribute_list(std::string_view text, named_attributes& into) {
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty())
      continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos)
      return false;
    auto name = percent_decoded(trimmed(part.substr(0, equals)));
    auto value = percent_decoded(trimmed(part.substr(equals + 1)));
    if (!name || name->empty() || !value)
      return false;
    into.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

} // namespace actord
