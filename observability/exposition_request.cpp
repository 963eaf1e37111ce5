#include "observability/exposition_request.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

namespace actord {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Cuts the text up to a mark off its front, trimmed.
std::string_view next_part(std::string_view& rest, char mark) {
  auto end = rest.find(mark);
  auto part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return trimmed(part);
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& symbol : result)
    symbol = static_cast<char>(std::tolower(static_cast<unsigned char>(symbol)));
  return result;
}

/// One entry of an Accept or Accept-Encoding header.
struct preference {
  std::string name;
  std::string version;
  double q = 1;
};

/// @return 0, never wanted, for what is no number
double parse_q(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  auto valid = error == std::errc{} && end == text.data() + text.size() && value >= 0;
  return valid ? std::min(value, 1.0) : 0;
}

preference parse_preference(std::string_view entry) {
  preference result;
  result.name = lower(next_part(entry, ';'));
  while (!entry.empty()) {
    auto value = next_part(entry, ';');
    auto key = lower(next_part(value, '='));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (key == "q")
      result.q = parse_q(trimmed(value));
    else if (key == "version")
      result.version = trimmed(value);
  }
  return result;
}

std::optional<exposition_format> format_of(const preference& wanted) {
  const auto& [name, version, q] = wanted;
  if (name == "application/openmetrics-text" && (version.empty() || version == "1.0.0"))
    return exposition_format::open_metrics;
  if (name == "text/plain" && version == "1.0.0")
    return exposition_format::text_1_0_0;
  if (name == "text/plain" && (version.empty() || version == "0.0.4"))
    return exposition_format::text_0_0_4;
  if (name == "text/*" || name == "*/*")
    return exposition_format::text_0_0_4;
  return std::nullopt;
}

int hex_digit(char symbol) {
  if (symbol >= '0' && symbol <= '9')
    return symbol - '0';
  auto letter = symbol | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    auto high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    auto low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      result += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      result += text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

bool has_sample(const MetricFamily& family, std::string_view name) {
  if (!name.starts_with(family.name))
    return family.type == MetricType::Counter && family.name == std::string(name) + "_total";
  auto suffix = name.substr(family.name.size());
  auto summed = suffix == "_count" || suffix == "_sum";
  switch (family.type) {
    case MetricType::Histogram: return suffix.empty() || summed || suffix == "_bucket";
    case MetricType::Summary: return suffix.empty() || summed;
    default: return suffix.empty();
  }
}

} // namespace

exposition_format negotiated_format(std::string_view accept) {
  auto result = exposition_format::text_0_0_4;
  double best = 0;
  while (!accept.empty()) {
    auto wanted = parse_preference(next_part(accept, ','));
    auto format = format_of(wanted);
    if (!format || wanted.q <= best)
      continue;
    best = wanted.q;
    result = *format;
  }
  return result;
}

bool accepts_gzip(std::string_view accept_encoding) {
  auto any = false;
  while (!accept_encoding.empty()) {
    auto wanted = parse_preference(next_part(accept_encoding, ','));
    if (wanted.name == "gzip" || wanted.name == "x-gzip")
      return wanted.q > 0;
    if (wanted.name == "*")
      any = wanted.q > 0;
  }
  return any;
}

std::vector<std::string> queried_names(std::string_view query) {
  std::vector<std::string> result;
  while (!query.empty()) {
    auto value = next_part(query, '&');
    if (percent_decoded(next_part(value, '=')) == "name[]" && !value.empty())
      result.push_back(percent_decoded(value));
  }
  return result;
}

std::vector<MetricFamily>
filtered_families(std::vector<MetricFamily> families, const std::vector<std::string>& names) {
  if (names.empty())
    return families;
  std::erase_if(families, [&](const auto& family) {
    return std::none_of(names.begin(), names.end(),
                        [&](const auto& name) { return has_sample(family, name); });
  });
  return families;
}

std::optional<std::string> gzipped(std::string_view text) {
  constexpr int gzip_window = 15 + 16; // the largest window, with the gzip header
  constexpr int memory_level = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY)
      != Z_OK)
    return std::nullopt;
  std::string result(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  auto small = result.size() <= std::numeric_limits<uInt>::max();
  auto status = small ? deflate(&stream, Z_FINISH) : Z_BUF_ERROR;
  result.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END)
    return std::nullopt;
  return result;
}

} // namespace actord
