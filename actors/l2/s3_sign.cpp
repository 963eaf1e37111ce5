#include "actors/l2/s3_sign.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace actord {

namespace {

using digest = std::array<unsigned char, 32>;

std::string_view bytes_of(const digest& value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

digest sha256(std::string_view text) {
  digest result{};
  EVP_Digest(text.data(), text.size(), result.data(), nullptr, EVP_sha256(), nullptr);
  return result;
}

digest hmac(std::string_view key, std::string_view text) {
  digest result{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(), nullptr);
  return result;
}

std::string hex(const digest& value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (auto byte : value) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::string signature(const aws_keys& keys, std::string_view day, std::string_view region,
                      std::string_view text) {
  auto key = hmac("AWS4" + keys.secret_access_key, day);
  for (std::string_view part : {region, std::string_view("s3"), std::string_view("aws4_request")})
    key = hmac(bytes_of(key), part);
  return hex(hmac(bytes_of(key), text));
}

} // namespace

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
                       || (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-'
                       || byte == '~';
    if (plain)
      result += c;
    else
      (result += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return result;
}

std::string canonical_query(const s3_fields& query) {
  s3_fields sorted;
  for (const auto& [name, value] : query)
    sorted.emplace_back(percent_encoded(name), percent_encoded(value));
  std::ranges::sort(sorted);
  std::string result;
  for (const auto& [name, value] : sorted)
    result += (result.empty() ? "" : "&") + name + "=" + value;
  return result;
}

std::string aws_time(int64_t now_s) {
  using namespace std::chrono;
  const sys_seconds at{seconds{now_s}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss clock{at - day};
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::optional<int64_t> parse_iso_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < form.size() + 1 || text.size() > 32 || !text.ends_with('Z'))
    return std::nullopt;
  for (size_t i = 0; i < form.size(); ++i)
    if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
      return std::nullopt;
  auto number = [text](size_t at, size_t count) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + count, value);
    return value;
  };
  int64_t ms = 0;
  auto rest = text.substr(form.size(), text.size() - form.size() - 1);
  if (!rest.empty()) {
    if (rest[0] != '.' || rest.size() == 1
        || rest.find_first_not_of("0123456789", 1) != std::string_view::npos)
      return std::nullopt;
    for (size_t i = 1; i < 4; ++i)
      ms = ms * 10 + (i < rest.size() ? rest[i] - '0' : 0);
  }
  const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                            day{static_cast<unsigned>(number(8, 2))}};
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  const auto at = sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
  return duration_cast<milliseconds>(at.time_since_epoch()).count() + ms;
}

std::string_view aws_keys_error(const aws_keys& keys) {
  auto printable = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  };
  if (keys.access_key_id.empty() || keys.secret_access_key.empty())
    return "a key is empty";
  if (keys.access_key_id.size() > 256 || keys.secret_access_key.size() > 1024
      || keys.session_token.size() > 16 << 10)
    return "a key is too long";
  if (!printable(keys.access_key_id) || !printable(keys.secret_access_key)
      || !printable(keys.session_token) || keys.access_key_id.find('/') != std::string::npos)
    return "a key has a character that no key has";
  return "";
}

std::vector<std::string>
sign_s3(const s3_signable& request, const aws_keys& keys, std::string_view region, int64_t now_s) {
  const auto time = aws_time(now_s);
  const auto day = std::string_view(time).substr(0, 8);
  s3_fields headers{{"host", std::string(request.host)},
                    {"x-amz-content-sha256", std::string(request.payload_hash)},
                    {"x-amz-date", time}};
  if (!keys.session_token.empty())
    headers.emplace_back("x-amz-security-token", keys.session_token);
  std::vector<std::string> result;
  for (const auto& [name, value] : headers)
    if (name != "host") // the client sends that one itself
      result.push_back(name + ": " + value);
  if (request.headers)
    headers.insert(headers.end(), request.headers->begin(), request.headers->end());
  std::ranges::sort(headers);
  std::string canonical, names;
  canonical.append(request.method).append("\n").append(request.path).append("\n");
  canonical.append(request.query ? canonical_query(*request.query) : "").append("\n");
  for (const auto& [name, value] : headers) {
    canonical.append(name).append(":").append(value).append("\n");
    names += (names.empty() ? "" : ";") + name;
  }
  canonical.append("\n").append(names).append("\n").append(request.payload_hash);
  std::string scope;
  scope.append(day).append("/").append(region).append("/s3/aws4_request");
  const auto text = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hex(sha256(canonical));
  result.push_back("authorization: AWS4-HMAC-SHA256 Credential=" + keys.access_key_id + "/" + scope
                   + ",SignedHeaders=" + names
                   + ",Signature=" + signature(keys, day, region, text));
  return result;
}

} // namespace actord
