// The actor that speaks ZeroMQ with engines.
#pragma once

#include "actors/gateway/client_table.hpp"
#include "actors/gateway/gateway_meters.hpp"
#include "actors/gateway/zmq_socket.hpp"
#include "actors/interfaces.hpp"
#include "actors/log_limit.hpp"
#include "runtime/thread_unit.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace actord {

struct zmq_gateway_options {
  uint32_t chunk_tokens = 256;
  time_ms request_timeout_ms = 60'000;
  bool kv_events = true; // advertised by get_experimental
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
  event_publisher_ptr bus = event_publisher::none();
  std::shared_ptr<gen_ai_metrics> gen_ai = std::make_shared<gen_ai_metrics>();
};

/// Whom the gateway hands requests to. Null handles: the mode is switched off.
struct zmq_gateway_peers {
  session_actor sessions;
  l1_manager_actor l1;
  engine_driven_actor engine_driven;
  lmcache_driven_actor lmcache_driven;
  kv_events_actor events;
};

/// What the gateway's thread and its actor share; both run on that thread.
struct zmq_gateway_link {
  explicit zmq_gateway_link(const zmq_socket_options& options) : socket(options) {
  }

  zmq_socket socket;
  long patience_ms = -1; // how long the thread may wait for input
};

/// Receives, decodes, dispatches, and answers every request exactly once: with its result, with the
/// refusal of spec wire-protocol §10, or with that refusal when its deadline has passed. Copies
/// (store, retrieve) have no deadline: an engine that is told "false" writes into the blocks at
/// once, so the answer must wait until nobody else does.
///
/// Bounds per client: `max_lane_entries` and `max_lane_bytes` of waiting operations; beyond, they
/// are refused. A client that does not read its replies is cut.
class zmq_gateway : public runtime::pinned<zmq_gateway_actor::base> {
public:
  static constexpr size_t max_lane_entries = 4096;
  static constexpr size_t max_lane_bytes = 256 << 20;
  static constexpr size_t messages_per_turn = 64;
  static constexpr time_ms grace_ms
    = 2000; // between a connection's end and the end of what it holds

  zmq_gateway(caf::actor_config& cfg, runtime::thread_unit& unit, zmq_gateway_link& link,
              zmq_gateway_options options, zmq_gateway_peers peers);

  const char* name() const override;

private:
  /// A request that has not been answered.
  struct pending {
    std::string identity, uid, operation_frame;
    wire::operation op{};
    std::optional<int64_t> instance_id;
    std::string request_id;             // "" when it names none
    time_ms deadline_ms = 0;            // 0: none
    gateway_meters::time_point since{}; // arrival, then the start of the work
    bool started = false;
    bool lane = false;
  };

  behavior_type make_behavior() override;

  // zmq_gateway.cpp: one turn of the socket
  void on_readable();
  void on_message(const incoming& message);
  void end_stream(uint64_t stream);
  void on_stream_control(client& from, const incoming& message);
  client& client_of(const incoming& message);
  void revive(client& known, const incoming& message);
  void on_connection_end(connection link, bool by_peer);
  void give_up(const estate& left);
  void on_clock();
  void run_lanes();
  gateway_status status() const;

  // zmq_replies.cpp: one reply per request
  ticket_id accept(client& from, const incoming& message, wire::operation op);
  void answer(ticket_id ticket, std::optional<std::string> body);
  void refuse(ticket_id ticket, std::string_view reason);
  void
  close_ticket(ticket_id ticket, std::string_view operation_frame, std::optional<std::string> body);
  void send_reply(const std::string& identity, std::string_view uid, std::string_view operation,
                  std::optional<std::string> body);
  void note(std::string_view what, std::string_view reason);
  void tell_load() {
    meters_.requests(started_, pending_.size() - started_);
  }

  // zmq_dispatch.cpp: who answers what
  void admit(client& from, ticket_id ticket, wire::request request, size_t bytes);
  void dispatch(ticket_id ticket, wire::request request);
  /// Answers what needs no other actor, without the cost of a ticket.
  bool answer_at_once(client& from, const incoming& message, wire::request& request);
  void note_alive(client& from, int64_t instance_id);
  void tell_blocks(wire::report_block_allocation report);
  void bind(client& from, const wire::request& request);
  void forget(const wire::unregister& request);
  /// Gives back the read shares of a retrieve that is refused before a session sees it.
  void waive(wire::cache_key key);
  template <class Result, class Dest, class Encode, class... Ts>
  void hand_over(ticket_id ticket, const Dest& dest, Encode encode, Ts&&... xs);
  void start(ticket_id ticket, wire::register_kv_cache request);
  void start(ticket_id ticket, wire::register_engine_driven request);
  void start(ticket_id ticket, wire::unregister request);
  void start(ticket_id ticket, wire::store request);
  void start(ticket_id ticket, wire::retrieve request);
  void start(ticket_id ticket, wire::lookup request);
  void start(ticket_id ticket, wire::query_prefetch_status request);
  void start(ticket_id ticket, wire::wait_prefetch_status request);
  void start(ticket_id ticket, wire::free_lookup_locks request);
  void start(ticket_id ticket, wire::end_session request);
  void start(ticket_id ticket, wire::prepare_store request);
  void start(ticket_id ticket, wire::commit_store request);
  void start(ticket_id ticket, wire::prepare_retrieve request);
  void start(ticket_id ticket, wire::commit_retrieve request);
  void start(ticket_id ticket, wire::clear request);
  void start(ticket_id ticket, wire::subscribe_kv_events request);

  zmq_gateway_link& link_;
  zmq_gateway_options options_;
  zmq_gateway_peers peers_;
  client_table clients_;
  std::unordered_map<ticket_id, pending> pending_;
  size_t started_ = 0; // of them
  std::set<std::pair<time_ms, ticket_id>> deadlines_;
  std::vector<std::string> ready_lanes_; // identities whose next operation may start
  incoming message_;                     // its frames are reused

  struct stream_entry {
    std::string identity, uid, operation_frame;
  };
  std::unordered_map<uint64_t, stream_entry> streams_; // by ticket
  ticket_id last_ticket_ = 0;
  gateway_status counters_;
  gateway_meters meters_;
  log_limit refusals_told_, cuts_told_; // in the log
  bool stopping_ = false;
  std::vector<caf::typed_response_promise<caf::ok_atom>> stoppers_;
};

} // namespace actord
