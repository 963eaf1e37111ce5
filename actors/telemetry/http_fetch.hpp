// Fetches a page from a server that is not trusted.
#pragma once

#include <atomic>
#include <memory>
#include <string>

namespace actord {

struct fetched {
  enum class outcome { ok, refused, timed_out, bad_status, failed, cut_short };
  outcome what = outcome::failed;
  std::string text; // the page, or what went wrong
};

/// GET with a limit of 2 s and 1 MiB; follows nothing, uses no proxy. Waits in the calling thread.
/// @param url http:// or https://
/// @param hurry when it turns true, the call ends within a second as `cut_short`
fetched http_fetch(const std::string& url, const std::atomic<bool>& hurry);

} // namespace actord
