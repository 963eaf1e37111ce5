// A client that keeps a number of `noop` calls in flight, fast enough to measure a server with.
// Usage: load ENDPOINT CALLS IN_FLIGHT        prints calls per second.
#include <zmq.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr char noop_operation = 24;
constexpr int receive_timeout_ms = 10'000;

bool send_call(void* socket, uint64_t number) {
  char uid[5] = {'\xce', static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                 static_cast<char>(number >> 8), static_cast<char>(number)};
  return zmq_send(socket, uid, sizeof(uid), ZMQ_SNDMORE) >= 0
         && zmq_send(socket, &noop_operation, 1, 0) >= 0;
}

/// Takes one reply of three frames off the socket.
bool take_reply(void* socket) {
  char buffer[64];
  int frames = 0;
  int more = 1;
  size_t size = sizeof(more);
  while (more != 0) {
    if (zmq_recv(socket, buffer, sizeof(buffer), 0) < 0)
      return false;
    ++frames;
    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
  }
  return frames == 3;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: load ENDPOINT CALLS IN_FLIGHT\n", stderr);
    return 2;
  }
  auto calls = std::strtoull(argv[2], nullptr, 10);
  auto in_flight = std::strtoull(argv[3], nullptr, 10);
  auto* context = zmq_ctx_new();
  auto* socket = zmq_socket(context, ZMQ_DEALER);
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &receive_timeout_ms, sizeof(receive_timeout_ms));
  if (zmq_connect(socket, argv[1]) != 0) {
    std::fprintf(stderr, "cannot connect to %s: %s\n", argv[1], zmq_strerror(zmq_errno()));
    return 1;
  }
  if (!send_call(socket, 0) || !take_reply(socket)) { // the connection itself is not measured
    std::fprintf(stderr, "%s does not answer a noop within %d ms\n", argv[1], receive_timeout_ms);
    return 1;
  }
  auto began = std::chrono::steady_clock::now();
  uint64_t sent = 0;
  for (uint64_t received = 0; received < calls; ++received) {
    for (; sent < calls && sent - received < in_flight; ++sent)
      if (!send_call(socket, sent))
        return 1;
    if (!take_reply(socket)) {
      std::fprintf(stderr, "reply %llu of %llu did not come\n",
                   static_cast<unsigned long long>(received), calls);
      return 1;
    }
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%.0f\n", static_cast<double>(calls) / took.count());
  zmq_close(socket);
  zmq_ctx_term(context);
}
