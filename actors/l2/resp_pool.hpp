// The servers of one store and the connections to them.
#pragma once

#include "actors/l2/host_lookup.hpp"
#include "actors/l2/job_inbox.hpp"
#include "actors/l2/resp_command.hpp"
#include "actors/l2/resp_connection.hpp"
#include "actors/l2/resp_slots.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace actord {

struct resp_settings {
  std::vector<network_node> seeds; // never empty
  bool cluster = false;
  uint32_t connections = 1; // to each node
  std::chrono::milliseconds request_timeout{5'000}, connect_timeout{5'000};
  resp_login login;
};

/// What /status shows; read from any thread.
struct resp_counts {
  std::atomic<uint64_t> nodes = 0, connections = 0, connects = 0, failed_connects = 0,
                        redirects = 0;
};

/// Sends commands to the nodes that they belong to over as many connections as are of use, opened
/// when they are needed. A command whose connection breaks is sent once more. A node that cannot be
/// reached is left alone for a while, longer each time; what is sent to it meanwhile fails at once.
///
/// Belongs to one thread, which calls `turn` in a loop. Sinks are told inside `turn`, `submit`,
/// `cancel` and `close`.
class resp_pool {
public:
  /// Most commands that wait for a connection; more fail at once.
  static constexpr size_t max_waiting = 262'144;
  static constexpr size_t max_nodes = 2'048, max_redirects = 5;

  /// @param inbox of this thread: what is posted there ends the wait of `turn`
  /// @throws std::system_error without a descriptor
  resp_pool(resp_settings settings, std::shared_ptr<job_inbox> inbox, resp_counts& counts);
  ~resp_pool();
  resp_pool(const resp_pool&) = delete;
  resp_pool& operator=(const resp_pool&) = delete;

  /// Sends it to the owner of its slot, or to any node.
  void submit(resp_command command);
  void submit(resp_command command, const network_node& to);
  /// Fails every command of the sink; no byte of its memory moves when this returns.
  void cancel(const resp_sink& sink, const std::string& why);
  /// Fails every command, now and from now on.
  void close(const std::string& why);

  /// Waits for something to do, at most until `limit`, and does it.
  void turn(resp_time limit);

  /// Every node that holds keys.
  std::vector<network_node> primaries() const;
  /// Takes over which slots lie where. @param from the node that said so
  /// @return false when it said nothing of the kind
  bool learn_slots(const resp_reply& reply, const network_node& from);

private:
  struct node;
  struct line; // a connection and what epoll knows of it
  class refresh;

  node* node_at(const network_node& address);
  node* owner(const resp_command& command);
  node* reachable_node();
  void enqueue(node& to, resp_command command, bool in_front = false);
  std::optional<resp_command> take_waiting(node& from);
  void settle();
  void pump(node& to);
  void fill_lines(node& to);
  void open_lines(node& to);
  void open_line(node& to);
  void add_line(node& to);
  void find_addresses(node& of);
  void looked_up(const network_node& address, host_addresses found);
  void reach_failed(node& of, const std::string& why);
  void fail_waiting(node& of, const std::string& why);
  line* freest(node& of);
  void work(line& at);
  void watch(line& at);
  bool deliver(node& from, resp_command& command, resp_reply& reply);
  bool redirect(node& from, resp_command& command, const resp_reply& reply);
  // What a connection ends of. A cancelled one was in order: others' commands lose nothing.
  enum class end_of_line : uint8_t { lost, timed_out, cancelled };
  void bury(line& at, end_of_line how);
  void expire();
  resp_time next_limit(resp_time limit) const;
  void ask_for_slots(node& from);

  resp_settings settings_;
  std::shared_ptr<job_inbox> inbox_;
  resp_counts& counts_;
  int epoll_ = -1;
  resp_time now_;
  std::map<std::string, std::unique_ptr<node>> nodes_; // by to_text
  std::map<uint64_t, std::unique_ptr<line>> lines_;    // by number
  std::set<node*> dirty_;                              // where something may be sent
  uint64_t next_line_ = 1;
  size_t waiting_ = 0;
  std::array<node*, resp_slot_count> slots_{};
  bool asking_for_slots_ = false;
  resp_time next_ask_;
  size_t next_seed_ = 0;
  std::minstd_rand random_;
  bool closed_ = false;
  std::string closed_why_;
};

} // namespace actord
