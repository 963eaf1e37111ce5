#include "observability/trace/plot.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace actord::trace;

namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t result = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++result;
  return result;
}

// Points of the curve of a panel: the first is the hit rate, then median, largest, use of L1.
size_t points(const std::string& svg, size_t which) {
  size_t at = 0;
  for (size_t i = 0; i <= which; ++i)
    at = std::min(svg.find("<path class=\"a\"", at + 1), svg.find("<path class=\"b\"", at + 1));
  const auto end = svg.find("\"/>", at);
  return count(svg.substr(at, end - at), "L") + 1;
}

} // namespace

TEST_CASE("a picture stands for itself and says what it was not told") {
  const auto svg = plot{}.svg("a<b>&\"\x01", true);
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(svg.find("<title>a&lt;b&gt;&amp;&quot;?</title>") != std::string::npos);
  CHECK(count(svg, "no data") == 3);
  CHECK(count(svg, "http") == 1); // nothing is fetched
  CHECK(svg.find("prefers-color-scheme:dark") != std::string::npos);
}

TEST_CASE("each quantity is drawn where there is one") {
  plot drawn;
  drawn.add({"lookup", 2.0, false, 0, 4, 1, 50, 100}, 0);
  drawn.add({"write", 8.0, false, 1, 0, 0, 75, 100}, 1);
  drawn.add({"lookup", 4.0, false, 2, 4, 4, 100, 100}, 2);
  const auto svg = drawn.svg("t", true);
  CHECK(count(svg, "no data") == 0);
  CHECK(points(svg, 0) == 2);
  CHECK(points(svg, 1) == 3);
  CHECK(points(svg, 2) == 3);
  CHECK(points(svg, 3) == 3);
  CHECK(svg.find("10 ms") != std::string::npos); // the axis ends above 8
}

TEST_CASE("a long replay is as many columns as a short one, and no sample changes a sum") {
  plot drawn;
  for (int i = 0; i < 100'000; ++i)
    drawn.add({"lookup", 1.0, false, 0, 2, 1, 1, 2}, i * 3.7);
  const auto svg = drawn.svg("t", true);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(points(svg, i) <= plot::max_columns);
    CHECK(points(svg, i) > plot::max_columns / 3);
  }
  CHECK(svg.size() < 40'000);
}

TEST_CASE("failed calls and times that go back are no trouble") {
  plot drawn;
  drawn.add({"x", 0, true}, 5);
  drawn.add({"x", 1, false}, 1);
  drawn.add({"x", 1, false}, 1e18);
  CHECK(drawn.svg("t", false).find(" s</text>") == std::string::npos);
}
