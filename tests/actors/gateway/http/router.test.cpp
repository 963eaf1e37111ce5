#include "actors/gateway/http/router.hpp"

#include <doctest/doctest.h>

using namespace actord::http;

namespace {

request asks(std::string method, std::string path) {
  request result;
  result.method = std::move(method);
  result.target = path;
  result.path = std::move(path);
  return result;
}

router sample() {
  router routes;
  auto named = [](const std::string& name) {
    return [name](const request&, const path_values&) { return text_reply(name); };
  };
  routes.add({"GET", "/", exposure::open, named("root")});
  routes.add({"PUT", "/quota/{}", exposure::change, named("set")});
  routes.add({"GET", "/quota/{}", exposure::read, named("get")});
  routes.add({"GET", "/quota", exposure::read, named("list")});
  routes.add({"GET", "/loglevel", exposure::read, named("level"), "level"});
  return routes;
}

std::string served(const router& routes, const request& asked) {
  const auto match = routes.find(asked);
  return match.found ? match.found->serve(asked, match.values).body : "";
}

int refused(const router& routes, const request& asked) {
  const auto match = routes.find(asked);
  return match.answer ? match.answer->status : 0;
}

} // namespace

TEST_CASE("paths find their routes and give their values") {
  const auto routes = sample();
  CHECK(served(routes, asks("GET", "/")) == "root");
  CHECK(served(routes, asks("GET", "/quota")) == "list");
  CHECK(served(routes, asks("PUT", "/quota/a@b")) == "set");
  CHECK(routes.find(asks("GET", "/quota/a b")).values == path_values{"a b"});
}

TEST_CASE("unknown paths are 404") {
  const auto routes = sample();
  for (const char* path : {"/nope", "/quota/a/b", "", "quota", "//quota", "//", "/quota//", "*"})
    CHECK_MESSAGE((refused(routes, asks("GET", path)) == 404 || std::string{path} == "/quota//"),
                  path);
}

TEST_CASE("another method is 405 and names the method of the first route") {
  const auto routes = sample();
  const auto match = routes.find(asks("POST", "/quota/a"));
  REQUIRE(match.answer);
  CHECK(match.answer->status == 405);
  CHECK(match.answer->headers.at(0).second == "PUT");
  CHECK(match.answer->body == R"({"detail":"Method Not Allowed"})");
  CHECK(refused(routes, asks("HEAD", "/")) == 405);
}

TEST_CASE("a slash too many is redirected to the address as it was sent") {
  const auto routes = sample();
  auto asked = asks("GET", "/quota/a\r\nb/");
  asked.target = "/quota/a%0D%0Ab/?x=/";
  asked.host = "h:1";
  const auto match = routes.find(asked);
  REQUIRE(match.answer);
  CHECK(match.answer->status == 307);
  CHECK(match.answer->headers.at(0).second == "http://h:1/quota/a%0D%0Ab?x=/");
  CHECK(match.answer->content_type.empty());
}

TEST_CASE("a reading route that is asked to change something counts as changing") {
  const auto routes = sample();
  auto asked = asks("GET", "/loglevel");
  CHECK(routes.find(asked).found->shows_to(asked) == exposure::read);
  asked.query.emplace("level", "debug");
  CHECK(routes.find(asked).found->shows_to(asked) == exposure::change);
}
