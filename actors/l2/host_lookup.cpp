#include "actors/l2/host_lookup.hpp"

#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <signal.h>

namespace actord {

namespace {

constexpr size_t max_addresses = 16;

host_addresses look_up(const network_node& node, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  host_addresses result;
  const int error
    = getaddrinfo(node.host.c_str(), std::to_string(node.port).c_str(), &hints, &found);
  if (error != 0) {
    result.error = std::string{"the host name cannot be resolved: "} + gai_strerror(error);
    return result;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{found, freeaddrinfo};
  for (auto each = found; each && result.list.size() < max_addresses; each = each->ai_next) {
    if (each->ai_addrlen > sizeof(sockaddr_storage))
      continue;
    socket_address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length_bytes = each->ai_addrlen;
    result.list.push_back(address);
  }
  if (result.list.empty())
    result.error = "the host name has no address";
  return result;
}

} // namespace

std::optional<socket_address> spelled_address(const network_node& node) {
  const auto found = look_up(node, AI_NUMERICHOST);
  return found.list.empty() ? std::nullopt : std::optional{found.list.front()};
}

void look_up_host(const network_node& node, std::function<void(host_addresses)> found) {
  auto tell = std::make_shared<std::function<void(host_addresses)>>(std::move(found));
  try {
    std::thread{[node, tell] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      (*tell)(look_up(node, 0));
    }}.detach();
  } catch (const std::system_error& error) {
    (*tell)({{}, std::string{"no thread to resolve the host name: "} + error.what()});
  }
}

std::string to_text(const network_node& node) {
  const bool v6 = node.host.find(':') != std::string::npos;
  return (v6 ? "[" + node.host + "]" : node.host) + ":" + std::to_string(node.port);
}

} // namespace actord
