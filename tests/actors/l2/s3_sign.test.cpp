#include "actors/l2/s3_sign.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

// The keys and requests of AWS' own examples: "Examples: Signature Calculations" in the S3 API
// reference, section "Authenticating Requests: Using the Authorization Header".
const aws_keys example_keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
                            0, ""};
constexpr int64_t example_s = 1369353600; // 2013-05-24
constexpr std::string_view no_payload
  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string authorization(std::string_view method, std::string_view path, const s3_fields& query,
                          const s3_fields& headers, std::string_view payload_hash) {
  return sign_s3({method, "examplebucket.s3.amazonaws.com", path, &query, &headers, payload_hash},
                 example_keys, "us-east-1", example_s)
    .back();
}

std::string expected(std::string_view names, std::string_view signature) {
  return "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
         "aws4_request,SignedHeaders="
         + std::string(names) + ",Signature=" + std::string(signature);
}

} // namespace

TEST_CASE("requests are signed as in AWS' examples") {
  CHECK(authorization("GET", "/test.txt", {}, {{"range", "bytes=0-9"}}, no_payload)
        == expected("host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
  CHECK(authorization("PUT", "/test%24file.text", {},
                      {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                       {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        == expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  CHECK(authorization("GET", "/", {{"lifecycle", ""}}, {}, no_payload)
        == expected("host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  CHECK(authorization("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, no_payload)
        == expected("host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST_CASE("the headers that are signed are all there, the session token among them") {
  auto keys = example_keys;
  keys.session_token = "a+token/=";
  const auto lines = sign_s3({"PUT", "b.host:9000", "/x"}, keys, "eu-west-1", example_s);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "x-amz-content-sha256: UNSIGNED-PAYLOAD");
  CHECK(lines[1] == "x-amz-date: 20130524T000000Z");
  CHECK(lines[2] == "x-amz-security-token: a+token/=");
  CHECK(lines[3].find("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,")
        != std::string::npos);
  CHECK(lines[3].find(keys.secret_access_key) == std::string::npos);
}

TEST_CASE("everything that goes into a signature changes it") {
  const s3_fields query{{"a", "b"}}, headers{{"range", "bytes=0-1"}};
  const s3_signable base{"GET", "h", "/p", &query, &headers};
  const auto sign = [](const s3_signable& what, const aws_keys& keys = example_keys,
                       std::string_view region = "r", int64_t now_s = 1'700'000'000) {
    return sign_s3(what, keys, region, now_s).back();
  };
  const auto first = sign(base);
  CHECK(sign(base) == first);
  auto other = base;
  other.method = "PUT";
  CHECK(sign(other) != first);
  other = base;
  other.host = "i";
  CHECK(sign(other) != first);
  other = base;
  other.path = "/q";
  CHECK(sign(other) != first);
  other = base;
  other.query = nullptr;
  CHECK(sign(other) != first);
  other = base;
  other.headers = nullptr;
  CHECK(sign(other) != first);
  other = base;
  other.payload_hash = no_payload;
  CHECK(sign(other) != first);
  auto keys = example_keys;
  keys.secret_access_key += "x";
  CHECK(sign(base, keys) != first);
  CHECK(sign(base, example_keys, "s") != first);
  CHECK(sign(base, example_keys, "r", 1'700'000'001) != first);
}

TEST_CASE("a query is sorted by its encoded names and keeps the sign behind an empty value") {
  CHECK(canonical_query({}) == "");
  CHECK(canonical_query({{"uploads", ""}}) == "uploads=");
  CHECK(canonical_query({{"b", "x y/z"}, {"a", "\xc3\xbc&="}, {"B", "1"}})
        == "B=1&a=%C3%BC%26%3D&b=x%20y%2Fz");
}

TEST_CASE("times are written and read as AWS has them") {
  CHECK(aws_time(0) == "19700101T000000Z");
  CHECK(aws_time(1'709'251'199) == "20240229T235959Z");
  CHECK(parse_iso_time("2013-05-24T00:00:00Z") == example_s * 1000);
  CHECK(parse_iso_time("2024-02-29T23:59:59.25Z") == 1'709'251'199'250);
  CHECK(parse_iso_time("1970-01-01T00:00:00.123456Z") == 123);
  for (const char* text : {"", "Z", "2013-05-24", "2013-05-24T00:00:00", "2013-02-30T00:00:00Z",
                           "2013-13-01T00:00:00Z", "2013-05-24T24:00:00Z", "2013-05-24T00:00:00.Z",
                           "2013-05-24T00:00:00,5Z", "2013-05-24 00:00:00Z", "2013-05-24T00:00:0xZ",
                           "+013-05-24T00:00:00Z", "2013-05-24T00:00:00.0000000000000000000Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_iso_time(text));
  }
}

TEST_CASE("keys that could end a header or its form are refused") {
  CHECK(aws_keys_error(example_keys) == "");
  for (const char* bad : {"", "a b", "a\r\nx: y", "a\n", "\xc3\xbc", "a/b", "\x7f"}) {
    auto keys = example_keys;
    keys.access_key_id = bad;
    CAPTURE(bad);
    CHECK(aws_keys_error(keys) != "");
  }
  auto keys = example_keys;
  keys.session_token = "a\r\nb: c";
  CHECK(aws_keys_error(keys) != "");
  keys.session_token = std::string((16 << 10) + 1, 'a');
  CHECK(aws_keys_error(keys) != "");
}
