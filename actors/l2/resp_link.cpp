#include "actors/l2/resp_link.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr size_t record_bytes = 16 << 10; // of TLS

} // namespace

std::string error_text(int number) {
  return std::error_code{number, std::generic_category()}.message();
}

resp_link::resp_link(const socket_address& to, tls_context tls, std::string name)
  : tls_(std::move(tls)), name_(std::move(name)) {
  fd_ = socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    error_ = "no socket: " + error_text(errno);
    return;
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to.storage), to.length_bytes) != 0
      && errno != EINPROGRESS && errno != EINTR)
    error_ = error_text(errno);
}

resp_link::~resp_link() {
  session_.reset();
  if (fd_ >= 0)
    close(fd_);
}

resp_link::progress resp_link::fail(std::string why) {
  error_ = std::move(why);
  return progress::failed;
}

resp_link::progress resp_link::advance() {
  if (!error_.empty())
    return progress::failed;
  if (open_)
    return progress::open;
  if (!connected_) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
      error = errno;
    if (error != 0)
      return fail(error_text(error));
    sockaddr_storage peer{};
    length = sizeof peer;
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &length) != 0)
      return progress::under_way;
    connected_ = true;
  }
  if (!tls_) {
    open_ = true;
    return progress::open;
  }
  return shake_hands();
}

resp_link::progress resp_link::shake_hands() {
  if (!session_)
    session_ = make_tls_session(tls_, fd_, name_);
  if (!session_)
    return fail("TLS: no memory for a session");
  ERR_clear_error();
  const int result = SSL_connect(session_.get());
  if (result == 1) {
    wants_write_ = false;
    open_ = true;
    return progress::open;
  }
  return judge_tls(result) < 0 ? progress::failed : progress::under_way;
}

ssize_t resp_link::judge(ssize_t result, const char* what) {
  if (result > 0)
    return result;
  if (result < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  fail(result == 0 ? "the server closed the connection" : what + error_text(errno));
  return -1;
}

ssize_t resp_link::judge_tls(int result) {
  if (result > 0)
    return result;
  const int number = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_WANT_WRITE: wants_write_ = true; return 0;
    case SSL_ERROR_ZERO_RETURN: fail("the server closed the connection"); return -1;
    case SSL_ERROR_SYSCALL:
      fail(number ? error_text(number) : "the server closed the connection");
      return -1;
    default: fail(tls_error(session_.get())); return -1;
  }
}

ssize_t resp_link::read(std::span<const iovec> into) {
  if (!session_)
    return judge(readv(fd_, into.data(), static_cast<int>(into.size())), "receiving: ");
  const auto first = std::ranges::find_if(into, [](const iovec& each) { return each.iov_len > 0; });
  if (first == into.end())
    return 0;
  ERR_clear_error();
  errno = 0;
  wants_write_ = false;
  const auto length = std::min<size_t>(first->iov_len, 1 << 30);
  return judge_tls(SSL_read(session_.get(), first->iov_base, static_cast<int>(length)));
}

ssize_t resp_link::write(std::span<const iovec> from) {
  if (session_)
    return write_tls(from);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());
  message.msg_iovlen = from.size();
  return judge(sendmsg(fd_, &message, MSG_NOSIGNAL), "sending: ");
}

// A write that could not be finished is tried again with the same bytes, and perhaps more: what is
// joined depends on the bytes that wait only.
ssize_t resp_link::write_tls(std::span<const iovec> from) {
  joined_.clear();
  const void* bytes = joined_.data();
  size_t length = 0;
  for (const auto& each : from) {
    if (joined_.empty() && each.iov_len >= record_bytes) {
      bytes = each.iov_base;
      length = std::min<size_t>(each.iov_len, 1 << 30);
      break;
    }
    joined_.append(static_cast<const char*>(each.iov_base),
                   std::min(each.iov_len, record_bytes - joined_.size()));
    bytes = joined_.data();
    length = joined_.size();
    if (length == record_bytes)
      break;
  }
  if (length == 0)
    return 0;
  ERR_clear_error();
  errno = 0;
  wants_write_ = false;
  return judge_tls(SSL_write(session_.get(), bytes, static_cast<int>(length)));
}

} // namespace actord
