// Where a request ends in the bytes of a connection, decided before anything parses it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace actord::http {

struct frame_limits {
  size_t line_bytes = 4 * 1024;  // request line: method, target, version
  size_t head_bytes = 32 * 1024; // request line and headers
  size_t body_bytes = 8 * 1024 * 1024;
};

/// What the bytes at the front of a connection are.
struct frame {
  enum class state { head_missing, body_missing, complete, refused } found = state::head_missing;
  size_t bytes = 0;            // of the whole request, once the head is there
  bool wants_continue = false; // the client holds back its body until it reads "100 Continue"
  int status = 0;              // refused: what to answer, and why
  std::string reason;
};

/// Finds the first request in `bytes`. Bodies come with a Content-Length; a chunked body is refused
/// with 411, so that no two parsers can disagree about where it ends.
frame find_frame(std::string_view bytes, const frame_limits& limits);

} // namespace actord::http
