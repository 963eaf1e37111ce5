#include "observability/tracing/trace_parent.hpp"

#include "observability/tracing/trace_directory.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace actord;

namespace {

const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

TEST_CASE("a traceparent of W3C is read") {
  const auto parent = parse_trace_parent(good, "a=1,b=2");
  REQUIRE(parent);
  CHECK(hex(parent->trace) == "0af7651916cd43dd8448eb211c80319c");
  CHECK(hex(parent->span) == "b7ad6b7169203331");
  CHECK(parent->sampled);
  CHECK(parent->state == "a=1,b=2");
  CHECK_FALSE(parse_trace_parent(good.substr(0, 53) + "00", "")->sampled);
  CHECK(parse_trace_parent("cc" + good.substr(2) + "-what-may-come", ""));
  CHECK(parse_trace_parent(good, "line\nend")->state.empty());
  CHECK(parse_trace_parent(good, std::string(600, 'x'))->state.empty());
}

TEST_CASE("what is no traceparent is none") {
  auto with = [](size_t at, char c) {
    auto text = good;
    text[at] = c;
    return text;
  };
  for (const auto& text :
       {std::string{}, good.substr(0, 54), good + "-00", good + " ", "ff" + good.substr(2),
        with(2, '_'), with(10, 'A'), with(10, 'g'), with(40, '-'), with(35, 'x'), with(54, '\0'),
        "00-00000000000000000000000000000000" + good.substr(35),
        good.substr(0, 36) + "0000000000000000-01"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_trace_parent(text, ""));
  }
}

TEST_CASE("ids do not repeat, whatever the seed") {
  for (const auto& seed : {std::array<uint64_t, 4>{}, {1, 0, 0, 0}, {5, 6, 7, 8}}) {
    span_ids ids{seed};
    std::set<uint64_t> seen;
    for (int i = 0; i < 10'000; ++i) {
      seen.insert(ids.next_span());
      seen.insert(ids.next_trace().low);
    }
    CHECK(seen.size() == 20'000);
    CHECK_FALSE(seen.contains(0));
  }
}

TEST_CASE("a request keeps its trace until its next root, or the one that its client names") {
  trace_directory uut{{1, 2, 3, 4}};
  CHECK_FALSE(uut.find("r"));
  const auto first = uut.context_of("r");
  CHECK(uut.begin_root("r", nullptr) == first);
  CHECK_FALSE(uut.closed_root("r"));
  uut.end_root("r");
  CHECK(uut.closed_root("r") == first);
  CHECK(uut.context_of("r") == first);
  const auto second = uut.begin_root("r", nullptr);
  CHECK(second.trace != first.trace);
  CHECK(uut.begin_root("r", nullptr).trace == second.trace); // another root beside it
  CHECK(uut.begin_root("r", nullptr).span != second.span);
  const auto parent = parse_trace_parent(good, "");
  uut.join("s", *parent);
  CHECK(uut.context_of("s").trace == parent->trace);
  CHECK(uut.begin_root("s", parent.get()) == uut.context_of("s"));
}
