// One connection to a server: commands go out one after the other without waiting, answers come
// back in the same order.
#pragma once

#include "actors/l2/resp_command.hpp"
#include "actors/l2/resp_decoder.hpp"
#include "actors/l2/resp_link.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace actord {

/// What all connections of a store have in common.
struct resp_login {
  std::string username, password; // empty password: no AUTH
  std::optional<uint32_t> database_id;
  tls_context tls;         // null: plain
  std::string server_name; // for TLS; empty: the host's
};

/// Belongs to one thread. It never calls back: what came of its commands is handed out by `work`.
class resp_connection {
public:
  enum class phase : uint8_t { connecting, greeting, ready, dead };
  struct finished {
    resp_command command;
    resp_reply reply;
  };

  /// Begins to connect to the first of the addresses that lets it.
  /// @param host as the operator spelled it
  resp_connection(const resp_login& login, std::string host, std::vector<socket_address> addresses,
                  resp_time limit);

  phase now() const noexcept {
    return phase_;
  }
  /// Why it is dead.
  const std::string& error() const noexcept {
    return error_;
  }
  int fd() const noexcept {
    return link_ ? link_->fd() : -1;
  }
  /// Changes with each socket, of which a later one may have the number of an earlier one.
  unsigned socket_count() const noexcept {
    return links_;
  }
  /// Whether it waits for room to send.
  bool wants_write() const noexcept;

  /// Whether it takes one more command.
  bool has_room() const noexcept;
  bool busy() const noexcept {
    return !queue_.empty();
  }
  uint64_t load_bytes() const noexcept {
    return queued_bytes_ + queue_.size();
  }
  /// Takes a command. @pre ready
  void give(resp_command command, resp_time time);

  /// Moves what can be moved now; answers are appended to `out`.
  void work(resp_time time, std::vector<finished>& out);

  /// When it has waited for too long, unless something comes; none: it waits for nothing.
  std::optional<resp_time> limit(std::chrono::milliseconds of_command) const noexcept;
  /// What it waits for, as the beginning of a sentence.
  std::string pending() const;
  /// Closes the socket: no byte of anybody's memory moves after that.
  void kill(std::string why);
  /// The commands of a dead connection that nobody answered, in order.
  std::deque<resp_command> leave();
  /// Takes back the commands of `sink`; the connection dies when some are under way.
  /// @param why it dies
  std::deque<resp_command> take_back(const resp_sink& sink, const std::string& why);

private:
  void connect_next();
  void greet(resp_time time);
  void push(resp_command command, resp_time time);
  void send();
  void sent(size_t bytes);
  void receive(resp_time time, std::vector<finished>& out);
  /// False when there is no whole reply.
  bool take_reply(resp_time time, std::vector<finished>& out);
  void judge_greeting(const resp_command& command, const resp_reply& reply);

  const resp_login& login_;
  std::string host_;
  std::vector<socket_address> addresses_;
  size_t next_address_ = 0;
  unsigned links_ = 0;
  bool send_failed_ = false;
  resp_time connect_limit_, head_since_;
  phase phase_ = phase::connecting;
  std::unique_ptr<resp_link> link_;
  resp_decoder decoder_;
  std::deque<resp_command> queue_;
  size_t written_ = 0;         // commands at the front that are sent as a whole
  uint64_t written_bytes_ = 0; // of the one after those
  uint64_t queued_bytes_ = 0;  // payloads and values of all
  std::string error_;
};

} // namespace actord
