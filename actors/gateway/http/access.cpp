#include "actors/gateway/http/access.hpp"

namespace actord::http {

namespace {

// Takes the same time wherever the first difference is.
bool same_secret(std::string_view left, std::string_view right) {
  if (left.size() != right.size())
    return false;
  unsigned difference = 0;
  for (size_t i = 0; i < left.size(); ++i)
    difference |= static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i]);
  return difference == 0;
}

bool carries(std::string_view authorization, std::string_view token) {
  if (token.empty())
    return false;
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size())
    return false;
  for (size_t i = 0; i < scheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != scheme[i])
      return false;
  }
  return same_secret(authorization.substr(scheme.size()), token);
}

} // namespace

verdict
judge(const access_policy& policy, exposure shows, bool loopback, std::string_view authorization) {
  if (policy.insecure || shows == exposure::open)
    return verdict::granted;
  if (shows == exposure::metrics)
    return policy.metrics_token.empty() || carries(authorization, policy.metrics_token)
               || carries(authorization, policy.token)
             ? verdict::granted
             : verdict::needs_token;
  if (!policy.token.empty())
    return carries(authorization, policy.token) ? verdict::granted : verdict::needs_token;
  return loopback || shows == exposure::read ? verdict::granted : verdict::refused;
}

} // namespace actord::http
