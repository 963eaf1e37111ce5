// What of the s3 store needs no server; the rest: tests/s3/.
#include "actors/l2/s3_backend.hpp"

#include <doctest/doctest.h>

#include <future>

using namespace actord;

namespace {

using how = s3_answer::how;

s3_answer answered(int status, std::string code = "") {
  s3_answer result;
  result.end = how::answered;
  result.status = status;
  result.code = std::move(code);
  return result;
}

s3_answer ended(how end) {
  s3_answer result;
  result.end = end;
  return result;
}

s3_l2_options options() {
  s3_l2_options result;
  result.host = "pool.s3.example.com";
  result.region = "r";
  result.bucket = "pool";
  result.credential_sources = {"static"};
  return result;
}

} // namespace

TEST_CASE("another attempt is made where it may end better") {
  for (int status : {429, 500, 502, 503, 504})
    CHECK(worth_retrying(answered(status)));
  for (int status : {200, 204, 301, 400, 403, 404, 412, 416, 501, 505, 507})
    CHECK_FALSE(worth_retrying(answered(status)));
  CHECK(worth_retrying(answered(400, "RequestTimeout")));
  CHECK(worth_retrying(answered(403, "ExpiredToken")));
  CHECK_FALSE(worth_retrying(answered(403, "AccessDenied")));
  CHECK(worth_retrying(ended(how::timed_out)));
  CHECK(worth_retrying(ended(how::unreachable)));
  CHECK(worth_retrying(ended(how::broken)));
  CHECK_FALSE(worth_retrying(ended(how::wrong_length)));
  CHECK_FALSE(worth_retrying(ended(how::stopped)));
  auto untrusted = ended(how::unreachable);
  untrusted.lasting = true;
  CHECK_FALSE(worth_retrying(untrusted));
}

TEST_CASE("attempts are apart by chance, at most twice as far each time, at most 5 s") {
  for (uint32_t failed = 1; failed <= 21; ++failed) {
    const int64_t bound = failed > 7 ? 5'000 : 50 << (failed - 1);
    int64_t longest = 0, shortest = bound;
    for (uint64_t random = 0; random <= 5'000; ++random) {
      const auto delay_ms = retry_delay_ms(failed, random);
      longest = std::max(longest, delay_ms);
      shortest = std::min(shortest, delay_ms);
    }
    CHECK(longest == bound);
    CHECK(shortest == 0);
  }
}

TEST_CASE("an answer tells the operator what helps, and nothing that the server made up") {
  CHECK(describe(answered(404, "NoSuchBucket"))
        == "HTTP 404 NoSuchBucket: create the bucket or correct s3_endpoint");
  CHECK(describe(answered(418)) == "HTTP 418");
  CHECK(describe(answered(302)).find("redirects are not followed") != std::string::npos);
  auto redirect = answered(301, "PermanentRedirect");
  redirect.region = "eu-west-1";
  redirect.text = "secret of the server";
  CHECK(describe(redirect).find("(the bucket's region is eu-west-1)") != std::string::npos);
  CHECK(describe(redirect).find("secret") == std::string::npos);
}

TEST_CASE("the bucket stands in the host name, or in the path") {
  auto place = place_of(options());
  CHECK(place.host == "pool.s3.example.com");
  CHECK(place.path_prefix == "");
  CHECK(place.tls);
  auto other = options();
  other.path_style = true;
  other.port = 9000;
  other.disable_tls = true;
  place = place_of(other);
  CHECK(place.host == "s3.example.com:9000");
  CHECK(place.path_prefix == "/pool");
  CHECK_FALSE(place.tls);
  other.port = 80;
  CHECK(place_of(other).host == "s3.example.com");
  other.disable_tls = false;
  other.port = 443;
  CHECK(place_of(other).host == "s3.example.com");
}

TEST_CASE("an upload never has more than 10000 parts") {
  CHECK(upload_part_bytes(100, 8) == 8);
  CHECK(upload_part_bytes(80'000, 8) == 8);
  CHECK(upload_part_bytes(80'001, 8) == 9);
  CHECK(upload_part_bytes(UINT64_C(5) << 40, 8 << 20) == 549'755'814);
}

TEST_CASE("a backend that never opened answers every call as failed") {
  s3_backend backend(options(), {1'000, 1'000, 1'000}, aws_world::real(""));
  CHECK(backend.open().find("no AWS keys were found") != std::string::npos);
  object_key key;
  key.model_name = "m";
  key.kv_rank = pack_kv_rank(1, 0);
  std::byte memory[4] = {};
  const auto batch = std::make_shared<const std::vector<l2_item>>(
    std::vector<l2_item>{{to_ref(key, 4), memory, 4}});
  using call = void (s3_backend::*)(l2_batch, l2_backend::done);
  for (call action :
       {&s3_backend::probe, &s3_backend::load, &s3_backend::store, &s3_backend::erase}) {
    std::promise<l2_report> came;
    (backend.*action)(batch, [&](l2_report report) { came.set_value(std::move(report)); });
    const auto report = came.get_future().get();
    CHECK(report.results == std::vector{l2_result::failed});
    CHECK(report.error.find("no keys to sign it with") != std::string::npos);
  }
  std::promise<void> listed;
  backend.scan([&](std::vector<l2_found> page) {
    CHECK(page.empty());
    listed.set_value();
  });
  listed.get_future().wait();
}

TEST_CASE("directory buckets are refused by name") {
  auto other = options();
  other.enable_s3express = true;
  s3_backend backend(other, {}, aws_world::real(""));
  CHECK(backend.open()
        == "s3 bucket 'pool': directory buckets are not built in; set s3_enable_s3express to "
           "false");
}
