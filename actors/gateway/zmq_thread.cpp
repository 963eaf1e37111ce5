#include "actors/gateway/zmq_thread.hpp"

#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>

#include <pthread.h>

namespace actord {

namespace {

// Turns between two looks at the socket: some 100 µs of work at most, copies apart.
constexpr size_t turns_per_poll = 256;

} // namespace

zmq_thread::zmq_thread(caf::actor_system& system, const zmq_socket_options& options)
  : system_(system), unit_(&system), link_(options) {
}

zmq_thread::~zmq_thread() {
  stop();
}

zmq_gateway_actor zmq_thread::start(const zmq_gateway_options& options, zmq_gateway_peers peers,
                                    runtime::actor_census& census) {
  // Lazily initialised: it waits for its first message and never touches the scheduler.
  gateway_ = system_.spawn<runtime::metered<zmq_gateway>, caf::lazy_init>(
    census.add("zmq-gateway"), std::ref(unit_), std::ref(link_), options, std::move(peers));
  thread_ = std::thread{[this] { loop(); }};
  return gateway_;
}

void zmq_thread::stop() {
  if (!thread_.joinable())
    return;
  stop_ = true;
  unit_.wake();
  thread_.join();
  gateway_ = nullptr;
}

void zmq_thread::loop() {
  pthread_setname_np(pthread_self(), "zmq-gateway");
  unit_.adopt();
  const auto receiver = caf::actor_cast<caf::strong_actor_ptr>(gateway_);
  bool busy = false;
  while (!stop_) {
    const auto patience = busy ? 0 : link_.patience_ms;
    const bool readable = link_.socket.wait(unit_.wake_fd(), patience);
    if (readable || patience > 0)
      receiver->enqueue(
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, atom::readable_v), &unit_);
    busy = unit_.run(turns_per_poll);
  }
}

} // namespace actord
