#include "actors/telemetry/curl_call.hpp"

namespace actord {

namespace {

constexpr size_t body_limit = 1 << 20;

} // namespace

extern "C" {

static size_t actord_curl_body(char* text, size_t, size_t size, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size > body_limit)
    return 0; // ends the call
  body.append(text, size);
  return size;
}

static int actord_curl_progress(void* hurry, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(hurry)->load(std::memory_order_relaxed) ? 1 : 0;
}
}

void prepare_call(CURL* handle, const std::string& url, std::string& body,
                  const std::atomic<bool>* hurry) {
  auto set = [handle](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // do not wait for a name that is being looked up
  set(CURLOPT_WRITEFUNCTION, actord_curl_body);
  set(CURLOPT_WRITEDATA, &body);
  if (!hurry)
    return;
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, actord_curl_progress);
  set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(hurry));
}

} // namespace actord
