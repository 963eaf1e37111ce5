// Parts of resp_pool that its source files share.
#pragma once

#include "actors/l2/resp_pool.hpp"

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace actord {

struct resp_pool::node {
  network_node address;
  std::string text; // host:port
  std::array<std::deque<resp_command>, static_cast<size_t>(resp_queue::count)> waiting;
  unsigned turns = 0; // of waiting loads and writes
  std::vector<line*> lines;
  std::vector<socket_address> addresses;
  bool looking_up = false;               // a thread is at it
  std::optional<resp_time> lookup_limit; // how long commands wait for it
  unsigned failures = 0;                 // in a row
  resp_time retry_at;
  std::string last_error;

  size_t waiting_count() const noexcept {
    size_t result = 0;
    for (const auto& each : waiting)
      result += each.size();
    return result;
  }
  bool has_ready_line() const noexcept;
};

struct resp_pool::line {
  line(uint64_t its_number, node& its_node, const resp_login& login,
       std::vector<socket_address> addresses, resp_time limit)
    : number(its_number), to(its_node),
      connection(login, its_node.address.host, std::move(addresses), limit) {
  }

  uint64_t number;
  node& to;
  resp_connection connection;
  bool was_ready = false;
  unsigned watched_socket = 0; // 0: none
  uint32_t watched_events = 0;
};

inline bool resp_pool::node::has_ready_line() const noexcept {
  for (const auto* each : lines)
    if (each->was_ready)
      return true;
  return false;
}

} // namespace actord
