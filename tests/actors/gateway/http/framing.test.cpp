#include "actors/gateway/http/framing.hpp"

#include <doctest/doctest.h>

using namespace actord::http;

namespace {

using state = frame::state;

frame found(std::string_view bytes) {
  return find_frame(bytes, {64, 256, 100});
}

} // namespace

TEST_CASE("a request without a body ends with its head") {
  const std::string one = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto frame = found(one + one);
  CHECK(frame.found == state::complete);
  CHECK(frame.bytes == one.size());
}

TEST_CASE("every proper prefix of a request is incomplete") {
  const std::string whole = "POST /a HTTP/1.1\r\ncontent-LENGTH: 4\r\n\r\nbody";
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto frame = found(std::string_view{whole}.substr(0, size));
    CHECK(frame.found == (size < whole.size() - 4 ? state::head_missing : state::body_missing));
  }
  CHECK(found(whole).found == state::complete);
  CHECK(found(whole).bytes == whole.size());
}

TEST_CASE("a body that is announced too large is refused before it arrives") {
  const auto frame = found("POST /a HTTP/1.1\r\nContent-Length: 101\r\n\r\n");
  CHECK(frame.found == state::refused);
  CHECK(frame.status == 413);
  CHECK(found("POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n").status == 400);
}

TEST_CASE("a length that is not one decimal number is refused") {
  for (const char* length : {"", "-1", "+1", "0x1", "1 1", "1,1", "1\r\nContent-Length: 1"})
    CHECK(found("POST / HTTP/1.1\r\nContent-Length: " + std::string{length} + "\r\n\r\n").status
          == 400);
}

TEST_CASE("chunked bodies are refused, so that nobody can disagree about their end") {
  CHECK(found("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n").status
        == 411);
}

TEST_CASE("heads and request lines have limits, complete or not") {
  const std::string line = "GET /" + std::string(64, 'x');
  CHECK(found(line).status == 414);
  CHECK(found(line + " HTTP/1.1\r\n\r\n").status == 414);
  const std::string head = "GET / HTTP/1.1\r\nA: " + std::string(256, 'x');
  CHECK(found(head).status == 431);
  CHECK(found(head + "\r\n\r\n").status == 431);
}

TEST_CASE("a client that waits for permission to send its body is noticed once") {
  const std::string head = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  CHECK(found(head).wants_continue);
  CHECK(!found(head + "a").wants_continue);
}
