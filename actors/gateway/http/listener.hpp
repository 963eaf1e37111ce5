// The sockets of the HTTP gateway: one thread that waits for all of them, and a few that work.
#pragma once

#include "actors/gateway/http/codec.hpp"
#include "actors/gateway/http/framing.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

struct addrinfo;

namespace actord::http {

struct listener_options {
  frame_limits frames;
  size_t workers = 3;
  size_t connections = 256;                 // the longest silent one goes when one more comes
  size_t queued = 64;                       // whole requests that wait for a worker; 503 beyond
  size_t buffered_bytes = 64 * 1024 * 1024; // of all requests that are still arriving; 503 beyond
  std::chrono::milliseconds idle{5000};     // between requests
  std::chrono::milliseconds head{5000};     // from the first byte of a request to its last header
  std::chrono::milliseconds body{30000};    // from there to its last byte
  std::chrono::milliseconds send{5000};     // to take the reply
};

/// What `bind` bound: its number (from 0, in order of the calls), its port, and whether only this
/// machine reaches it.
struct bound_site {
  size_t number = 0;
  uint16_t port = 0;
  bool loopback = false;
};

/// Clients cost a descriptor and a buffer, never a thread, until their request has arrived whole:
/// however many are slow or silent, the others are served. Bounds: `listener_options`.
class listener {
public:
  /// Runs on a worker, or on the socket thread for requests that `is_instant` picks: those must
  /// not wait for anything.
  using serve_function = std::function<codec::outcome(
    std::string_view bytes, const std::string& peer, size_t site, bool last)>;
  using instant_function = std::function<bool(std::string_view bytes)>;

  listener(const listener_options& options, serve_function serve, instant_function is_instant);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// Listens on every address of `host`; port 0: the system chooses. Before `start`.
  /// @throws std::runtime_error with the address, the reason and the remedy
  bound_site bind(const std::string& host, uint16_t port);
  void start();
  /// Takes no new request, gives those in progress at most `drain`, ends all threads.
  void stop(std::chrono::milliseconds drain);

private:
  using clock = std::chrono::steady_clock;
  // What epoll events carry.
  static constexpr uint64_t wake_id = 0, first_socket_id = 1, first_connection_id = 1'000;

  enum class phase : uint8_t { receiving, working, sending, lingering, closed };

  struct listening_socket {
    int fd;
    size_t site;
  };

  struct connection {
    int fd = -1;
    uint64_t id = 0;
    size_t site = 0;
    std::string peer, in, out;
    size_t sent = 0;
    phase now = phase::receiving;
    bool keep_open = false, has_head = false;
    bool unread = false; // a refused request may still be arriving
    clock::time_point deadline, active;
  };

  struct job {
    uint64_t id;
    std::string bytes, peer;
    size_t site;
    bool last;
  };

  struct result {
    uint64_t id;
    codec::outcome outcome;
  };

  void listen_at(const ::addrinfo& address, bound_site& site, const std::string& shown);
  void loop();
  void work();
  void wake();
  void accept_from(const listening_socket& from);
  void set_accepting(bool on);
  void close_sockets();
  bool make_room();
  void on_event(uint64_t id, uint32_t events);
  void receive(connection& from);
  void begin_drain();
  void drive(connection& one);
  void take_request(connection& from);
  void dispatch(connection& from, std::string bytes);
  void refuse(connection& one, int status, const std::string& reason);
  void answer(connection& one, codec::outcome outcome);
  void flush(connection& to);
  void await(connection& one, phase next, std::chrono::milliseconds limit);
  void watch(const connection& one, uint32_t events);
  void deliver_results();
  void expire(clock::time_point now);
  void sweep();
  bool drained(clock::time_point now) const;
  int wait_ms(clock::time_point now) const;
  size_t buffered_bytes() const;

  listener_options options_;
  serve_function serve_;
  instant_function is_instant_;
  int epoll_ = -1, wake_ = -1;
  size_t sites_ = 0;
  std::vector<listening_socket> sockets_;
  std::unordered_map<uint64_t, connection> connections_; // socket thread only
  uint64_t next_id_ = first_connection_id;
  bool accepting_ = true, draining_ = false;
  clock::time_point accept_again_, drain_deadline_;

  std::mutex mutex_; // guards what follows
  std::condition_variable has_job_;
  std::deque<job> jobs_;
  std::vector<result> results_;
  bool stopping_ = false, ended_ = false; // drain; no job will come
  std::chrono::milliseconds drain_{0};

  std::thread thread_;
  std::vector<std::thread> workers_;
};

} // namespace actord::http
