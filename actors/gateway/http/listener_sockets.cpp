// How connections come to the listener.
#include "actors/gateway/http/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace actord::http {

namespace {

constexpr int backlog = 128;
constexpr auto accept_pause = std::chrono::milliseconds(100);

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, address, sizeof four);
    return (ntohl(four.sin_addr.s_addr) >> 24) == 127;
  }
  sockaddr_in6 six;
  std::memcpy(&six, address, sizeof six);
  return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, &address, sizeof four);
    return ntohs(four.sin_port);
  }
  sockaddr_in6 six;
  std::memcpy(&six, &address, sizeof six);
  return ntohs(six.sin6_port);
}

std::string shown_peer(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, &address, sizeof four);
    inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  } else {
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof six);
    inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  }
  return std::string{text} + ":" + std::to_string(port_of(address));
}

} // namespace

bound_site listener::bind(const std::string& host, uint16_t port) {
  const auto shown = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const auto number = std::to_string(port);
  if (int error = getaddrinfo(host.c_str(), number.c_str(), &hints, &found); error != 0)
    throw std::runtime_error("cannot listen for HTTP on " + shown + ": " + gai_strerror(error)
                             + "; use an address of this machine");
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{found, &freeaddrinfo};
  bound_site site{sites_++, port, true};
  const auto before = sockets_.size();
  for (const auto* address = found; address; address = address->ai_next)
    if (address->ai_family == AF_INET || address->ai_family == AF_INET6)
      listen_at(*address, site, shown);
  if (sockets_.size() == before)
    throw std::runtime_error(
      "cannot listen for HTTP on " + shown
      + ": none of its addresses belongs to this machine; use one that does");
  return site;
}

// A name may stand for an IPv6 address on a machine without IPv6: that one is left out.
void listener::listen_at(const addrinfo& address, bound_site& site, const std::string& shown) {
  sockaddr_storage wanted{};
  std::memcpy(&wanted, address.ai_addr, address.ai_addrlen);
  if (site.port != 0 && port_of(wanted) == 0) { // the port chosen for the first address
    const auto port = htons(site.port);
    const auto offset = address.ai_family == AF_INET ? offsetof(sockaddr_in, sin_port)
                                                     : offsetof(sockaddr_in6, sin6_port);
    std::memcpy(reinterpret_cast<char*>(&wanted) + offset, &port, sizeof port);
  }
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const auto* name = reinterpret_cast<const sockaddr*>(&wanted);
  if (::bind(fd, name, address.ai_addrlen) != 0 || listen(fd, backlog) != 0) {
    const int error = errno;
    close(fd);
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
      return;
    throw std::runtime_error("cannot listen for HTTP on " + shown + ": " + std::strerror(error)
                             + "; use another port or end the process that has it");
  }
  sockaddr_storage got{};
  socklen_t length = sizeof got;
  getsockname(fd, reinterpret_cast<sockaddr*>(&got), &length);
  site.port = port_of(got);
  site.loopback = site.loopback && is_loopback(reinterpret_cast<const sockaddr*>(&got));
  sockets_.push_back({fd, site.number});
}

void listener::accept_from(const listening_socket& from) {
  while (accepting_) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int fd = accept4(from.fd, reinterpret_cast<sockaddr*>(&address), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
      continue;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      make_room();
      set_accepting(false); // the next try comes when descriptors may be free again
      accept_again_ = clock::now() + accept_pause;
      return;
    }
    if (fd < 0)
      return;
    if (connections_.size() >= options_.connections && !make_room()) {
      close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto id = next_id_++;
    auto& one = connections_[id];
    one.fd = fd;
    one.id = id;
    one.site = from.site;
    one.peer = shown_peer(address);
    one.active = clock::now();
    one.deadline = one.active + options_.idle;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
      one.now = phase::closed;
  }
}

void listener::set_accepting(bool on) {
  accepting_ = on;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    epoll_event event{};
    event.events = on ? EPOLLIN : 0u;
    event.data.u64 = first_socket_id + i;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, sockets_[i].fd, &event);
  }
}

void listener::close_sockets() {
  for (const auto& socket : sockets_)
    close(socket.fd);
  sockets_.clear();
}

// Ends the connection that has gone longest without a request of its own.
bool listener::make_room() {
  auto oldest = connections_.end();
  for (auto i = connections_.begin(); i != connections_.end(); ++i) {
    const auto now = i->second.now;
    if (now == phase::working || now == phase::sending)
      continue;
    if (oldest == connections_.end() || i->second.active < oldest->second.active)
      oldest = i;
  }
  if (oldest == connections_.end())
    return false;
  close(oldest->second.fd);
  connections_.erase(oldest);
  return true;
}

} // namespace actord::http
