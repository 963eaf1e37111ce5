#include "actors/gateway/http/codec.hpp"

#include "actors/gateway/http/framing.hpp"
#include "actors/gateway/http/process_facts.hpp"
#include "actors/gateway/http/routes.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace actord::http;

namespace {

struct exchange {
  request seen;
  codec::outcome outcome;
};

exchange served(const std::string& bytes, reply answer = text_reply("yes")) {
  exchange result;
  codec one([&](const request& asked) {
    result.seen = asked;
    return answer;
  });
  result.outcome = one.serve(bytes, "10.0.0.1:99", false);
  return result;
}

} // namespace

TEST_CASE("a request is taken apart") {
  const auto got = served("PUT /a%20b/c?x=1&x=2&y=%41 HTTP/1.1\r\nHost: h\r\n"
                          "Content-Type: application/json\r\nAuthorization: Bearer t\r\n"
                          "Content-Length: 2\r\n\r\n{}");
  CHECK(got.seen.method == "PUT");
  CHECK(got.seen.path == "/a b/c");
  CHECK(got.seen.target == "/a%20b/c?x=1&x=2&y=%41");
  CHECK(*got.seen.parameter("x") == "2");
  CHECK(*got.seen.parameter("y") == "A");
  CHECK(got.seen.parameter("z") == nullptr);
  CHECK(got.seen.host == "h");
  CHECK(got.seen.authorization == "Bearer t");
  CHECK(got.seen.body == "{}");
  CHECK(got.seen.peer == "10.0.0.1:99");
  CHECK(got.outcome.keep_open);
}

TEST_CASE("replies are neither compressed nor cut, whatever the client would take") {
  const std::string text(5000, 'x');
  const auto got = served("GET / HTTP/1.1\r\nAccept-Encoding: gzip, br\r\nRange: bytes=0-1\r\n\r\n",
                          text_reply(text));
  CHECK(got.outcome.bytes.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(got.outcome.bytes.ends_with("\r\n\r\n" + text));
}

TEST_CASE("a body that waited for permission is answered once") {
  const auto got = served("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx");
  CHECK(got.outcome.bytes.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("bodies pass whatever they claim to be") {
  for (const char* type : {"application/x-www-form-urlencoded", "text/plain", "application/json"})
    CHECK(served("PUT / HTTP/1.1\r\nContent-Type: " + std::string{type}
                 + "\r\nContent-Length: 3\r\n\r\na=b")
            .seen.body
          == "a=b");
}

TEST_CASE("the client decides whether the connection stays") {
  CHECK(!served("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").outcome.keep_open);
  CHECK(!served("GET / HTTP/1.0\r\n\r\n").outcome.keep_open);
}

TEST_CASE("what is no request is answered 400 and ends the connection") {
  for (const char* bytes : {"garbage\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n",
                            "\x16\x03\x01\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"}) {
    const auto got = served(bytes);
    CHECK_MESSAGE(got.outcome.bytes.starts_with("HTTP/1.1 400 Bad Request\r\n"), bytes);
    CHECK(!got.outcome.keep_open);
  }
}

TEST_CASE("the longest path that is let through is routed") {
  const std::string path(frame_limits{}.line_bytes - 14, 'x');
  const auto got = served("GET /" + path + " HTTP/1.1\r\n\r\n");
  CHECK(got.seen.path == "/" + path);
}

TEST_CASE("routes that nothing stands behind answer as recorded") {
  std::ifstream file{ACTORD_TEST_DATA "/http_samples.json"};
  REQUIRE(file.good());
  router routes;
  add_reconfigure_routes(routes);
  size_t checked = 0;
  const auto recorded = json::parse(file);
  for (const auto& sample : recorded["samples"]) {
    const auto path = sample["request"]["path"].get<std::string>();
    if (!path.starts_with("/reconfigure/"))
      continue;
    request asked;
    asked.method = sample["request"]["method"];
    asked.path = asked.target = path;
    if (sample["request"].contains("json")) {
      asked.body = to_text(sample["request"]["json"]);
      asked.content_type = "application/json";
    }
    const auto match = routes.find(asked);
    REQUIRE_MESSAGE(match.found, path);
    const auto got = match.found->serve(asked, match.values);
    CHECK_MESSAGE(got.status == sample["response"]["status"].get<int>(), sample["label"].dump());
    CHECK_EQ(got.body, to_text(sample["response"]["json"]));
    ++checked;
  }
  CHECK(checked == 13);
}

TEST_CASE("secrets of the environment are not shown") {
  for (const char* name : {"API_KEY", "HF_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY"})
    CHECK(shown_value(name, "x") == "***");
  CHECK(shown_value("REDIS_URL", "redis://user:pw@host/0") == "***");
  CHECK(shown_value("GIT_URL", "https://ghp_abc@host/x") == "***");
  CHECK(shown_value("URLS", "http://a/ redis://:pw@b") == "***");
  CHECK(shown_value("DSN", "host=db user=x password=pw") == "***");
  for (const char* name : {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"})
    CHECK(shown_value(name, "authorization=Bearer%20x") == "***");
  CHECK(shown_value("HOME_URL", "http://host/a@b:c") == "http://host/a@b:c");
  CHECK(shown_value("HOME", "/root") == "/root");
}
