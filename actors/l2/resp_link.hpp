// One TCP connection, with TLS where that is wanted, that never blocks.
#pragma once

#include "actors/l2/tls_client.hpp"

#include <memory>
#include <span>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

namespace actord {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t length_bytes = 0;
};

/// Not for two threads at a time. Closed when it ends.
class resp_link {
public:
  enum class progress : uint8_t { under_way, open, failed };

  /// Begins to connect; check `advance`.
  /// @param tls null: none
  /// @param name that the server's certificate must have
  resp_link(const socket_address& to, tls_context tls, std::string name);
  ~resp_link();
  resp_link(const resp_link&) = delete;
  resp_link& operator=(const resp_link&) = delete;

  /// -1 when there is no socket.
  int fd() const noexcept {
    return fd_;
  }
  /// Goes on with connecting as far as it goes.
  progress advance();
  /// @return bytes moved, > 0; 0: none can be moved now; -1: the connection is gone, see `error`
  ssize_t read(std::span<const iovec> into);
  ssize_t write(std::span<const iovec> from);
  /// Whether the server has accepted it; TLS may still be under way.
  bool connected() const noexcept {
    return connected_;
  }
  /// Whether it waits for room to send, whatever its owner wants to send.
  bool wants_write() const noexcept {
    return !connected_ || wants_write_;
  }
  const std::string& error() const noexcept {
    return error_;
  }

private:
  progress fail(std::string why);
  progress shake_hands();
  ssize_t judge(ssize_t result, const char* what);
  ssize_t judge_tls(int result);
  ssize_t write_tls(std::span<const iovec> from);

  int fd_ = -1;
  tls_context tls_;
  std::string name_;
  tls_session session_;
  std::string joined_; // small pieces on their way into one record
  bool connected_ = false, open_ = false, wants_write_ = false;
  std::string error_;
};

/// What errno stands for.
std::string error_text(int number);

} // namespace actord
