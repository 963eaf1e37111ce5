// Keys of the --l2-adapter type s3 (spec l2-adapters §7.3).
#include "runtime/options/l2_family_json.hpp"

#include <algorithm>
#include <array>

namespace actord {

namespace {

constexpr std::array<std::string_view, 6> credential_words
  = {"static", "environment", "profile", "web_identity", "container", "instance_metadata"};
/// What S3 takes as a part of an upload.
constexpr whole_range part_range{5 << 20, std::int64_t{5} << 30, {}};

/// `s3://bucket.host[:port]`, or the same without `s3://`. The text is never shown: it may hold
/// credentials, which do not belong there.
void read_endpoint(l2_reading_context& context, s3_l2_options& s3) {
  context.fields.text("s3_endpoint", s3.endpoint, required_text);
  if (s3.endpoint.empty())
    return;
  constexpr std::string_view scheme = "s3://";
  std::string_view rest = s3.endpoint;
  if (rest.starts_with(scheme))
    rest.remove_prefix(scheme.size());
  if (rest.ends_with('/'))
    rest.remove_suffix(1);
  const bool has_port = rest.find(':') != std::string_view::npos;
  auto node = parse_network_node(has_port ? std::string(rest) : std::string(rest) + ":443");
  if (!node || node->host.find(':') != std::string::npos)
    return context.fields.problem("s3_endpoint",
                                  "must be \"s3://bucket.host\" or \"s3://bucket.host:port\", "
                                  "without path, user or password; disable_tls chooses http");
  s3.host = node->host;
  s3.port = has_port ? node->port : std::uint16_t{0};
}

void read_keys(l2_reading_context& context, s3_l2_options& s3) {
  auto& fields = context.fields;
  fields.nullable_text("aws_access_key_id", s3.access_key_id);
  fields.nullable_text("aws_secret_access_key", s3.secret_access_key);
  context.cpp.text("aws_session_token", s3.session_token);
  const bool has_keys = !s3.access_key_id.empty() && !s3.secret_access_key.empty();
  if (s3.access_key_id.empty() != s3.secret_access_key.empty())
    fields.problem(s3.access_key_id.empty() ? "aws_access_key_id" : "aws_secret_access_key",
                   "must be given too: both keys, or none to look for them (environment, profile, "
                   "...)");
  if (!s3.session_token.empty() && !has_keys)
    context.cpp.problem("aws_session_token", "must go with aws_access_key_id and "
                                             "aws_secret_access_key");
  s3.credential_sources.assign(credential_words.begin(), credential_words.end());
  context.cpp.choice_list("credential_sources", s3.credential_sources, credential_words);
  const bool only_static
    = s3.credential_sources.size() == 1 && s3.credential_sources.front() == "static";
  if (only_static && s3.access_key_id.empty() && s3.secret_access_key.empty())
    context.cpp.problem("credential_sources", "must name more than \"static\" where there is no "
                                              "aws_access_key_id");
  context.cpp.text("profile", s3.profile, non_empty_text);
}

void read_path_style(l2_reading_context& context, s3_l2_options& s3) {
  context.cpp.boolean("path_style", s3.path_style);
  context.cpp.text("bucket", s3.bucket, non_empty_text);
  if (s3.host.empty())
    return;
  if (!s3.path_style) {
    if (!s3.bucket.empty())
      context.cpp.problem("bucket", "must go with path_style true; otherwise s3_endpoint says it");
    return;
  }
  if (s3.bucket.empty())
    s3.bucket = s3.host.substr(0, s3.host.find('.'));
  if (!s3.host.starts_with(s3.bucket + ".") || s3.host.size() == s3.bucket.size() + 1)
    context.cpp.problem("path_style", "must go with an s3_endpoint of the form bucket.host, where "
                                      "the bucket is the text before the first dot, or `bucket`");
}

} // namespace

s3_l2_options read_s3_options(l2_reading_context& context) {
  auto& fields = context.fields;
  auto& cpp = context.cpp;
  s3_l2_options s3;
  read_endpoint(context, s3);
  fields.text("s3_region", s3.region, required_text);
  fields.whole("s3_num_io_threads", s3.num_io_threads, positive_workers);
  fields.boolean("s3_prefer_http2", s3.prefer_http2);
  fields.boolean("s3_enable_s3express", s3.enable_s3express);
  fields.boolean("disable_tls", s3.disable_tls);
  read_keys(context, s3);
  read_path_style(context, s3);
  s3.connections = std::min<std::uint32_t>(s3.num_io_threads, 1024);
  cpp.whole("connections", s3.connections, connection_range);
  cpp.whole("multipart_threshold_bytes", s3.multipart_threshold_bytes, part_range);
  cpp.whole("multipart_part_bytes", s3.multipart_part_bytes, part_range);
  cpp.whole("max_retries", s3.max_retries, {0, 20, {}});
  cpp.whole("request_timeout_ms", s3.request_timeout_ms, timeout_range_ms);
  cpp.whole("connect_timeout_ms", s3.connect_timeout_ms, timeout_range_ms);
  cpp.text("ca_file", s3.ca_file, non_empty_text);
  read_l2_capacity(context);
  return s3;
}

} // namespace actord
