#include "actors/gateway/http/access.hpp"

#include <doctest/doctest.h>

using namespace actord::http;

namespace {

constexpr bool loopback = true, reachable = false;

} // namespace

TEST_CASE("without a token loopback serves everything and other addresses only what reads") {
  const access_policy policy;
  for (auto shows : {exposure::open, exposure::metrics, exposure::read, exposure::change})
    CHECK(judge(policy, shows, loopback, "") == verdict::granted);
  CHECK(judge(policy, exposure::open, reachable, "") == verdict::granted);
  CHECK(judge(policy, exposure::read, reachable, "") == verdict::granted);
  CHECK(judge(policy, exposure::change, reachable, "Bearer x") == verdict::refused);
}

TEST_CASE("with a token only probes and metrics go without it, on any address") {
  const access_policy policy{"secret", false};
  for (bool where : {loopback, reachable}) {
    CHECK(judge(policy, exposure::open, where, "") == verdict::granted);
    CHECK(judge(policy, exposure::metrics, where, "") == verdict::granted);
    for (auto shows : {exposure::read, exposure::change}) {
      for (const char* wrong : {"", "secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets",
                                "Bearer Secret", "Basic secret", "Bearer  secret"})
        CHECK(judge(policy, shows, where, wrong) == verdict::needs_token);
      CHECK(judge(policy, shows, where, "Bearer secret") == verdict::granted);
      CHECK(judge(policy, shows, where, "bearer secret") == verdict::granted);
    }
  }
}

TEST_CASE("metrics with a token of their own take that one or the token of the API") {
  const access_policy both{"secret", false, "scrape"}, alone{"", false, "scrape"};
  for (bool where : {loopback, reachable}) {
    for (const auto& policy : {both, alone})
      for (const char* wrong :
           {"", "Bearer ", "Bearer", "Bearer scrap", "scrape", "Bearer scrapes"})
        CHECK(judge(policy, exposure::metrics, where, wrong) == verdict::needs_token);
    CHECK(judge(both, exposure::metrics, where, "Bearer scrape") == verdict::granted);
    CHECK(judge(alone, exposure::metrics, where, "Bearer scrape") == verdict::granted);
    CHECK(judge(both, exposure::metrics, where, "Bearer secret") == verdict::granted);
    CHECK(judge(alone, exposure::metrics, where, "Bearer secret") == verdict::needs_token);
    for (auto shows : {exposure::read, exposure::change})
      CHECK(judge(both, shows, where, "Bearer scrape") == verdict::needs_token);
    CHECK(judge(alone, exposure::read, where, "") == verdict::granted);
  }
}

TEST_CASE("insecure opens all, also beside a token") {
  CHECK(judge({"", true}, exposure::change, reachable, "") == verdict::granted);
  CHECK(judge({"secret", true}, exposure::change, reachable, "") == verdict::granted);
}
