#include "actors/telemetry/http_fetch.hpp"

#include "actors/telemetry/curl_call.hpp"

#include <utility>

namespace actord {

namespace {

constexpr long limit_ms = 2'000;

fetched judge(CURL* handle, CURLcode code, std::string body) {
  using enum fetched::outcome;
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  switch (code) {
    case CURLE_OK:
      if (status == 200)
        return {ok, std::move(body)};
      return {bad_status, "HTTP status " + std::to_string(status)};
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST: return {refused, curl_easy_strerror(code)};
    case CURLE_OPERATION_TIMEDOUT: return {timed_out, "no answer within 2 s"};
    case CURLE_ABORTED_BY_CALLBACK: return {cut_short, ""};
    case CURLE_WRITE_ERROR: return {bad_status, "the page is larger than 1 MiB"};
    default: return {failed, curl_easy_strerror(code)};
  }
}

} // namespace

fetched http_fetch(const std::string& url, const std::atomic<bool>& hurry) {
  const curl_handle handle{curl_easy_init()};
  if (!handle)
    return {fetched::outcome::failed, "libcurl cannot be set up"};
  std::string body;
  prepare_call(handle.get(), url, body, &hurry);
  curl_easy_setopt(handle.get(), CURLOPT_PROXY, ""); // none of the environment: servers are near
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, limit_ms);
  const auto code = curl_easy_perform(handle.get());
  return judge(handle.get(), code, std::move(body));
}

} // namespace actord
