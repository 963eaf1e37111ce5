#include "observability/otel_resource.hpp"

#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a daemon names its kit, its instance and its service") {
  CHECK(otel_resource("id-1", "0.1", {})
        == resource_attributes{{"telemetry.sdk.language", "cpp"},
                               {"telemetry.sdk.name", "lmcache-actord"},
                               {"telemetry.sdk.version", "0.1"},
                               {"service.instance.id", "id-1"},
                               {"service.name", "lmcache-mp"}});
}

TEST_CASE("what the operator names stands before instance and service, and never twice") {
  auto named = otel_resource("id-1", "0.1",
                             {{"zone", "a"},
                              {"service.instance.id", "other"},
                              {"service.name", "first"},
                              {"zone", "b"},
                              {"service.name", "cache"}});
  REQUIRE(named.size() == 6);
  CHECK(named[3] == resource_attributes::value_type{"zone", "b"});
  CHECK(named[4].second == "other");
  CHECK(named[5].second == "cache");
}

TEST_CASE("a resource reads as JSON, whatever its bytes") {
  CHECK(resource_text({{"a", "b\xFF"}}) == "{\"a\":\"b\xEF\xBF\xBD\"}");
}
