#include "observability/trace/request_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace actord::trace;

namespace {

struct contents {
  std::vector<workload_request> requests;
  std::vector<std::string> bad; // LINE: why
  std::string fault;
};

contents read_from(workload_format format, const byte_source& source) {
  contents result;
  result.fault = read_requests(format, source, [&](auto next) {
    if (auto* request = std::get_if<workload_request>(&next)) {
      result.requests.push_back(std::move(*request));
    } else {
      const auto& bad = std::get<bad_request>(next);
      result.bad.push_back(std::to_string(bad.line) + ": " + bad.why);
    }
    return true;
  });
  return result;
}

contents read(workload_format format, std::string_view text) {
  return read_from(format, bytes_of(text));
}

std::string bad_line(std::string_view line) {
  const auto found = read(workload_format::mooncake, line);
  CHECK(found.requests.empty());
  REQUIRE_EQ(found.bad.size(), 1);
  return found.bad[0];
}

constexpr std::string_view good
  = R"({"timestamp": 1500, "input_length": 1030, "output_length": 7, "hash_ids": [4, 0, 9]})";

std::string session(std::string_view requests) {
  return R"({"id": "x", "requests": [)" + std::string{requests} + "]}";
}

} // namespace

TEST_CASE("a line of a mooncake trace is a request") {
  const auto found = read(workload_format::mooncake, good);
  CHECK(found.bad.empty());
  CHECK_EQ(found.fault, "");
  REQUIRE_EQ(found.requests.size(), 1);
  const auto& request = found.requests[0];
  CHECK_EQ(request.t_s, doctest::Approx(1.5));
  CHECK_EQ(request.in_tokens, 1030);
  CHECK_EQ(request.out_tokens, 7);
  CHECK_EQ(request.blocks, std::vector<uint64_t>{4, 0, 9});
}

TEST_CASE("blank lines, other fields and a missing end of line are passed over") {
  const auto found = read(workload_format::mooncake,
                          "\n  \r\n" + std::string{good} + "\r\n"
                            + R"({"more": {"hash_ids": [-1], "timestamp": "x"}, "timestamp": 0.5,)"
                            + R"( "input_length": 0, "output_length": 0, "hash_ids": []})");
  CHECK(found.bad.empty());
  REQUIRE_EQ(found.requests.size(), 2);
  CHECK(found.requests[1].blocks.empty());
}

TEST_CASE("what is wrong with a line is told with the line and the field") {
  const std::string head = R"({"timestamp": 1, "input_length": 2, "output_length": 3, )";
  CHECK_EQ(bad_line("[1]"), "1: an object is due, not a list");
  CHECK_EQ(bad_line("17"), "1: an object is due, not 17");
  CHECK_EQ(bad_line(head), "1: not JSON");
  CHECK_EQ(bad_line(std::string{good} + "x"), "1: not JSON");
  CHECK_EQ(bad_line("{}"), "1: timestamp: missing");
  CHECK_EQ(bad_line(head + "\"x\": 0}"), "1: hash_ids: missing");
  CHECK_EQ(bad_line(head + R"("hash_ids": 3})"), "1: hash_ids: must be a list, not 3");
  CHECK_EQ(bad_line(head + R"("hash_ids": {}})"), "1: hash_ids: must be a list, not an object");
  CHECK_EQ(bad_line(head + R"("hash_ids": [1, -2]})"),
           "1: hash_ids[1]: must be a whole number from 0 to 2^63-1, not -2");
  CHECK_EQ(bad_line(head + R"("hash_ids": [1, 2.5]})"),
           "1: hash_ids[1]: must be a whole number from 0 to 2^63-1, not 2.5");
  CHECK_EQ(bad_line(head + R"("hash_ids": ["7"]})"),
           "1: hash_ids[0]: must be a whole number from 0 to 2^63-1, not a string");
  CHECK_EQ(bad_line(head + R"("hash_ids": [[7]]})"),
           "1: hash_ids[0]: must be a whole number from 0 to 2^63-1, not a list");
  CHECK_EQ(bad_line(head + R"("hash_ids": [9223372036854775808]})"),
           "1: hash_ids[0]: must be a whole number from 0 to 2^63-1, not 9223372036854775808");
  CHECK_EQ(bad_line(head + R"("timestamp": 2, "hash_ids": []})"), "1: timestamp: given twice");
  CHECK_EQ(bad_line(R"({"timestamp": -1})"),
           "1: timestamp: must be a time from 0 on, in 300 years at most, not -1");
  CHECK_EQ(bad_line(R"({"timestamp": 1e300})"),
           "1: timestamp: must be a time from 0 on, in 300 years at most, not 1e300");
  CHECK_EQ(bad_line(R"({"timestamp": null})"),
           "1: timestamp: must be a time from 0 on, in 300 years at most, not null");
  CHECK_EQ(bad_line(R"({"timestamp": [1]})"), "1: timestamp: must be a number, not a list");
  CHECK_EQ(bad_line(R"({"timestamp": 1, "input_length": 1.5})"),
           "1: input_length: must be a whole number of tokens from 0 to 2^40, not 1.5");
  CHECK_EQ(bad_line("\n\n{\"timestamp\": true}"),
           "3: timestamp: must be a time from 0 on, in 300 years at most, not true");
}

TEST_CASE("bad lines end nothing: those around them are read") {
  const std::string line{good};
  const auto found
    = read(workload_format::mooncake, line + "\n{\"timestamp\": 1\n" + line + "\nnull\n" + line);
  CHECK_EQ(found.requests.size(), 3);
  CHECK_EQ(found.bad, std::vector<std::string>{"2: not JSON", "4: an object is due, not null"});
}

TEST_CASE("a line or a list of blocks that is too long is refused, and the rest is read") {
  std::string text = R"({"timestamp": 1, "input_length": 2, "output_length": 3, "hash_ids": [0)";
  auto blocks = text;
  for (size_t i = 0; i < max_request_blocks; ++i)
    blocks += ",1";
  const auto found
    = read(workload_format::mooncake,
           blocks + "]}\n" + text + std::string(max_line_bytes, ' ') + "]}\n" + std::string{good});
  CHECK_EQ(found.requests.size(), 1);
  CHECK_EQ(found.bad, std::vector<std::string>{"1: hash_ids[262144]: more than 262144 blocks",
                                               "2: longer than 8388608 bytes"});
}

TEST_CASE("a session tells its requests, those of sub-agents among them") {
  const auto found
    = read(workload_format::agentic,
           session(R"({"t": 2.5, "in": 100, "out": 5, "type": "n", "hash_ids": [1, 2]},
               {"t": 3, "type": "subagent", "requests": [
                 {"t": 3.5, "in": 64, "out": 1, "hash_ids": [7]}]},
               {"hash_ids": [1], "t": 4, "in": 64, "out": 1})"));
  CHECK_EQ(found.fault, "");
  CHECK(found.bad.empty());
  REQUIRE_EQ(found.requests.size(), 3);
  CHECK_EQ(found.requests[0].t_s, 2.5);
  CHECK_EQ(found.requests[0].blocks, std::vector<uint64_t>{1, 2});
  CHECK_EQ(found.requests[1].t_s, 3.5);
  CHECK_EQ(found.requests[2].in_tokens, 64);
}

TEST_CASE("what is wrong with a request of a session is told with its line and its place") {
  const auto found
    = read(workload_format::agentic, "{\"requests\": [\n"
                                     "{\"t\": 0, \"in\": 1, \"out\": 1, \"hash_ids\": [\n"
                                     "  5,\n"
                                     "  6\n"
                                     "]}, 7,\n"
                                     "{\"t\": 0, \"out\": 1, \"hash_ids\": []},\n"
                                     "{\"t\": 1, \"requests\": [{\"t\": 1, \"in\": 2, \"out\": 3,\n"
                                     "  \"hash_ids\": [1, true]}]}\n"
                                     "]}\n");
  CHECK_EQ(found.fault, "");
  CHECK_EQ(found.requests.size(), 1);
  CHECK_EQ(found.bad,
           std::vector<std::string>{
             "5: requests[1]: must be an object, not 7",
             "6: requests[2].in: missing",
             "8: requests[3].requests[0].hash_ids[1]: must be a whole number from 0 to 2^63-1, not "
             "true",
           });
}

TEST_CASE("a file that is no session is refused as a whole, with the line") {
  const auto fault
    = [](std::string_view text) { return read(workload_format::agentic, text).fault; };
  CHECK_EQ(fault(""), "line 1: not JSON");
  CHECK_EQ(fault("[]"), "line 1: an object is due, not a list");
  CHECK_EQ(fault("{\"id\": 1,\n\"requests\": 5}"), "line 2: requests: must be a list, not 5");
  CHECK_EQ(fault("{\"requests\": {}}"), "line 1: requests: must be a list, not an object");
  CHECK_EQ(fault("{\"requests\": []}\n{}"), "line 2: not JSON");
  CHECK_EQ(fault("{\"x\": " + std::string(70, '[')), "line 1: nested more than 64 deep");
  CHECK_EQ(fault("{}"), "");
}

TEST_CASE("a source that gives one byte at a time is read the same") {
  for (const auto format : {workload_format::mooncake, workload_format::agentic}) {
    const auto text = format == workload_format::mooncake
                        ? std::string{good} + "\nx\n" + std::string{good}
                        : session("{\"t\": 0,\n\"in\": 1, \"out\": 1, \"hash_ids\": [3]}, 5");
    const auto whole = read(format, text);
    auto all = bytes_of(text);
    const auto slow = read_from(format, [&](std::span<char> into) { return all(into.first(1)); });
    REQUIRE_EQ(slow.requests.size(), whole.requests.size());
    CHECK_FALSE(whole.requests.empty());
    CHECK_EQ(slow.requests.back().blocks, whole.requests.back().blocks);
    CHECK_EQ(slow.bad, whole.bad);
    CHECK_EQ(slow.bad.size(), 1);
  }
}

TEST_CASE("whoever wants no more is told no more") {
  for (const auto format : {workload_format::mooncake, workload_format::agentic}) {
    const std::string one = R"({"t": 0, "in": 1, "out": 1, "hash_ids": [3]})";
    const auto text = format == workload_format::mooncake ? std::string{good} + "\n7\n8"
                                                          : session(one + "," + one + ", 7");
    int told = 0;
    CHECK_EQ(read_requests(format, bytes_of(text), [&](auto) { return ++told < 2; }), "");
    CHECK_EQ(told, 2);
  }
}
