#include "actors/telemetry/http_fetch.hpp"

#include <curl/curl.h>

#include <memory>

namespace actord {

namespace {

constexpr long limit_ms = 2'000;
constexpr size_t limit_bytes = 1 << 20;

struct easy_deleter {
  void operator()(CURL* handle) const {
    curl_easy_cleanup(handle);
  }
};

extern "C" size_t actord_fetch_body(char* text, size_t, size_t size, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size > limit_bytes)
    return 0; // ends the call
  body.append(text, size);
  return size;
}

extern "C" int actord_fetch_progress(void* hurry, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(hurry)->load(std::memory_order_relaxed) ? 1 : 0;
}

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
    case CURLE_WRITE_ERROR: return {bad_status, "the page is larger than 1 MiB"};
    default: return {failed, curl_easy_strerror(code)};
  }
}

} // namespace

fetched http_fetch(const std::string& url, const std::atomic<bool>& hurry) {
  const std::unique_ptr<CURL, easy_deleter> handle{curl_easy_init()};
  if (!handle)
    return {fetched::outcome::failed, "libcurl cannot be set up"};
  std::string body;
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle.get(), option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, ""); // of the environment: model servers are near
  set(CURLOPT_TIMEOUT_MS, limit_ms);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // do not wait for a name that is being looked up
  set(CURLOPT_WRITEFUNCTION, actord_fetch_body);
  set(CURLOPT_WRITEDATA, &body);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, actord_fetch_progress);
  set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&hurry));
  const auto code = curl_easy_perform(handle.get());
  return judge(handle.get(), code, std::move(body));
}

} // namespace actord
