// What every HTTP call of the telemetry shares.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <memory>
#include <string>

namespace actord {

struct curl_deleter {
  void operator()(CURL* handle) const {
    curl_easy_cleanup(handle);
  }
};
using curl_handle = std::unique_ptr<CURL, curl_deleter>;

/// Sets a call up: http:// and https:// only, no signals, an answer of at most 1 MiB, which ends
/// the call with CURLE_WRITE_ERROR when it is longer.
/// @param body gets the answer; must outlive the call, as must `url` and `hurry`
/// @param hurry when it turns true, the call ends within a second; null: it does not
void prepare_call(CURL* handle, const std::string& url, std::string& body,
                  const std::atomic<bool>* hurry);

} // namespace actord
