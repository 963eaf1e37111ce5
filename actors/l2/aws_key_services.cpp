// Keys that a service gives for a while: STS, the container's, the instance's.
#include "actors/l2/aws_key_sources.hpp"
#include "actors/l2/s3_sign.hpp"
#include "actors/l2/s3_xml.hpp"
#include "runtime/options/bounded_json.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace actord {

namespace {

std::string value_of(const aws_world& world, const char* name) {
  return world.variable(name).value_or("");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return "";
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// Temporary keys without an end that can be read are no keys: nobody would renew them.
aws_found checked(aws_keys keys, std::string_view expires) {
  const auto end_ms = parse_iso_time(expires);
  if (!end_ms)
    return {{}, "the keys have no expiration"};
  keys.expires_ms = *end_ms;
  if (const auto error = aws_keys_error(keys); !error.empty())
    return {{}, std::string(error)};
  return {std::move(keys), ""};
}

aws_found no_answer(const std::string& what, const aws_http_answer& answer) {
  if (answer.status == 0)
    return {{}, what + ": " + answer.error};
  const auto code = parse_error_code(answer.text);
  return {{}, what + ": HTTP " + std::to_string(answer.status) + (code.empty() ? "" : " " + code)};
}

/// One line that may stand in a header.
bool is_header_text(std::string_view text) {
  return !text.empty() && text.size() <= 16 << 10
         && std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
}

std::string sts_url(const std::string& region, const aws_world& world) {
  if (auto url = value_of(world, "AWS_ENDPOINT_URL_STS"); !url.empty())
    return url;
  const bool china = region.starts_with("cn-");
  return "https://sts." + region + (china ? ".amazonaws.com.cn/" : ".amazonaws.com/");
}

/// Whether a container's address may be asked in plain HTTP: this machine and the link-local
/// services of ECS and EKS, as the AWS clients have it.
bool is_plain_host(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  constexpr std::array<std::string_view, 6> hosts{
    "127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  const auto rest = url.substr(scheme.size());
  return std::ranges::any_of(hosts, [rest](std::string_view host) {
    if (!rest.starts_with(host))
      return false;
    const auto next = rest.substr(host.size(), 1);
    return next.empty() || next == "/" || next == ":" || next == "?";
  });
}

std::string field(const nlohmann::ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

} // namespace

aws_found parse_key_json(const std::string& text) {
  if (text.size() > aws_answer_limit_bytes)
    return {{}, "the answer is too long"};
  const auto object = parse_bounded_json(text);
  if (!object || !object->is_object())
    return {{}, "the answer is no JSON object"};
  if (const auto code = field(*object, "Code"); !code.empty() && code != "Success")
    return {{}, "the answer says that it has no keys"};
  return checked({field(*object, "AccessKeyId"), field(*object, "SecretAccessKey"),
                  field(*object, "Token"), 0, ""},
                 field(*object, "Expiration"));
}

aws_found parse_sts_answer(const std::string& text) {
  constexpr std::string_view base
    = "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/";
  aws_keys keys;
  std::string expires;
  const bool whole = read_xml(text, [&](std::string_view path, std::string_view value) {
    if (!path.starts_with(base))
      return true;
    path.remove_prefix(base.size());
    if (path == "AccessKeyId")
      keys.access_key_id = value;
    else if (path == "SecretAccessKey")
      keys.secret_access_key = value;
    else if (path == "SessionToken")
      keys.session_token = value;
    else if (path == "Expiration")
      expires = value;
    return true;
  });
  if (!whole)
    return {{}, "the answer cannot be read"};
  return checked(std::move(keys), expires);
}

aws_found web_identity_aws_keys(const std::string& region, const aws_world& world) {
  const auto path = value_of(world, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto role = value_of(world, "AWS_ROLE_ARN");
  if (path.empty() || role.empty())
    return {{}, "no AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN"};
  const auto token = world.file(path); // read anew: it is renewed in place
  if (!token || trimmed(*token).empty())
    return {{}, path + " cannot be read or is empty"};
  auto name = value_of(world, "AWS_ROLE_SESSION_NAME");
  if (name.empty())
    name = "lmcache-actord";
  aws_http_ask ask;
  ask.method = "POST";
  ask.url = sts_url(region, world);
  ask.headers = {"Content-Type: application/x-www-form-urlencoded"};
  ask.body = canonical_query({{"Action", "AssumeRoleWithWebIdentity"},
                              {"Version", "2011-06-15"},
                              {"RoleArn", role},
                              {"RoleSessionName", name},
                              {"WebIdentityToken", std::string(trimmed(*token))}});
  const auto answer = world.http(ask);
  if (answer.status != 200)
    return no_answer(ask.url, answer);
  auto found = parse_sts_answer(answer.text);
  if (!found.keys)
    found.why = ask.url + ": " + found.why;
  return found;
}

aws_found container_aws_keys(const aws_world& world) {
  aws_http_ask ask;
  const auto relative = value_of(world, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  ask.url = value_of(world, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty())
    ask.url = "http://169.254.170.2" + relative;
  if (ask.url.empty())
    return {{}, "no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI"};
  if (!ask.url.starts_with("https://")
      && !(ask.url.starts_with("http://") && is_plain_host(ask.url)))
    return {{}, "the container's address must be https or local"};
  auto token = value_of(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const auto path = value_of(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty())
    token = trimmed(world.file(path).value_or(""));
  if (!token.empty()) {
    if (!is_header_text(token))
      return {{}, "the container's authorization token is no single line"};
    ask.headers.push_back("Authorization: " + token);
  }
  const auto answer = world.http(ask);
  if (answer.status != 200)
    return no_answer("the container's service", answer);
  return parse_key_json(answer.text);
}

aws_found instance_aws_keys(const aws_world& world) {
  constexpr std::string_view roles = "/latest/meta-data/iam/security-credentials/";
  auto disabled = value_of(world, "AWS_EC2_METADATA_DISABLED");
  std::ranges::transform(disabled, disabled.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (disabled == "true")
    return {{}, "AWS_EC2_METADATA_DISABLED"};
  auto base = value_of(world, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty())
    base = "http://169.254.169.254";
  while (base.ends_with('/'))
    base.pop_back();
  aws_http_ask ask;
  ask.timeout_ms = 1'000; // most machines are none of AWS'
  ask.method = "PUT";
  ask.url = base + "/latest/api/token";
  ask.headers = {"X-aws-ec2-metadata-token-ttl-seconds: 21600"};
  auto answer = world.http(ask);
  const std::string token{trimmed(answer.text)};
  if (answer.status != 200 || !is_header_text(token))
    return no_answer("the instance's service", answer);
  ask.method = "GET";
  ask.headers = {"X-aws-ec2-metadata-token: " + token};
  ask.url = base + std::string(roles);
  answer = world.http(ask);
  const std::string role{trimmed(std::string_view(answer.text).substr(0, answer.text.find('\n')))};
  if (answer.status != 200 || role.empty() || role.size() > 128)
    return no_answer("the instance has no role", answer);
  ask.url += percent_encoded(role);
  answer = world.http(ask);
  if (answer.status != 200)
    return no_answer("the instance's service", answer);
  return parse_key_json(answer.text);
}

} // namespace actord
