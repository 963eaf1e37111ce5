#include "actors/l2/aws_keyring.hpp"

#include <doctest/doctest.h>

#include <future>
#include <map>

using namespace actord;

namespace {

constexpr int64_t now_ms = 1'700'000'000'000;
const std::string key_json
  = R"({"Code":"Success","AccessKeyId":"id","SecretAccessKey":"sec","Token":"tok",)"
    R"("Expiration":"2030-01-01T00:00:00Z"})";

/// A world of tables, which notes what was asked of it.
struct fake_world {
  std::map<std::string, std::string> variables, files;
  std::map<std::string, aws_http_answer> pages; // by method and URL
  std::vector<aws_http_ask> asked;

  aws_world world() {
    aws_world result;
    result.variable = [this](const std::string& name) { return find(variables, name); };
    result.file = [this](const std::string& path) { return find(files, path); };
    result.http = [this](const aws_http_ask& ask) {
      asked.push_back(ask);
      const auto found = pages.find(ask.method + " " + ask.url);
      return found == pages.end() ? aws_http_answer{0, "", "refused"} : found->second;
    };
    result.now_ms = [] { return now_ms; };
    return result;
  }

  static std::optional<std::string>
  find(const std::map<std::string, std::string>& in, const std::string& name) {
    const auto found = in.find(name);
    return found == in.end() ? std::nullopt : std::optional{found->second};
  }
};

s3_l2_options asking(std::vector<std::string> sources) {
  s3_l2_options options;
  options.region = "eu-west-1";
  options.credential_sources = std::move(sources);
  return options;
}

s3_l2_options asking_all() {
  return asking(
    {"static", "environment", "profile", "web_identity", "container", "instance_metadata"});
}

std::string texts(const aws_keys& keys) {
  return keys.access_key_id + "," + keys.secret_access_key + "," + keys.session_token;
}

} // namespace

TEST_CASE("sources are asked in their order, and the first that has keys wins") {
  fake_world around;
  around.variables = {{"AWS_ACCESS_KEY_ID", "env"}, {"AWS_SECRET_ACCESS_KEY", "e"}, {"HOME", "/h"}};
  around.files = {{"/h/.aws/credentials", "[default]\naws_access_key_id=file\n"
                                          "aws_secret_access_key=f\n"}};
  auto options = asking_all();
  CHECK(find_aws_keys(options, around.world()).keys->source == "environment");
  options.access_key_id = options.secret_access_key = "s";
  CHECK(find_aws_keys(options, around.world()).keys->source == "static");
  options.credential_sources = {"profile", "static"};
  CHECK(find_aws_keys(options, around.world()).keys->access_key_id == "file");
  CHECK(around.asked.empty());
}

TEST_CASE("where there are none, every source says why, and no key is shown") {
  fake_world around;
  around.variables = {{"AWS_ACCESS_KEY_ID", "bad id"}, {"AWS_SECRET_ACCESS_KEY", "bad\nsecret"}};
  const auto found = find_aws_keys(asking_all(), around.world());
  CHECK_FALSE(found.keys);
  for (const char* word : {"static: ", "environment: a key has a character", "profile: no HOME",
                           "web_identity: no AWS_WEB_IDENTITY_TOKEN_FILE", "container: no AWS_",
                           "instance_metadata: the instance's service: refused"})
    CHECK(found.why.find(word) != std::string::npos);
  CHECK(found.why.find("bad") == std::string::npos);
}

TEST_CASE("a section of an AWS file is read as the AWS clients read it") {
  const std::string text = "# comment\n; another\naws_access_key_id = outside\n[default]\r\n"
                           "aws_access_key_id = a=b \r\naws_secret_access_key=s/+=\r\n"
                           "s3 =\n  aws_access_key_id = nested\n\n[ other ]\n"
                           "aws_access_key_id=o\naws_secret_access_key=p\naws_session_token=t\n"
                           "[role]\nrole_arn = x\n[half]\naws_access_key_id=h";
  CHECK(texts(*parse_aws_file(text, "default").keys) == "a=b,s/+=,");
  CHECK(texts(*parse_aws_file(text, "other").keys) == "o,p,t");
  CHECK(parse_aws_file(text, "role").why.find("role_arn is not supported") != std::string::npos);
  CHECK(parse_aws_file(text, "half").why == "section [half] has no keys");
  CHECK(parse_aws_file(text, "none").why == "no section [none]");
  CHECK_FALSE(parse_aws_file("", "default").keys);
}

TEST_CASE("the profile and its files are those that options and environment name") {
  fake_world around;
  const std::string keys = "aws_access_key_id=x\naws_secret_access_key=y\n";
  around.files = {{"/c", "[p]\n" + keys}, {"/h/.aws/config", "[profile q]\n" + keys}};
  around.variables = {{"HOME", "/h"}, {"AWS_SHARED_CREDENTIALS_FILE", "/c"}};
  CHECK(profile_aws_keys("p", around.world()).keys);
  CHECK(profile_aws_keys("q", around.world()).keys);
  CHECK_FALSE(profile_aws_keys("default", around.world()).keys);
  around.variables["AWS_PROFILE"] = "q";
  CHECK(profile_aws_keys("default", around.world()).keys);
  CHECK(profile_aws_keys("p", around.world()).keys);
  around.variables["AWS_CONFIG_FILE"] = "/nope";
  CHECK(profile_aws_keys("q", around.world()).why.find("/nope: cannot be read")
        != std::string::npos);
}

TEST_CASE("a web identity is exchanged at the region's STS") {
  fake_world around;
  around.variables
    = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}, {"AWS_ROLE_ARN", "arn:aws:iam::1:r/x"}};
  around.files = {{"/t", "a.b+c\n"}};
  auto& answer = around.pages["POST https://sts.eu-west-1.amazonaws.com/"];
  answer = {200,
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
            "<AccessKeyId>id</AccessKeyId><SecretAccessKey>sec</SecretAccessKey>"
            "<SessionToken>tok</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>"
            "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
            ""};
  const auto found = web_identity_aws_keys("eu-west-1", around.world());
  REQUIRE(found.keys);
  CHECK(texts(*found.keys) == "id,sec,tok");
  CHECK(found.keys->expires_ms == 1'893'456'000'000);
  CHECK(around.asked[0].body
        == "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Ar%2Fx&"
           "RoleSessionName=lmcache-actord&Version=2011-06-15&WebIdentityToken=a.b%2Bc");
  answer = {403, "<Error><Code>AccessDenied</Code></Error>", ""};
  CHECK(web_identity_aws_keys("eu-west-1", around.world()).why
        == "https://sts.eu-west-1.amazonaws.com/: HTTP 403 AccessDenied");
  answer = {200, "<a/>", ""};
  CHECK_FALSE(web_identity_aws_keys("eu-west-1", around.world()).keys);
  around.files.clear();
  CHECK(web_identity_aws_keys("eu-west-1", around.world()).why == "/t cannot be read or is empty");
  web_identity_aws_keys("cn-north-1", around.world());
}

TEST_CASE("a container's keys come from its service, with its token") {
  fake_world around;
  around.variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}};
  around.pages["GET http://169.254.170.2/v2/x"] = {200, key_json, ""};
  CHECK(texts(*container_aws_keys(around.world()).keys) == "id,sec,tok");
  around.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:99/k"},
                      {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"}};
  around.files = {{"/t", "secret token\n"}};
  around.pages["GET http://127.0.0.1:99/k"] = {200, key_json, ""};
  CHECK(container_aws_keys(around.world()).keys);
  CHECK(around.asked.back().headers == std::vector<std::string>{"Authorization: secret token"});
  around.files = {{"/t", "a\r\nx: y"}};
  CHECK_FALSE(container_aws_keys(around.world()).keys);
}

TEST_CASE("a container's service in plain HTTP must be near") {
  for (const char* url : {"http://example.com/k", "http://127.0.0.1.example.com/",
                          "http://127.0.0.1@example.com/", "ftp://127.0.0.1/", "file:///etc/passwd",
                          "http://169.254.170.20/", "http://localhost.x/"}) {
    fake_world around;
    around.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}};
    around.pages["GET " + std::string(url)] = {200, key_json, ""};
    CAPTURE(url);
    CHECK_FALSE(container_aws_keys(around.world()).keys);
    CHECK(around.asked.empty());
  }
}

TEST_CASE("an instance's keys need a session with its service") {
  fake_world around;
  around.variables = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://imds/"}};
  const std::string base = "http://imds/latest/meta-data/iam/security-credentials/";
  around.pages = {{"PUT http://imds/latest/api/token", {200, "tok en", ""}},
                  {"GET " + base, {200, "my role\nother\n", ""}},
                  {"GET " + base + "my%20role", {200, key_json, ""}}};
  CHECK(instance_aws_keys(around.world()).keys);
  REQUIRE(around.asked.size() == 3);
  CHECK(around.asked[2].headers == std::vector<std::string>{"X-aws-ec2-metadata-token: tok en"});
  around.pages["GET " + base] = {404, "", ""};
  CHECK(instance_aws_keys(around.world()).why == "the instance has no role: HTTP 404");
  around.pages["PUT http://imds/latest/api/token"] = {200, "a\nb", ""};
  CHECK_FALSE(instance_aws_keys(around.world()).keys);
  around.variables["AWS_EC2_METADATA_DISABLED"] = "True";
  around.asked.clear();
  CHECK(instance_aws_keys(around.world()).why == "AWS_EC2_METADATA_DISABLED");
  CHECK(around.asked.empty());
}

TEST_CASE("an answer without usable keys is none") {
  CHECK(parse_key_json(key_json).keys);
  for (const char* text :
       {"", "[]", "null", "{", "{}", R"({"AccessKeyId":1})",
        R"({"AccessKeyId":"a","SecretAccessKey":"b"})",
        R"({"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"soon"})",
        R"({"AccessKeyId":"","SecretAccessKey":"b","Expiration":"2030-01-01T00:00:00Z"})",
        R"({"AccessKeyId":"a\r\nb","SecretAccessKey":"b","Expiration":"2030-01-01T00:00:00Z"})",
        R"({"Code":"Failed","AccessKeyId":"a","SecretAccessKey":"b",)"
        R"("Expiration":"2030-01-01T00:00:00Z"})"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_key_json(text).keys);
  }
}

TEST_CASE("keys are renewed five minutes before they end, or half-way where that is soon") {
  aws_keys keys;
  CHECK_FALSE(renewal_delay_ms(keys, now_ms));
  keys.expires_ms = now_ms + 3'600'000;
  CHECK(renewal_delay_ms(keys, now_ms) == 3'300'000);
  keys.expires_ms = now_ms + 60'000;
  CHECK(renewal_delay_ms(keys, now_ms) == 30'000);
  keys.expires_ms = now_ms - 1;
  CHECK(renewal_delay_ms(keys, now_ms) == 1'000);
}

TEST_CASE("a keyring that a server doubts looks again, on its own thread") {
  fake_world around;
  around.variables = {{"AWS_ACCESS_KEY_ID", "one"}, {"AWS_SECRET_ACCESS_KEY", "s"}};
  auto world = around.world();
  std::promise<void> searched;
  std::atomic<int> searches{0};
  world.variable = [&, look = world.variable](const std::string& name) {
    if (name == "AWS_SESSION_TOKEN" && ++searches == 2)
      searched.set_value();
    return name == "AWS_ACCESS_KEY_ID" && searches == 1 ? std::optional<std::string>("two")
                                                        : look(name);
  };
  aws_keyring ring(asking({"environment"}), world);
  CHECK_FALSE(ring.keys());
  CHECK(ring.open() == "");
  CHECK(ring.keys()->access_key_id == "one");
  ring.doubt();
  searched.get_future().wait();
  while (ring.keys()->access_key_id == "one")
    std::this_thread::yield();
  CHECK(ring.keys()->access_key_id == "two");
}

TEST_CASE("a keyring without keys says so") {
  fake_world around;
  aws_keyring ring(asking({"environment"}), around.world());
  CHECK(ring.open() == "environment: no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY");
  CHECK_FALSE(ring.keys());
}
