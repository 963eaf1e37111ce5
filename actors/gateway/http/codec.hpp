// Turns the bytes of one complete request into a `request`, and its reply into bytes.
#pragma once

#include "actors/gateway/http/message.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace actord::http {

/// cpp-httplib's parser and writer, without its sockets and threads: there a silent client holds a
/// thread, here it holds a buffer. Thread-safe.
class codec {
public:
  using handler = std::function<reply(const request&)>;

  explicit codec(handler serve);
  ~codec();

  struct outcome {
    std::string bytes; // empty: no answer is possible, close
    bool keep_open = false;
  };

  /// Parses exactly one request, calls the handler, and writes the reply.
  /// @param peer address:port of the client
  /// @param last end the connection after this reply
  outcome serve(std::string_view bytes, const std::string& peer, bool last) const;

private:
  class parser;
  std::unique_ptr<parser> parser_;
};

} // namespace actord::http
