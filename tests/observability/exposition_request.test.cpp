#include "observability/exposition_request.hpp"

#include <doctest/doctest.h>

#include <zlib.h>

using namespace actord;

namespace {

using enum exposition_format;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::string inflated(const std::string& packed, size_t size) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string result(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  inflateEnd(&stream);
  return result;
}

std::vector<std::string> kept(const std::vector<std::string>& names) {
  std::vector<MetricFamily> all{{"c_total", "", MetricType::Counter, {}},
                                {"g", "", MetricType::Gauge, {}},
                                {"g_more", "", MetricType::Gauge, {}},
                                {"h", "", MetricType::Histogram, {}},
                                {"s", "", MetricType::Summary, {}}};
  std::vector<std::string> result;
  for (const auto& family : filtered_families(all, names))
    result.push_back(family.name);
  return result;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("the format of the highest quality is taken, text 0.0.4 without a known one") {
  for (auto accept : {"", "*/*", "text/plain", "text/plain;version=0.0.4", "text/*", "image/png",
                      "text/html, */*;q=0.8", "application/openmetrics-text;version=0.0.1",
                      "application/openmetrics-text;q=0", "application/openmetrics-text;q=x",
                      "application/openmetrics-text;q=-1", ",;=,;q", "text/plain;version=7"}) {
    CAPTURE(accept);
    CHECK(negotiated_format(accept) == text_0_0_4);
  }
  for (auto accept : {"text/plain;version=1.0.0", "TEXT/Plain ; VERSION=\"1.0.0\"",
                      "text/plain;version=0.0.4;q=0.3,text/plain;version=1.0.0;q=0.4"}) {
    CAPTURE(accept);
    CHECK(negotiated_format(accept) == text_1_0_0);
  }
  for (auto accept :
       {"application/openmetrics-text", "application/openmetrics-text;version=1.0.0",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
        "*/*;q=0.2",
        "text/plain;q=0.5, application/openmetrics-text;q=0.9",
        "application/openmetrics-text, text/plain"}) {
    CAPTURE(accept);
    CHECK(negotiated_format(accept) == open_metrics);
  }
}

TEST_CASE("each format names its content type") {
  CHECK(content_type_of(text_0_0_4) == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(content_type_of(text_1_0_0)
        == "text/plain; version=1.0.0; charset=utf-8; escaping=underscores");
  CHECK(content_type_of(open_metrics)
        == "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST_CASE("gzip is used where it is wanted, and not where it is refused") {
  for (auto header : {"gzip", "deflate, GZIP;q=0.5", "*", "x-gzip", "br;q=1, *;q=0.1"})
    CHECK(accepts_gzip(header));
  for (auto header : {"", "identity", "gzip;q=0", "*;q=0", "*, gzip;q=0", "gzipped"})
    CHECK(!accepts_gzip(header));
}

TEST_CASE("names are read from a query, encoded or not") {
  CHECK(queried_names("") == names{});
  CHECK(queried_names("name[]=a&name%5B%5D=b%5fc&x=1&name=d&name[]=") == names{"a", "b_c"});
  CHECK(queried_names("name%5b%5d=a%2") == names{"a%2"});
  CHECK(queried_names("name[]=a%zz+b&&&") == names{"a%zz b"});
}

TEST_CASE("only families with a named sample stay") {
  CHECK(kept({}).size() == 5);
  CHECK(kept({"nothing"}) == names{});
  CHECK(kept({"c_total"}) == names{"c_total"});
  CHECK(kept({"c"}) == names{"c_total"});
  CHECK(kept({"g"}) == names{"g"});
  CHECK(kept({"h_bucket"}) == names{"h"});
  CHECK(kept({"h_sum", "g_more"}) == names{"g_more", "h"});
  CHECK(kept({"s_count"}) == names{"s"});
  CHECK(kept({"s_bucket", "g_sum", "h_total"}) == names{});
}

TEST_CASE("compressed text unpacks to itself and packs to the same bytes") {
  for (size_t size : {0, 1, 1000, 200000}) {
    std::string text;
    for (size_t i = 0; i < size; ++i)
      text += static_cast<char>('a' + i * i % 17);
    auto packed = gzipped(text);
    REQUIRE(packed);
    CHECK(packed->substr(0, 2) == "\x1f\x8b");
    CHECK(inflated(*packed, size) == text);
    CHECK(packed == gzipped(text));
  }
}
