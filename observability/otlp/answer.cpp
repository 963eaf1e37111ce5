#include "observability/otlp/answer.hpp"

#include <answer.pb.h>

#include <algorithm>
#include <limits>

namespace actord::otlp {

namespace {

constexpr size_t prefix_bytes = 5; // of a gRPC message
constexpr size_t shown_bytes = 200;
constexpr int64_t most_delay_s = 86'400; // longer than any request lives

constexpr int ok = 0, unknown = 2, permission_denied = 7, unimplemented = 12, internal = 13,
              unavailable = 14, unauthenticated = 16;

/// CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
bool may_retry_grpc(int status) {
  return status == 1 || status == 4 || status == 8 || status == 10 || status == 11
         || status == unavailable || status == 15;
}

bool may_retry_http(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

/// What a gRPC client takes an HTTP status for when the answer says nothing itself.
int grpc_status_of(int http_status) {
  switch (http_status) {
    case 400: return internal;
    case 401: return unauthenticated;
    case 403: return permission_denied;
    case 404: return unimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return unavailable;
    default: return unknown;
  }
}

/// A receiver's text for a log line: what is not printable ASCII as '?'.
std::string shown(std::string_view text) {
  std::string result{text.substr(0, shown_bytes)};
  for (auto& symbol : result)
    if (symbol < ' ' || symbol > '~')
      symbol = '?';
  return result;
}

int digit_of(char symbol, std::string_view digits) {
  const auto place = digits.find(symbol);
  return place == std::string_view::npos ? -1 : static_cast<int>(place);
}

std::string percent_decoded(std::string_view text) {
  auto hex = [](char symbol) {
    const auto digit = digit_of(symbol, "0123456789ABCDEFabcdef");
    return digit > 15 ? digit - 6 : digit;
  };
  std::string result;
  for (size_t i = 0; i < text.size() && result.size() < shown_bytes; ++i) {
    const auto high = text[i] == '%' && i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const auto low = high >= 0 ? hex(text[i + 2]) : -1;
    result += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
    if (low >= 0)
      i += 2;
  }
  return result;
}

/// Of what is no base64, as much as was.
std::string base64_decoded(std::string_view text) {
  constexpr std::string_view digits
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  unsigned bits = 0, count = 0;
  for (auto symbol : text) {
    const auto digit = digit_of(symbol, digits);
    if (digit < 0)
      break;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFF;
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return result;
}

/// The delay that google.rpc.RetryInfo asks for.
std::optional<int64_t> retry_delay_ms(std::string_view status_bytes) {
  wire::Status status;
  if (!status.ParseFromArray(status_bytes.data(), static_cast<int>(status_bytes.size())))
    return std::nullopt;
  for (const auto& detail : status.details()) {
    wire::RetryInfo info;
    if (!detail.type_url().ends_with("/google.rpc.RetryInfo")
        || !info.ParseFromString(detail.value()))
      continue;
    const auto& delay = info.retry_delay();
    if (delay.seconds() < 0 || delay.nanos() < 0)
      continue;
    return std::min<int64_t>(delay.seconds(), most_delay_s) * 1'000 + delay.nanos() / 1'000'000;
  }
  return std::nullopt;
}

answer accepted(std::string_view message) {
  answer result{verdict::done, {}, {}, 0};
  wire::ExportResponse response;
  if (message.size() > std::numeric_limits<int>::max()
      || !response.ParseFromArray(message.data(), static_cast<int>(message.size())))
    return result; // it was taken; what else is said is not understood
  const auto& partial = response.partial_success();
  if (partial.rejected() > 0) {
    result.rejected = partial.rejected();
    result.why = shown(partial.error_message());
  }
  return result;
}

answer refused(bool may_retry, bool known, std::string why) {
  const auto what = !known ? verdict::unsupported : may_retry ? verdict::retry : verdict::drop;
  return {what, std::move(why), {}, 0};
}

} // namespace

answer judge(const grpc_result& result) {
  if (result.http_status == 200 && result.status == ok) {
    if (result.body.size() < prefix_bytes || result.body[0] != 0)
      return accepted({});
    return accepted(result.body.substr(prefix_bytes));
  }
  const auto answered = result.http_status == 200 && result.status;
  const auto status = answered ? *result.status : grpc_status_of(result.http_status);
  auto why = answered ? "gRPC status " + std::to_string(status)
                      : "HTTP status " + std::to_string(result.http_status) + ", no gRPC status";
  if (!result.message.empty())
    why += ": " + shown(percent_decoded(result.message));
  auto judged = refused(may_retry_grpc(status), status != unimplemented, std::move(why));
  if (judged.what == verdict::retry)
    judged.retry_after_ms = retry_delay_ms(base64_decoded(result.details_bin));
  return judged;
}

answer judge_http(int status, int64_t retry_after_s, std::string_view body) {
  if (status >= 200 && status < 300)
    return accepted(body);
  auto judged
    = refused(may_retry_http(status), status != 404, "HTTP status " + std::to_string(status));
  if (judged.what == verdict::retry && retry_after_s > 0)
    judged.retry_after_ms = std::min(retry_after_s, most_delay_s) * 1'000;
  return judged;
}

answer unreachable(std::string_view why) {
  return {verdict::retry, shown(why), {}, 0};
}

std::string grpc_frame(std::string_view message, bool compressed) {
  std::string result(prefix_bytes, '\0');
  result[0] = compressed ? 1 : 0;
  for (size_t i = 1; i < prefix_bytes; ++i)
    result[i] = static_cast<char>(message.size() >> 8 * (prefix_bytes - 1 - i) & 0xFF);
  return result.append(message);
}

} // namespace actord::otlp
