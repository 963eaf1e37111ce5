// Keys that lie on this machine: options, environment, files.
#include "actors/l2/aws_key_sources.hpp"

#include <string_view>

namespace actord {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return "";
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

aws_found checked(aws_keys keys) {
  if (const auto error = aws_keys_error(keys); !error.empty())
    return {{}, std::string(error)};
  return {std::move(keys), ""};
}

std::string value_of(const aws_world& world, const char* name) {
  return world.variable(name).value_or("");
}

} // namespace

aws_found static_aws_keys(const s3_l2_options& options) {
  if (options.access_key_id.empty())
    return {{}, "no aws_access_key_id"};
  return checked({options.access_key_id, options.secret_access_key, options.session_token, 0, ""});
}

aws_found environment_aws_keys(const aws_world& world) {
  aws_keys keys{value_of(world, "AWS_ACCESS_KEY_ID"), value_of(world, "AWS_SECRET_ACCESS_KEY"),
                value_of(world, "AWS_SESSION_TOKEN"), 0, ""};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty())
    return {{}, "no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY"};
  return checked(std::move(keys));
}

aws_found parse_aws_file(const std::string& text, const std::string& section) {
  aws_keys keys;
  bool inside = false, seen = false;
  std::string other;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto raw = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';')
      continue;
    if (line.front() == '[') {
      inside = line.ends_with(']') && trimmed(line.substr(1, line.size() - 2)) == section;
      seen |= inside;
      continue;
    }
    const auto equals = line.find('=');
    // An indented line belongs to a nested setting.
    if (!inside || equals == std::string_view::npos || raw.front() == ' ' || raw.front() == '\t')
      continue;
    const auto name = trimmed(line.substr(0, equals));
    const auto value = trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id")
      keys.access_key_id = value;
    else if (name == "aws_secret_access_key")
      keys.secret_access_key = value;
    else if (name == "aws_session_token")
      keys.session_token = value;
    else if (name == "credential_process" || name == "role_arn" || name == "sso_session"
             || name == "sso_start_url")
      other = name;
  }
  if (!seen)
    return {{}, "no section [" + section + "]"};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty())
    return {{},
            "section [" + section + "] has no keys"
              + (other.empty() ? "" : "; " + other + " is not supported")};
  return checked(std::move(keys));
}

aws_found profile_aws_keys(const std::string& profile, const aws_world& world) {
  auto name = profile;
  if (name == "default")
    if (auto wanted = value_of(world, "AWS_PROFILE"); !wanted.empty())
      name = wanted;
  const auto home = value_of(world, "HOME");
  std::string why;
  auto look = [&](const char* variable, const char* file, const std::string& section) -> aws_found {
    auto path = value_of(world, variable);
    if (path.empty() && home.empty())
      return {{}, std::string("no HOME and no ") + variable};
    if (path.empty())
      path = home + "/.aws/" + file;
    const auto text = world.file(path);
    auto found = text ? parse_aws_file(*text, section) : aws_found{{}, "cannot be read"};
    if (!found.keys)
      found.why = path + ": " + found.why;
    return found;
  };
  auto found = look("AWS_SHARED_CREDENTIALS_FILE", "credentials", name);
  if (found.keys)
    return found;
  auto second = look("AWS_CONFIG_FILE", "config", name == "default" ? name : "profile " + name);
  if (!second.keys)
    second.why = found.why + "; " + second.why;
  return second;
}

aws_found find_aws_keys(const s3_l2_options& options, const aws_world& world) {
  std::string why;
  for (const auto& source : options.credential_sources) {
    aws_found found;
    if (source == "static")
      found = static_aws_keys(options);
    else if (source == "environment")
      found = environment_aws_keys(world);
    else if (source == "profile")
      found = profile_aws_keys(options.profile, world);
    else if (source == "web_identity")
      found = web_identity_aws_keys(options.region, world);
    else if (source == "container")
      found = container_aws_keys(world);
    else
      found = instance_aws_keys(world);
    if (found.keys) {
      found.keys->source = source;
      return found;
    }
    why += (why.empty() ? "" : "; ") + source + ": " + found.why;
  }
  return {{}, why};
}

} // namespace actord
