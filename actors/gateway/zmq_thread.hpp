// The thread that owns the ROUTER socket and runs the actors behind it.
#pragma once

#include "actors/gateway/zmq_gateway.hpp"
#include "runtime/actor_census.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace actord {

/// Polls the socket, delivers what arrived to the ZMQ GATEWAY, and runs it and whom it wakes.
class zmq_thread {
public:
  /// Binds the socket, which queues requests until `start`. Throws std::runtime_error with a
  /// message for the operator.
  zmq_thread(caf::actor_system& system, const zmq_socket_options& options);
  zmq_thread(const zmq_thread&) = delete;
  ~zmq_thread();

  zmq_gateway_actor
  start(const zmq_gateway_options& options, zmq_gateway_peers peers, runtime::actor_census& census);

  /// Ends the thread. Only when the actors that it runs have terminated.
  void stop();

  const zmq_socket& socket() const {
    return link_.socket;
  }

private:
  void loop();

  caf::actor_system& system_;
  runtime::thread_unit unit_;
  zmq_gateway_link link_;
  zmq_gateway_actor gateway_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

} // namespace actord
