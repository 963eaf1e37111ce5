#include "observability/otlp/encode_spans.hpp"

#include <doctest/doctest.h>
#include <trace_service.pb.h>

using namespace actord;
using namespace actord::otlp;

namespace {

namespace wire = opentelemetry::proto::trace::v1;
using export_request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

const resource_attributes resource = {{"service.name", "s"}};

span_record span(std::string_view name, std::string_view scope = "scope") {
  span_record result;
  result.scope = scope;
  result.name = name;
  result.trace = {0x0102030405060708, 0x090a0b0c0d0e0f10};
  result.span = 0x1112131415161718;
  result.start_ns = 1'000;
  result.end_ns = 2'000;
  return result;
}

export_request read(const request& from) {
  export_request result;
  REQUIRE(result.ParseFromString(from.bytes));
  return result;
}

} // namespace

TEST_CASE("a span says what it is in the fields that receivers know") {
  auto record = span("request");
  record.set("text", std::string_view{"a\xff"});
  record.set("whole", int64_t{-5});
  record.set("real", 0.5);
  record.set("truth", true);
  record.set("whole", int64_t{6});
  const auto made = encode_spans(std::vector{record}, resource, 512);
  REQUIRE(made.ready.size() == 1);
  CHECK(made.ready[0].items == 1);
  const auto sent = read(made.ready[0]);
  REQUIRE(sent.resource_spans_size() == 1);
  CHECK(sent.resource_spans(0).resource().attributes(0).value().string_value() == "s");
  REQUIRE(sent.resource_spans(0).scope_spans_size() == 1);
  CHECK(sent.resource_spans(0).scope_spans(0).scope().name() == "scope");
  const auto& uut = sent.resource_spans(0).scope_spans(0).spans(0);
  CHECK(uut.trace_id()
        == std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"));
  CHECK(uut.span_id() == "\x11\x12\x13\x14\x15\x16\x17\x18");
  CHECK(uut.parent_span_id().empty());
  CHECK(uut.name() == "request");
  CHECK(uut.kind() == wire::Span::SPAN_KIND_INTERNAL);
  CHECK(uut.flags() == 0x100);
  CHECK(uut.start_time_unix_nano() == 1'000);
  CHECK(uut.end_time_unix_nano() == 2'000);
  CHECK_FALSE(uut.has_status());
  REQUIRE(uut.attributes_size() == 4);
  CHECK(uut.attributes(0).value().string_value() == "a\xef\xbf\xbd");
  CHECK(uut.attributes(1).value().int_value() == 6);
  CHECK(uut.attributes(2).value().double_value() == 0.5);
  CHECK(uut.attributes(3).value().bool_value());
}

TEST_CASE("a failure is a status and an event; a parent elsewhere is a kind and a flag") {
  auto record = span("mp.store");
  record.parent = 7;
  record.remote_parent = true;
  record.trace_state = "a=1";
  record.failure = span_failure{1'500, "TransferError", "no room", ""};
  const auto sent = read(encode_spans(std::vector{record}, resource, 512).ready.at(0));
  const auto& uut = sent.resource_spans(0).scope_spans(0).spans(0);
  CHECK(uut.parent_span_id() == std::string("\0\0\0\0\0\0\0\7", 8));
  CHECK(uut.kind() == wire::Span::SPAN_KIND_SERVER);
  CHECK(uut.flags() == 0x300);
  CHECK(uut.trace_state() == "a=1");
  CHECK(uut.status().code() == wire::Status::STATUS_CODE_ERROR);
  CHECK(uut.status().message() == "no room");
  REQUIRE(uut.events_size() == 1);
  CHECK(uut.events(0).name() == "exception");
  CHECK(uut.events(0).time_unix_nano() == 1'500);
  REQUIRE(uut.events(0).attributes_size() == 2);
  CHECK(uut.events(0).attributes(0).key() == "exception.type");
  CHECK(uut.events(0).attributes(1).value().string_value() == "no room");
}

TEST_CASE("spans go in batches, those of a scope together, none twice") {
  std::vector<span_record> many;
  for (uint64_t i = 0; i < 10; ++i) {
    many.push_back(span("x", i % 2 ? "odd" : "even"));
    many.back().span = i + 1;
  }
  const auto made = encode_spans(many, resource, 4);
  REQUIRE(made.ready.size() == 3);
  uint64_t next = 0;
  for (const auto& each : made.ready) {
    const auto sent = read(each);
    CHECK(sent.resource_spans(0).scope_spans_size() == 2);
    size_t items = 0;
    for (const auto& scope : sent.resource_spans(0).scope_spans())
      for (const auto& one : scope.spans()) {
        next += static_cast<uint8_t>(one.span_id()[7]);
        ++items;
      }
    CHECK(items == each.items);
  }
  CHECK(next == 55);
}

TEST_CASE("no request is larger than receivers take, and what alone is too large is left out") {
  std::vector<span_record> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back(span("x"));
    many.back().set("text", std::string_view{std::string(500, 'y')});
  }
  auto huge = span("huge");
  for (int i = 0; i < 5; ++i)
    huge.set(std::array{"a", "b", "c", "d", "e"}[static_cast<size_t>(i)],
             std::string_view{std::string(1'000, 'z')});
  many.insert(many.begin() + 3, huge);
  const auto made = encode_spans(many, resource, 512, 2'000);
  CHECK(made.oversized == 1);
  size_t items = 0;
  for (const auto& each : made.ready) {
    CHECK(each.bytes.size() <= 2'000);
    items += each.items;
    CHECK(read(each).resource_spans(0).scope_spans(0).spans_size() == static_cast<int>(each.items));
  }
  CHECK(items == 20);
  CHECK(encode_spans({}, resource, 512).ready.empty());
}

TEST_CASE("whatever the values, receivers read what was written") {
  auto record = span("edges");
  const std::vector<int64_t> whole
    = {0, 1, 127, 128, -1, 16'383, 16'384, INT64_MAX, INT64_MIN, int64_t{1} << 35};
  const std::vector<std::string> keys
    = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"};
  for (size_t i = 0; i < whole.size(); ++i)
    record.set(keys[i], whole[i]);
  for (const size_t length : {0, 1, 126, 127, 128, 129, 1'000})
    record.attributes.push_back({"text", std::string(length, 'x')});
  record.set("zero", 0.0);
  record.set("no", false);
  record.start_ns = INT64_MAX;
  const auto sent = read(encode_spans(std::vector{record}, resource, 1).ready.at(0));
  const auto& uut = sent.resource_spans(0).scope_spans(0).spans(0);
  REQUIRE(uut.attributes_size() == 19);
  for (int i = 0; i < 10; ++i)
    CHECK(uut.attributes(i).value().int_value() == whole[static_cast<size_t>(i)]);
  CHECK(uut.attributes(12).value().string_value().size() == 126);
  CHECK(uut.attributes(14).value().string_value().size() == 128);
  CHECK(uut.attributes(17).value().has_double_value());
  CHECK(uut.attributes(18).value().has_bool_value());
  CHECK(uut.start_time_unix_nano() == static_cast<uint64_t>(INT64_MAX));
}
