#include "actors/gateway/zmq_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace actord {

namespace {

// Replies that may wait for a peer inside libzmq. A peer that leaves more unread does not read at
// all.
constexpr int max_unread_replies = 4096;

// Bodies from this size on are handed to libzmq instead of copied.
constexpr size_t zero_copy_bytes = 64 << 10;

// How long the end of the socket waits for clients to take what was sent.
constexpr int linger_ms = 300;

constexpr const char* monitor_endpoint = "inproc://actord-monitor";

// libzmq resolves no names when it binds (4.3.4 refuses `localhost`), so it is done here.
std::string numeric_address(const std::string& host) {
  if (host == "*" || host == "0.0.0.0")
    return host;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    throw std::runtime_error("cannot resolve --host '" + host + "': " + ::gai_strerror(error)
                             + "; give an address of this machine");
  // Engines connect to `localhost` over IPv4 first; an IPv6 address only where there is no other.
  const addrinfo* best = found;
  for (const auto* i = found; i != nullptr; i = i->ai_next)
    if (i->ai_family == AF_INET) {
      best = i;
      break;
    }
  char text[NI_MAXHOST] = {};
  ::getnameinfo(best->ai_addr, best->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  const bool is_v6 = best->ai_family == AF_INET6;
  ::freeaddrinfo(found);
  return is_v6 ? "[" + std::string{text} + "]" : text;
}

// libzmq removes what is at the path, be it a file of the operator or the socket of a daemon that
// runs.
void check_ipc_path(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return;
  const std::string name = "--ipc-path " + path;
  if (!S_ISSOCK(found.st_mode))
    throw std::runtime_error(name + " exists and is no socket; remove it or choose another path");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return; // bind says that it is too long
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool lives = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  if (lives)
    throw std::runtime_error(name
                             + " is the socket of a process that runs; stop it or choose "
                               "another path");
}

void set_int(void* socket, int option, int value) {
  zmq_setsockopt(socket, option, &value, sizeof value);
}

} // namespace

zmq_socket::zmq_socket(const zmq_socket_options& options)
  : context_(zmq_ctx_new()), router_(::zmq_socket(context_, ZMQ_ROUTER)), parts_(max_frames) {
  for (auto& part : parts_)
    zmq_msg_init(&part);
  set_int(router_, ZMQ_ROUTER_MANDATORY, 1);
  set_int(router_, ZMQ_LINGER, linger_ms);
  set_int(router_, ZMQ_IPV6, options.host.find(':') != std::string::npos);
  set_int(router_, ZMQ_SNDHWM, max_unread_replies);
  set_int(router_, ZMQ_BACKLOG, 1024);
  // A peer that vanished without a FIN (a cable, a paused machine) is noticed within a minute. ZMTP
  // heartbeats would also cut a process that is merely stopped, and it may still write into its
  // slots.
  set_int(router_, ZMQ_TCP_KEEPALIVE, 1);
  set_int(router_, ZMQ_TCP_KEEPALIVE_IDLE, 30);
  set_int(router_, ZMQ_TCP_KEEPALIVE_INTVL, 10);
  set_int(router_, ZMQ_TCP_KEEPALIVE_CNT, 3);
  zmq_setsockopt(router_, ZMQ_MAXMSGSIZE, &options.max_frame_bytes, sizeof(int64_t));
  if (!options.curve_secret_key.empty()) {
    set_int(router_, ZMQ_CURVE_SERVER, 1);
    if (zmq_setsockopt(router_, ZMQ_CURVE_SECRETKEY, options.curve_secret_key.c_str(), 40) != 0)
      throw std::runtime_error(
        "the key of --zmq-curve-server-key-file is not a CURVE secret key of "
        "40 Z85 characters; make one with curve_keygen");
  }
  zmq_socket_monitor(router_, monitor_endpoint, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
  monitor_ = ::zmq_socket(context_, ZMQ_PAIR);
  zmq_connect(monitor_, monitor_endpoint);
  auto port = options.port == 0 ? std::string{"*"} : std::to_string(options.port);
  bind("tcp://" + numeric_address(options.host) + ":" + port, "choose another --host or --port");
  if (!options.ipc_path.empty()) {
    check_ipc_path(options.ipc_path);
    bind("ipc://" + options.ipc_path, "choose another --ipc-path");
  }
}

zmq_socket::~zmq_socket() {
  for (auto& part : parts_)
    zmq_msg_close(&part);
  zmq_socket_monitor(router_, nullptr, 0);
  for (auto& [fd, known] : descriptors_)
    if (known.witness >= 0)
      ::close(known.witness);
  zmq_close(monitor_);
  zmq_close(router_);
  zmq_ctx_term(context_);
}

void zmq_socket::bind(const std::string& endpoint, std::string_view remedy) {
  if (zmq_bind(router_, endpoint.c_str()) != 0)
    throw std::runtime_error("cannot listen on " + endpoint + ": " + zmq_strerror(zmq_errno())
                             + "; " + std::string{remedy});
  char bound[256] = {};
  size_t size = sizeof bound;
  zmq_getsockopt(router_, ZMQ_LAST_ENDPOINT, bound, &size);
  endpoints_.emplace_back(bound);
}

bool zmq_socket::receive(incoming& message) {
  zmq_msg_t head;
  zmq_msg_init(&head);
  if (zmq_msg_recv(&head, router_, ZMQ_DONTWAIT) < 0) {
    zmq_msg_close(&head);
    return false;
  }
  identity_.assign(static_cast<const char*>(zmq_msg_data(&head)), zmq_msg_size(&head));
  bool more = zmq_msg_more(&head) != 0;
  zmq_msg_close(&head);
  message = {identity_, std::move(message.frames), -1, false};
  message.frames.clear();
  for (size_t i = 0; more; ++i) {
    // Frames beyond the limit are read into the last part and thrown away.
    auto& part = parts_[std::min(i, max_frames - 1)];
    if (zmq_msg_recv(&part, router_, 0) < 0)
      break;
    more = zmq_msg_more(&part) != 0;
    if (i == 0) // The identity frame says -1 here; the first frame after it knows.
      message.fd = zmq_msg_get(&part, ZMQ_SRCFD);
    if (i < max_frames)
      message.frames.emplace_back(static_cast<const std::byte*>(zmq_msg_data(&part)),
                                  zmq_msg_size(&part));
    else
      message.oversized = true;
  }
  if (message.oversized)
    message.frames.pop_back();
  return true;
}

zmq_socket::sent zmq_socket::send(std::string_view identity, std::string_view uid,
                                  std::string_view operation, std::optional<std::string> body) {
  if (zmq_send(router_, identity.data(), identity.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
    return zmq_errno() == EAGAIN ? sent::full : sent::gone;
  // From here on libzmq takes the message as a whole: none of these can fail for want of room.
  const int last = body ? ZMQ_SNDMORE : 0;
  zmq_send(router_, uid.data(), uid.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE);
  zmq_send(router_, operation.data(), operation.size(), ZMQ_DONTWAIT | last);
  if (body && body->size() < zero_copy_bytes) {
    zmq_send(router_, body->data(), body->size(), ZMQ_DONTWAIT);
  } else if (body) {
    auto* owner = new std::string(std::move(*body));
    zmq_msg_t message;
    zmq_msg_init_data(
      &message, owner->data(), owner->size(),
      [](void*, void* hint) { delete static_cast<std::string*>(hint); }, owner);
    zmq_msg_send(&message, router_, ZMQ_DONTWAIT);
  }
  return sent::ok;
}

connection zmq_socket::link_of(int fd) const {
  auto i = descriptors_.find(fd);
  return {fd, i == descriptors_.end() ? 0 : i->second.generation};
}

bool zmq_socket::closed_by_peer(int witness) {
  pollfd probe{witness, POLLRDHUP, 0};
  return ::poll(&probe, 1, 0) == 1 && (probe.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void zmq_socket::drain_monitor(const std::function<void(connection, bool)>& ended) {
  zmq_msg_t head, address;
  zmq_msg_init(&head);
  zmq_msg_init(&address);
  while (zmq_msg_recv(&head, monitor_, ZMQ_DONTWAIT) >= 0) {
    uint16_t event = 0;
    int32_t fd = -1;
    const auto* bytes = static_cast<const char*>(zmq_msg_data(&head));
    if (zmq_msg_size(&head) >= sizeof event + sizeof fd) {
      std::memcpy(&event, bytes, sizeof event);
      std::memcpy(&fd, bytes + sizeof event, sizeof fd);
    }
    if (zmq_msg_more(&head))
      zmq_msg_recv(&address, monitor_, 0);
    auto& known = descriptors_[fd];
    if (event == ZMQ_EVENT_ACCEPTED) {
      ++known.generation;
      known.open = true;
      known.witness = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    } else if (event == ZMQ_EVENT_DISCONNECTED && known.open) {
      known.open = false;
      const bool by_peer = known.witness < 0 || closed_by_peer(known.witness);
      if (known.witness >= 0)
        ::close(std::exchange(known.witness, -1));
      ended({fd, known.generation}, by_peer);
    }
  }
  zmq_msg_close(&head);
  zmq_msg_close(&address);
}

bool zmq_socket::alive(const connection& link) const {
  auto i = descriptors_.find(link.fd);
  return i != descriptors_.end() && i->second.open && i->second.generation == link.generation;
}

void zmq_socket::cut(const connection& link) const {
  if (alive(link))
    ::shutdown(link.fd, SHUT_RDWR);
}

bool zmq_socket::wait(int wake_fd, long timeout_ms) {
  zmq_pollitem_t items[] = {
    {router_, 0, ZMQ_POLLIN, 0}, {monitor_, 0, ZMQ_POLLIN, 0}, {nullptr, wake_fd, ZMQ_POLLIN, 0}};
  return zmq_poll(items, 3, timeout_ms) > 0 && (items[0].revents | items[1].revents) != 0;
}

} // namespace actord
