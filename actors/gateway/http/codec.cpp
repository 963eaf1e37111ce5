#include "actors/gateway/http/codec.hpp"

#include <httplib.h>

#include <algorithm>
#include <cstring>

namespace actord::http {

namespace {

/// A request that has arrived whole, and the reply as it is written.
class memory_stream final : public httplib::Stream {
public:
  explicit memory_stream(std::string_view input) : input_(input) {
  }

  bool is_readable() const override {
    return true;
  }
  bool is_writable() const override {
    return true;
  }
  ssize_t read(char* to, size_t size) override {
    const auto count = std::min(size, input_.size());
    std::memcpy(to, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, size_t size) override {
    output.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {
  }
  void get_local_ip_and_port(std::string&, int&) const override {
  }
  socket_t socket() const override {
    return -1;
  }

  std::string output;

private:
  std::string_view input_;
};

// Set by `serve` for the handler that runs inside it, on the same thread.
thread_local const std::string* current_peer = nullptr;
thread_local std::string accept_encoding;
thread_local bool reached_handler = false;

request to_request(const httplib::Request& from) {
  request result;
  result.method = from.method;
  result.target = from.target;
  result.path = from.path;
  result.query = {from.params.begin(), from.params.end()};
  result.content_type = from.get_header_value("Content-Type");
  result.authorization = from.get_header_value("Authorization");
  result.host = from.get_header_value("Host");
  result.accept = from.get_header_value("Accept");
  result.accept_encoding = accept_encoding;
  result.body = from.body;
  result.peer = *current_peer;
  return result;
}

void write_reply(reply&& from, httplib::Response& to) {
  to.status = from.status;
  for (const auto& [name, value] : from.headers)
    to.set_header(name, value);
  if (!from.content_type.empty()) {
    to.set_header("Content-Type", from.content_type);
    to.body = std::move(from.body);
  }
}

} // namespace

class codec::parser final : public httplib::Server {
public:
  explicit parser(handler serve) {
    auto route = [serve = std::move(serve)](const httplib::Request& from, httplib::Response& to) {
      reached_handler = true;
      write_reply(serve(to_request(from)), to);
    };
    const auto* everything = R"([\s\S]*)";
    Get(everything, route).Post(everything, route).Put(everything, route);
    Patch(everything, route).Delete(everything, route).Options(everything, route);
    // What the parser refuses itself.
    set_error_handler([](const httplib::Request&, httplib::Response& to) {
      if (!reached_handler)
        write_reply(detail_reply(to.status, std::string{reason_of(to.status)}), to);
    });
    set_default_headers({{"Server", "lmcache-actord"}});
    set_keep_alive_max_count(1'000'000);
  }

  bool process(memory_stream& stream, bool last, bool& closed) {
    return process_request(stream, last, closed, [](httplib::Request& from) {
      // No partial replies, none that the library compresses, and the body is here already.
      accept_encoding = from.get_header_value("Accept-Encoding");
      from.ranges.clear();
      from.headers.erase("Range");
      from.headers.erase("Accept-Encoding");
      from.headers.erase("Expect");
    });
  }
};

codec::codec(handler serve) : parser_(std::make_unique<parser>(std::move(serve))) {
}

codec::~codec() = default;

codec::outcome codec::serve(std::string_view bytes, const std::string& peer, bool last) const {
  current_peer = &peer;
  reached_handler = false;
  memory_stream stream{bytes};
  bool closed = last;
  const bool processed = parser_->process(stream, last, closed);
  // After a request that could not be parsed nothing behind it can be trusted.
  const bool keep_open = processed && !closed && reached_handler;
  return {std::move(stream.output), keep_open};
}

} // namespace actord::http
