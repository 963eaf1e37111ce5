// AWS Signature Version 4 for S3.
//
// By hand: libcurl 7.88 signs a query only when the caller has sorted and encoded it, hashes the
// payload unless a header says otherwise, and encodes nothing of its own accord, so that most of
// the canonical form would stand here anyway, and could not be compared with AWS' examples.
#pragma once

#include "actors/l2/aws_keys.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

using s3_fields = std::vector<std::pair<std::string, std::string>>;

/// A request to be signed.
struct s3_signable {
  std::string_view method, host;      // host: with the port where it is not the scheme's own
  std::string_view path;              // as sent: percent-encoded once
  const s3_fields* query = nullptr;   // not encoded; null: none
  const s3_fields* headers = nullptr; // names in lower case, values as sent; null: none
  std::string_view payload_hash = "UNSIGNED-PAYLOAD";
};

/// The headers that sign it, `name: value`: date, hash, session token, authorization.
/// @param now_s Unix time
std::vector<std::string>
sign_s3(const s3_signable& request, const aws_keys& keys, std::string_view region, int64_t now_s);

/// Everything but `A-Z a-z 0-9 _ . - ~` as %XX.
std::string percent_encoded(std::string_view text);

/// `a=b&c=`, sorted and encoded: as signed and as sent.
std::string canonical_query(const s3_fields& query);

/// `20130524T000000Z`.
std::string aws_time(int64_t now_s);

/// Unix time in ms of `2013-05-24T00:00:00[.000]Z`; none when it is not that.
std::optional<int64_t> parse_iso_time(std::string_view text);

} // namespace actord
