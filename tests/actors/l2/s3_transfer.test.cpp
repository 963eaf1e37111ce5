#include "actors/l2/s3_transfer.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace actord;

namespace {

/// An attempt that is fed by hand.
struct attempt {
  s3_call call;
  s3_place place{"h", "", "r", ""};
  s3_transfer transfer{s3_handle(curl_easy_init())};

  bool begin() {
    return transfer.begin(call, place, {"id", "secret", "", 0, ""}, 0, 1'000);
  }
  bool header(std::string_view line) {
    return transfer.take_header(line) == line.size();
  }
};

} // namespace

TEST_CASE("headers end at 64 KiB, interim answers among them") {
  for (const std::string& line :
       {"x: " + std::string(1021, 'y'), "HTTP/1.1 100 Continue" + std::string(1003, ' ')}) {
    attempt one;
    REQUIRE(one.begin());
    for (size_t i = 0; i < 64; ++i)
      CHECK(one.header(line));
    CHECK_FALSE(one.header(line));
    const auto answer = one.transfer.end(CURLE_WRITE_ERROR);
    CHECK(answer.end == s3_answer::how::broken);
    CHECK_FALSE(worth_retrying(answer));
  }
}

TEST_CASE("a body never goes beyond the memory for it, nor a text beyond its limit") {
  std::array<std::byte, 8> memory{};
  attempt data;
  data.call.into = std::span(memory).first(4);
  REQUIRE(data.begin());
  CHECK(data.header("HTTP/1.1 200 OK\r\n"));
  CHECK(data.header("\r\n"));
  CHECK(data.transfer.take_body("abc") == 3);
  CHECK(data.transfer.take_body("de") == 0);
  CHECK(data.transfer.end(CURLE_WRITE_ERROR).end == s3_answer::how::wrong_length);
  CHECK(memory[4] == std::byte{0});
  attempt text;
  text.call.answer_limit_bytes = 4;
  REQUIRE(text.begin());
  CHECK(text.header("HTTP/1.1 500 X\r\n"));
  CHECK(text.transfer.take_body("abcd") == 4);
  CHECK(text.transfer.take_body("e") == 0);
}

TEST_CASE("an error page never goes into the memory of an object") {
  std::array<std::byte, 4> memory{};
  attempt one;
  one.call.into = memory;
  REQUIRE(one.begin());
  CHECK(one.header("HTTP/1.1 404 X\r\n"));
  CHECK(one.transfer.take_body("<Error><Code>NoSuchKey</Code></Error>") == 37);
  const auto answer = one.transfer.end(CURLE_OK);
  CHECK(answer.code == "NoSuchKey");
  CHECK(memory[0] == std::byte{0});
}
