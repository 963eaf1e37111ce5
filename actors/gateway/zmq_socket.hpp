// The ROUTER socket and its monitor: frames in, frames out, connections that come and go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zmq.h>

namespace actord {

/// One received frame; views are valid until the next `receive`.
using frame = std::span<const std::byte>;

/// The bytes of a frame as text, for those that are echoed.
inline std::string_view text_view(frame bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A TCP or Unix connection below the socket. File descriptors are reused at once, so `generation`
/// counts the connections that a descriptor has had.
struct connection {
  int fd = -1;
  uint64_t generation = 0;
  auto operator<=>(const connection&) const = default;
};

struct zmq_socket_options {
  std::string host = "localhost";
  uint16_t port = 5555; // 0: any free one
  std::string ipc_path; // also bound; empty: none
  int64_t max_frame_bytes = 0;
  std::string curve_secret_key; // z85; empty: no encryption
};

/// What arrived: the peer's routing id, its frames, and the descriptor that they came on.
struct incoming {
  std::string_view identity;
  std::vector<frame> frames; // after the identity
  int fd = -1;
  bool oversized = false; // more frames than any operation has; the rest was thrown away
};

/// Not thread-safe: everything happens on the gateway's thread. Throws std::runtime_error with a
/// message for the operator when the socket cannot be opened or bound.
class zmq_socket {
public:
  /// uid, operation and the eight payloads of the largest operation, with room for what clients may
  /// add.
  static constexpr size_t max_frames = 16;

  explicit zmq_socket(const zmq_socket_options& options);
  zmq_socket(const zmq_socket&) = delete;
  ~zmq_socket();

  /// Receives one message without waiting; false when there is none.
  bool receive(incoming& message);

  enum class sent : uint8_t { ok, gone, full };
  /// Sends uid, operation and perhaps a body without waiting. `full`: the peer does not read.
  /// `gone`: nobody has that identity any more.
  sent send(std::string_view identity, std::string_view uid, std::string_view operation,
            std::optional<std::string> body);

  /// Takes note of connections that came, and tells which are over and whether the peer itself
  /// ended them (else libzmq did, for a frame above the limit say, and the peer may live). Must be
  /// called often: libzmq blocks everyone when nobody drains its monitor.
  void drain_monitor(const std::function<void(connection, bool by_peer)>& ended);

  /// The connection that a descriptor has now.
  connection link_of(int fd) const;
  /// Whether the connection is the one that its descriptor has now.
  bool alive(const connection& link) const;
  /// Cuts a peer that does not read.
  void cut(const connection& link) const;

  /// Waits until the socket, the monitor or `wake_fd` has something, at most `timeout_ms` (-1: no
  /// limit). Returns whether the socket or its monitor is readable.
  bool wait(int wake_fd, long timeout_ms);

  /// What was bound, for the log.
  const std::vector<std::string>& endpoints() const noexcept {
    return endpoints_;
  }

private:
  void bind(const std::string& endpoint, std::string_view remedy);

  struct descriptor {
    uint64_t generation = 0;
    bool open = false;
    int witness = -1; // a duplicate: still tells who closed when libzmq has closed its own
  };

  static bool closed_by_peer(int witness);

  void* context_ = nullptr;
  void* router_ = nullptr;
  void* monitor_ = nullptr;
  std::vector<zmq_msg_t> parts_;
  std::string identity_;
  std::map<int, descriptor> descriptors_;
  std::vector<std::string> endpoints_;
};

} // namespace actord
