// Who may use which route.
#pragma once

#include <string>
#include <string_view>

namespace actord::http {

/// What a route gives away.
enum class exposure {
  open,    // probes, and the page that has no data in it: never needs a token
  metrics, // has a token of its own, or none
  read,    // changes nothing, shows no secrets
  change,  // changes something, or may show secrets
};

struct access_policy {
  std::string token; // empty: none is asked for
  bool insecure = false;
  std::string metrics_token = {}; // empty: metrics are open
};

enum class verdict { granted, needs_token, refused };

/// With a token everything but probes and metrics asks for it; without one, what changes something
/// is served on loopback only (`loopback`: only this machine reaches the address). Metrics ask for
/// their own token if there is one, and take the other as well. `insecure` opens all.
/// @param authorization value of that header, "" when absent
verdict
judge(const access_policy& policy, exposure shows, bool loopback, std::string_view authorization);

} // namespace actord::http
