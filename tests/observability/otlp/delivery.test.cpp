// Answers of receivers, and what the lane makes of them in virtual time.
#include "observability/otlp/answer.hpp"
#include "observability/otlp/export_lane.hpp"

#include <doctest/doctest.h>

#include <answer.pb.h>

using namespace actord::otlp;

namespace {

grpc_result grpc(int status, std::string_view message = {}) {
  return {200, status, message, {}, {}};
}

requests load_of(std::initializer_list<size_t> items) {
  requests result;
  for (auto count : items)
    result.ready.push_back({"request of " + std::to_string(count), count});
  return result;
}

const answer done{verdict::done, {}, {}, 0};
const answer later{verdict::retry, "no", {}, 0};

constexpr double middle = 0.5; // no spread

} // namespace

TEST_CASE("the statuses worth another try are those of the protocol") {
  for (int status = 1; status <= 16; ++status) {
    const bool retried = status == 1 || status == 4 || status == 8 || status == 10 || status == 11
                         || status == 14 || status == 15;
    CHECK(judge(grpc(status)).what
          == (retried        ? verdict::retry
              : status == 12 ? verdict::unsupported
                             : verdict::drop));
  }
  for (int status : {429, 502, 503, 504})
    CHECK(judge_http(status, 0, "").what == verdict::retry);
  for (int status : {0, 301, 400, 401, 413, 500, 501})
    CHECK(judge_http(status, 0, "").what == verdict::drop);
  CHECK(judge_http(404, 0, "").what == verdict::unsupported);
  CHECK(judge_http(200, 0, "").what == verdict::done);
  CHECK(judge(grpc(0)).what == verdict::done);
}

TEST_CASE("an answer that is no gRPC is judged by its HTTP status") {
  CHECK(judge({503, {}, {}, {}, {}}).what == verdict::retry);
  CHECK(judge({404, {}, {}, {}, {}}).what == verdict::unsupported);
  CHECK(judge({500, {}, {}, {}, {}}).what == verdict::drop);
  CHECK(judge({200, {}, {}, {}, "<html>"}).what == verdict::drop);
  CHECK(judge({500, 0, {}, {}, {}}).what == verdict::drop);
}

TEST_CASE("a partial success says how many items were not taken, and why") {
  wire::ExportResponse response;
  response.mutable_partial_success()->set_rejected(3);
  response.mutable_partial_success()->set_error_message("too\nold");
  const auto bytes = response.SerializeAsString();
  auto http = judge_http(200, 0, bytes);
  CHECK(http.what == verdict::done);
  CHECK(http.rejected == 3);
  CHECK(http.why == "too?old");
  const auto frame = grpc_frame(bytes, false);
  CHECK(frame.size() == bytes.size() + 5);
  CHECK(judge({200, 0, {}, {}, frame}).rejected == 3);
  CHECK(judge({200, 0, {}, {}, "\xFF\xFF\xFF\xFF\xFFgarbage"}).what == verdict::done);
  CHECK(judge_http(200, 0, "garbage").rejected == 0);
}

TEST_CASE("a gRPC message has its length before it, big endian") {
  CHECK(grpc_frame("abc", false) == std::string("\0\0\0\0\3abc", 8));
  CHECK(grpc_frame(std::string(258, 'x'), true).substr(0, 5) == std::string("\1\0\0\1\2", 5));
}

TEST_CASE("a receiver's wish when to come again is taken from either protocol") {
  // Status{8, "", [Any{".../google.rpc.RetryInfo", RetryInfo{Duration{3, 500000000}}}]}
  wire::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(3);
  info.mutable_retry_delay()->set_nanos(500'000'000);
  wire::Status status;
  auto& detail = *status.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  detail.set_value(info.SerializeAsString());
  CHECK(status.SerializeAsString().size() == 56);
  // What Python's base64 makes of these bytes, without padding as gRPC sends it.
  const std::string encoded = "GjYKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8S"
                              "CgoICAMQgMq17gE";
  auto judged = judge({200, 8, {}, encoded, {}});
  CHECK(judged.retry_after_ms == 3'500);
  for (std::string_view wrong : {"", "####", "AAAA", "/////////w", "GjQKKHR5cGUu"})
    CHECK_FALSE(judge({200, 8, {}, wrong, {}}).retry_after_ms);
  CHECK(judge_http(503, 7, "").retry_after_ms == 7'000);
  CHECK(judge_http(503, INT64_MAX, "").retry_after_ms == 86'400'000);
  for (int64_t none : {int64_t{0}, int64_t{-1}, INT64_MIN})
    CHECK_FALSE(judge_http(503, none, "").retry_after_ms);
}

TEST_CASE("what a receiver says is shown without its control characters, and not at length") {
  auto judged = judge(grpc(3, "b%C3%B6se%0A%1b%zz" + std::string(1'000, 'x')));
  CHECK(judged.why.starts_with("gRPC status 3: b??se??%zzxxx"));
  CHECK(judged.why.size() < 250);
}

TEST_CASE("a refused request is tried again after 1, 2 and 4 seconds, within its time") {
  export_lane lane;
  lane.load(load_of({5}));
  int64_t now_ms = 1'000;
  for (int64_t wait_ms : {1'000, 2'000, 4'000}) {
    REQUIRE(lane.due(now_ms) != nullptr);
    CHECK(lane.settle(later, now_ms, middle) == export_lane::news::none);
    CHECK(lane.next_ms() == now_ms + wait_ms);
    now_ms += wait_ms;
    CHECK(lane.due(now_ms - 1) == nullptr);
  }
  REQUIRE(lane.due(now_ms) != nullptr);
  CHECK(lane.time_left_ms(now_ms) == 3'000); // 10 s in all, 7 gone: 8 more do not fit
  CHECK(lane.settle(later, now_ms, middle) == export_lane::news::gave_up);
  CHECK(lane.empty());
  CHECK(lane.counts().dropped == 5);
  CHECK(lane.counts().retries == 3);
  CHECK(lane.counts().exported == 0);
}

TEST_CASE("a request is tried six times at most, and waits are spread by a fifth") {
  export_lane lane{{.tries = 6, .total_ms = 1'000'000}};
  lane.load(load_of({1}));
  REQUIRE(lane.due(0) != nullptr);
  lane.settle(later, 0, 0.0);
  CHECK(lane.next_ms() == 800);
  REQUIRE(lane.due(800) != nullptr);
  lane.settle(later, 800, 1.0);
  CHECK(lane.next_ms() == 800 + 2'400);
  int tries = 2;
  while (!lane.empty()) {
    ++tries;
    auto now_ms = *lane.next_ms();
    REQUIRE(lane.due(now_ms) != nullptr);
    lane.settle(later, now_ms, middle);
  }
  CHECK(tries == 6);
}

TEST_CASE("the receiver's own delay counts instead of ours, and ends the tries when too long") {
  export_lane lane;
  lane.load(load_of({1}));
  REQUIRE(lane.due(0) != nullptr);
  lane.settle({verdict::retry, "", 300, 0}, 0, middle);
  CHECK(lane.next_ms() == 300);
  REQUIRE(lane.due(300) != nullptr);
  CHECK(lane.settle({verdict::retry, "", 60'000, 0}, 300, middle) == export_lane::news::gave_up);
}

TEST_CASE("requests go one after the other; what is not taken is counted") {
  export_lane lane;
  lane.load(load_of({5, 7, 2}));
  CHECK(lane.due(0)->items == 5);
  lane.settle(done, 0, middle);
  CHECK(lane.due(0)->items == 7);
  CHECK(lane.settle({verdict::done, "old", {}, 3}, 0, middle) == export_lane::news::rejected);
  CHECK(lane.due(0)->items == 2);
  CHECK(lane.settle({verdict::drop, "bad", {}, 0}, 0, middle) == export_lane::news::gave_up);
  CHECK(lane.counts().exported == 9);
  CHECK(lane.counts().dropped == 5);
  lane.load(load_of({1}));
  REQUIRE(lane.due(0) != nullptr);
  lane.settle({verdict::done, "", {}, 1'000'000}, 0, middle); // more than it was sent
  CHECK(lane.counts().dropped == 6);
}

TEST_CASE("newer requests take the place of those that could not be sent") {
  export_lane lane;
  lane.load(load_of({5, 6}));
  REQUIRE(lane.due(0) != nullptr);
  lane.settle(later, 0, middle);
  lane.load(load_of({7}));
  CHECK(lane.counts().dropped == 11);
  REQUIRE(lane.due(500) != nullptr); // the old wait is not the new request's
  CHECK(lane.due(500)->items == 7);
  CHECK(lane.time_left_ms(500) == 10'000);
  requests fresh;
  fresh.oversized = 4;
  lane.load(std::move(fresh));
  CHECK(lane.counts().dropped == 22);
}

TEST_CASE("a request that waited beyond its time is dropped unsent") {
  export_lane lane;
  lane.load(load_of({5, 6}));
  REQUIRE(lane.due(0) != nullptr);
  lane.settle(later, 0, middle);
  CHECK(lane.due(10'000)->items == 6);
  CHECK(lane.counts().dropped == 5);
}

TEST_CASE("a receiver that does not know the signal is left alone for ten minutes") {
  export_lane uut;
  const answer unknown{verdict::unsupported, "HTTP status 404", {}, 0};
  uut.load(load_of({1, 2}));
  REQUIRE(uut.due(0));
  CHECK(uut.settle(unknown, 0, middle) == export_lane::news::paused);
  CHECK(uut.empty());
  CHECK(uut.counts().dropped == 3);
  CHECK(uut.paused(599'999));
  uut.load(load_of({4}));
  CHECK_FALSE(uut.due(1'000));
  CHECK(uut.next_ms() == 600'000);
  CHECK_FALSE(uut.paused(600'000));
  REQUIRE(uut.due(600'000));
  CHECK(uut.settle(done, 600'000, middle) == export_lane::news::none);
  CHECK(uut.counts().exported == 4);
}

TEST_CASE("the last push ends a pause") {
  export_lane uut;
  uut.load(load_of({1}));
  REQUIRE(uut.due(0));
  uut.settle({verdict::unsupported, "", {}, 0}, 0, middle);
  uut.load(load_of({2}));
  uut.try_now();
  CHECK(uut.due(1));
}
