// Where keys for AWS are found (spec l2-adapters §7.3: the peer's default chain).
#pragma once

#include "actors/l2/aws_keys.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <optional>
#include <string>

namespace actord {

struct aws_found {
  std::optional<aws_keys> keys;
  std::string why; // there are none, for the operator; never shows a key
};

/// Asks the sources of `credential_sources` in their order and takes the first that has keys; one
/// that is set up but fails is passed over, as the peer's chain does. Blocks: files, HTTP.
aws_found find_aws_keys(const s3_l2_options& options, const aws_world& world);

// One source each. `why` tells what is missing.
aws_found static_aws_keys(const s3_l2_options& options);
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
aws_found environment_aws_keys(const aws_world& world);
/// Section `profile`, or AWS_PROFILE's where that is "default", of ~/.aws/credentials, then of
/// ~/.aws/config; AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name other files.
aws_found profile_aws_keys(const std::string& profile, const aws_world& world);
/// AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, exchanged at STS in `region`; AWS_ENDPOINT_URL_STS
/// names another STS.
aws_found web_identity_aws_keys(const std::string& region, const aws_world& world);
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI: ECS, EKS Pod Identity.
aws_found container_aws_keys(const aws_world& world);
/// IMDSv2; AWS_EC2_METADATA_SERVICE_ENDPOINT names another, AWS_EC2_METADATA_DISABLED none.
aws_found instance_aws_keys(const aws_world& world);

/// Keys in an answer of the container's or the instance's service: `AccessKeyId`,
/// `SecretAccessKey`, `Token`, `Expiration`.
aws_found parse_key_json(const std::string& text);
/// Keys in STS' answer to AssumeRoleWithWebIdentity.
aws_found parse_sts_answer(const std::string& text);
/// Keys in a section of an AWS file.
/// @param section header without brackets
aws_found parse_aws_file(const std::string& text, const std::string& section);

} // namespace actord
