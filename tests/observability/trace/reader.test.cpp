#include "tests/observability/trace/lct.hpp"

using namespace actord;
using namespace actord::test;

namespace {

constexpr uint64_t frame_ends[] = {1546, 2012, 2398, 3220, 3627, 4033, 4441}; // sample.lct.json

std::string frame(std::string_view body) {
  std::string result(4, '\0');
  result[2] = static_cast<char>(body.size() >> 8);
  result[3] = static_cast<char>(body.size());
  return result.append(body);
}

trace::header some_header() {
  trace::header head;
  head.level = "events";
  head.t_mono_start = 12.5;
  return head;
}

} // namespace

TEST_CASE("a file of LMCache 0.5.6 is read whole, and written again it is the same bytes") {
  const auto bytes = sample_lct();
  const auto found = read_lct(bytes);
  REQUIRE(found.fault == "");
  CHECK(found.warnings.empty());
  CHECK(found.head.level == "storage");
  CHECK(found.head.t_mono_start == 1072.230294975);
  CHECK(found.head.sm_config_digest
        == "3c240684a43e1f16ce6da0fff05403ecc75b5670d4971ad40737f91a345643f7");
  REQUIRE(found.records.size() == 6);
  CHECK(found.records[0].t_mono == 0.014932751999822358);
  CHECK(found.records[5].qualname.ends_with(".finish_read_prefetched"));
  auto again = trace::encode(found.head);
  for (const auto& record : found.records)
    again += trace::encode(record);
  CHECK(again == bytes);
}

TEST_CASE("of a file that was cut anywhere, everything before the cut is read") {
  const auto bytes = sample_lct();
  for (size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    const auto found = read_lct(std::string_view{bytes}.substr(0, length));
    if (length < frame_ends[0]) {
      CHECK(found.fault.starts_with("trace file 'x.lct': "));
      continue;
    }
    size_t whole = 0;
    while (frame_ends[whole + 1] <= length)
      ++whole;
    CHECK(found.fault == "");
    CHECK(found.records.size() == whole);
    CHECK(found.warnings.size() == (frame_ends[whole] == length ? 0u : 1u));
  }
}

TEST_CASE("a file that ends too early says where") {
  const auto bytes = sample_lct();
  const auto fault = [&](size_t length) { return read_lct(bytes.substr(0, length)).fault; };
  CHECK(fault(0) == "trace file 'x.lct': unexpected EOF reading frame length");
  CHECK(fault(3) == "trace file 'x.lct': truncated frame length prefix at offset 0");
  CHECK(fault(100) == "trace file 'x.lct': truncated frame body at offset 4 (got 96 of 1542)");
  CHECK(read_lct(bytes.substr(0, 1549)).warnings
        == std::vector<std::string>{"TraceReader: truncated frame length prefix at offset 1546"});
  CHECK(read_lct(bytes.substr(0, 1560)).warnings
        == std::vector<std::string>{
          "TraceReader: truncated frame body at offset 1550 (got 10 of 462)"});
}

TEST_CASE("a header of another format is refused by what differs") {
  const auto fault = [](trace::header head) { return read_lct(trace::encode(head)).fault; };
  auto head = some_header();
  head.magic = "LM\x01'";
  CHECK(fault(head) == "trace file 'x.lct': bad magic (got b'LM\\x01\\x27', expected b'LMCT')");
  head = some_header();
  head.format = 2;
  CHECK(fault(head) == "trace file 'x.lct': unsupported format_version 2 (this build expects 1)");
  head = some_header();
  head.schema = 0;
  CHECK(fault(head)
        == "trace file 'x.lct': unsupported trace_schema_version 0 (this build expects 1)");
  CHECK(read_lct(frame("\x81\xa4type\xa6record")).fault.find("is no header") != std::string::npos);
  CHECK(read_lct(frame("\x80")).fault.find("`magic` is missing") != std::string::npos);
  head = some_header();
  head.level = "other";
  CHECK(fault(head) == ""); // replay asks for the level, the reader does not
}

TEST_CASE("frames that are no records are passed over and told") {
  const auto good = trace::encode(trace::record{1, 2, "a.b", {}});
  for (const std::string& bad :
       {std::string(4, '\0'), frame("\xc1"), frame("\x80"), frame("\x81\xa4type\xa5other"),
        frame("\x81\xa4type\xa3gap"), frame("\x80\x80"), frame("\xdf\xff\xff\xff\xff"),
        frame(std::string(200, '\x91')), frame("\x81\x80\x01")}) {
    const auto found = read_lct(trace::encode(some_header()) + good + bad + good);
    CAPTURE(bad.size());
    CHECK(found.fault == "");
    CHECK(found.records.size() == 2);
    REQUIRE(found.warnings.size() == 1);
    const auto after = trace::encode(some_header()).size() + good.size() + bad.size();
    CHECK(found.warnings[0].starts_with("TraceReader: skipping malformed record at offset "
                                        + std::to_string(after) + ": "));
  }
}

TEST_CASE("fields may come in another order, unknown ones too, ints where floats are due") {
  std::string body = "\x85\xa4"
                     "args\x80\xa8qualname\xa1q\xa6t_wall\xcc\xff\xa6t_mono\x07\xa3new\xc0";
  const auto found = read_lct(trace::encode(some_header()) + frame(body));
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].t_mono == 7);
  CHECK(found.records[0].t_wall == 255);
}

TEST_CASE("gaps add up and are no records") {
  const auto found
    = read_lct(trace::encode(some_header()) + trace::encode(trace::gap{1, 2, 3})
               + trace::encode(trace::record{1, 2, "a", {}}) + trace::encode(trace::gap{1, 2, 4}));
  CHECK(found.lost == 7);
  CHECK(found.records.size() == 1);
  CHECK(found.warnings.empty());
}

TEST_CASE("a frame that is too long is passed over, whatever it holds") {
  std::string big("\x08\x00\x00\x01", 4); // 128 MiB + 1
  const auto start = trace::encode(some_header());
  CHECK(read_lct(start + big).warnings.size() == 1);
  const auto found = read_lct(start + big + std::string((128 << 20) + 1, 'x')
                              + trace::encode(trace::record{1, 2, "a", {}}));
  CHECK(found.records.size() == 1);
  CHECK(found.warnings.size() == 1);
}
