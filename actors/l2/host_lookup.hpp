// Addresses of hosts, looked up without holding up who asks.
#pragma once

#include "actors/l2/resp_link.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace actord {

struct host_addresses {
  std::vector<socket_address> list; // at most 16
  std::string error;                // why the list is empty
};

/// The address that is spelled out in `node`; none when it has a name.
std::optional<socket_address> spelled_address(const network_node& node);

/// Looks the name up on a thread of its own, which may outlive the caller, and says what it found
/// there. A name server that is mute takes as long as the resolver of the system lets it.
void look_up_host(const network_node& node, std::function<void(host_addresses)> found);

/// `host:port`, with brackets around an address of IPv6.
std::string to_text(const network_node& node);

} // namespace actord
