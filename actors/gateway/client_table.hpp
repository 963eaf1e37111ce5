// Who is connected, and who speaks for which worker and which request.
#pragma once

#include "actors/gateway/wire/operations.hpp"
#include "actors/gateway/wire/requests.hpp"
#include "actors/gateway/zmq_socket.hpp"
#include "storage/l1_index.hpp"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace actord {

/// Number of an accepted request, for the life of the daemon.
using ticket_id = uint64_t;

/// An operation that waits for the ones before it on its connection.
struct lane_entry {
  ticket_id ticket = 0;
  wire::request request;
  std::string request_id; // "" when it names none
  size_t bytes = 0;
};

/// One routing id of the ROUTER socket. Operations that move data run one after another, in the
/// order sent (spec wire-protocol §1.5): the lane.
struct client {
  std::string identity;
  connection link;
  bool ended = false, may_live = false;
  time_ms ended_ms = 0;
  std::deque<lane_entry> lane;
  size_t lane_bytes = 0;
  bool lane_busy = false;
  std::string lane_request_id; // of the running operation
  std::set<int64_t> instances;
  std::set<std::string> requests;
  std::map<std::string, uint64_t> streams; // uid -> stream
  uint64_t received = 0, waiting = 0;
};

/// What a client that is gone leaves behind.
struct estate {
  std::vector<int64_t> instances;
  std::vector<std::string> requests;
  std::vector<uint64_t> streams;
  bool may_live = false;
};

/// Plain data of the ZMQ GATEWAY. A reconnect is a new identity, so every message that moves a
/// worker's data or names a request binds it to its sender; only what is still bound to a client
/// when its grace is over is given up with it.
class client_table {
public:
  // Bound per client. Beyond, the session's own TTL and the reap timeout have to do.
  static constexpr size_t max_requests = 65'536;
  static constexpr size_t max_instances = 4096;

  client* find(std::string_view identity);
  /// Whoever had the connection before has ended.
  client& add(std::string_view identity, connection link, time_ms now);
  /// The client of a connection, or null when it has never spoken.
  client* find(connection link);

  void bind_instance(client& owner, int64_t instance_id);
  /// For messages that anyone may send about a worker, such as a ping: binds it only when its owner
  /// is gone.
  void adopt_instance(client& speaker, int64_t instance_id);
  void bind_request(client& owner, const std::string& request_id);
  /// Binds a request only if some client has it already.
  void rebind_request(client& owner, const std::string& request_id);
  void forget_request(const std::string& request_id);
  void forget_instance(int64_t instance_id);

  void set_mode(int64_t instance_id, wire::instance_mode mode);
  wire::instance_mode mode(std::optional<int64_t> instance_id) const;

  /// A client that came back under its routing id before its grace was over.
  /// @pre `link` is nobody's
  void revive(client& back, connection link);
  /// Marks a client; its estate is due `grace` later.
  void end(client& gone, bool may_live, time_ms now);
  /// Takes the clients whose grace is over and whose lane is empty.
  std::vector<estate> take_due(time_ms now, time_ms grace_ms);
  bool any_ended() const {
    return !ended_.empty();
  }

  const std::unordered_map<std::string, client>& all() const {
    return clients_;
  }

private:
  void drop_link(const client& of);

  struct instance_entry {
    std::string owner; // identity
    wire::instance_mode mode = wire::instance_mode::unknown;
  };

  std::unordered_map<std::string, client> clients_;
  std::map<connection, std::string> links_;
  std::unordered_map<int64_t, instance_entry> instances_;
  std::unordered_map<std::string, std::string> requests_; // request id -> identity
  std::deque<std::string> ended_;                         // identities, oldest first
};

} // namespace actord
