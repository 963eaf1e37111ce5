#include "actors/l2/s3_call.hpp"

#include <algorithm>
#include <array>

namespace actord {

namespace {

using how = s3_answer::how;

struct remedy {
  std::string_view code, text;
};

constexpr std::array<remedy, 12> remedies{{
  {"NoSuchBucket", "create the bucket or correct s3_endpoint"},
  {"InvalidAccessKeyId", "the server does not know this access key id"},
  {"SignatureDoesNotMatch", "the secret access key does not belong to the access key id, or "
                            "s3_region is not the bucket's"},
  {"AccessDenied", "allow these keys s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, "
                   "s3:DeleteObject, s3:AbortMultipartUpload on its objects"},
  {"ExpiredToken", "the temporary keys have ended; renew them"},
  {"InvalidToken", "the session token does not belong to the keys"},
  {"RequestTimeTooSkewed", "set this machine's clock"},
  {"AuthorizationHeaderMalformed", "set s3_region to the bucket's region"},
  {"PermanentRedirect", "set s3_region and s3_endpoint to the bucket's region"},
  {"TemporaryRedirect", "set s3_region and s3_endpoint to the bucket's region"},
  {"SlowDown", "the server asks for fewer requests; lower cpp.connections"},
  {"QuotaExceeded", "the bucket is full"},
}};

std::string_view remedy_of(const s3_answer& answer) {
  for (const auto& [code, text] : remedies)
    if (answer.code == code)
      return text;
  if (answer.code.empty() && answer.status >= 300 && answer.status < 400)
    return "redirects are not followed: set s3_region and s3_endpoint to the bucket's region";
  return "";
}

} // namespace

std::string describe(const s3_answer& answer) {
  switch (answer.end) {
    case how::answered: break;
    case how::wrong_length: return "an object of another length";
    case how::corrupt: return "an object that does not hold the bytes that were stored";
    case how::timed_out: return "no answer within the time limit";
    case how::unreachable: return "unreachable: " + answer.why;
    case how::broken: return "broken answer: " + answer.why;
    case how::stopped: return "stopped";
  }
  std::string text = "HTTP " + std::to_string(answer.status);
  if (!answer.code.empty())
    text += " " + answer.code;
  if (!answer.region.empty() && (answer.status < 200 || answer.status >= 300))
    text += " (the bucket's region is " + answer.region + ")";
  if (const auto help = remedy_of(answer); !help.empty())
    text.append(": ").append(help);
  return text;
}

bool worth_retrying(const s3_answer& answer) {
  if (answer.lasting)
    return false;
  switch (answer.end) {
    case how::wrong_length:
    case how::corrupt:
    case how::stopped: return false;
    case how::timed_out:
    case how::unreachable:
    case how::broken: return true;
    case how::answered: break;
  }
  constexpr std::array<std::string_view, 8> passing{"SlowDown",           "RequestTimeout",
                                                    "ExpiredToken",       "InternalError",
                                                    "ServiceUnavailable", "Throttling",
                                                    "OperationAborted",   "RequestLimitExceeded"};
  if (answer.status == 501 || answer.status == 505 || answer.status == 507)
    return false;
  return answer.status == 429 || (answer.status >= 500 && answer.status < 600)
         || std::ranges::find(passing, answer.code) != passing.end();
}

int64_t retry_delay_ms(uint32_t failed, uint64_t random) {
  constexpr int64_t first_ms = 50, longest_ms = 5'000;
  const auto doublings = std::min<uint32_t>(failed - 1, 10);
  const auto bound = std::min(longest_ms, first_ms << doublings);
  return static_cast<int64_t>(random % static_cast<uint64_t>(bound + 1));
}

bool blames_keys(const s3_answer& answer) {
  return answer.code == "ExpiredToken" || answer.code == "InvalidAccessKeyId"
         || answer.code == "InvalidToken" || answer.code == "TokenRefreshRequired";
}

} // namespace actord
