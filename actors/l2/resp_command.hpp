// A command on its way to a server, and who waits for its answer.
#pragma once

#include "actors/l2/resp_decoder.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace actord {

using resp_clock = std::chrono::steady_clock;
using resp_time = resp_clock::time_point;

struct resp_command;

/// Who gave a command. All calls come from the store's thread.
class resp_sink {
public:
  virtual ~resp_sink() = default;
  /// The command was answered; its memory is not in use any more.
  /// @param from host:port of the server
  /// @return false when the reply is none to such a command: the server is out of step
  virtual bool answered(resp_command& command, resp_reply& reply, const std::string& from) = 0;
  /// It was not and will not be; its memory is not in use any more.
  virtual void failed(resp_command& command, const std::string& why) = 0;
};

/// Kinds in the order in which they go out when several wait.
enum class resp_queue : uint8_t { lookup, load, write, count };

struct resp_command {
  std::string head, tail;                    // of the request
  std::span<const std::byte> payload;        // between them
  std::optional<resp_decoder::target> value; // where the answer's value goes
  std::shared_ptr<resp_sink> sink;           // null: greetings
  resp_queue queue = resp_queue::write;
  size_t item = 0;              // of the sink's batch
  std::optional<uint16_t> slot; // in a cluster; none: the node was chosen already
  uint8_t attempts = 0, redirects = 0;
  bool to_slot_owner = false; // ASKING goes before it
  // Handed to the socket, in part or as a whole: takes effect unless the connection ends.
  bool offered = false;
  enum class step : uint8_t { ordinary, auth, select, ping, asking } what = step::ordinary;

  uint64_t request_bytes() const noexcept {
    return head.size() + payload.size() + tail.size();
  }
  /// That its request or its answer moves.
  uint64_t moved_bytes() const noexcept {
    return payload.size() + (value ? value->length_bytes : 0);
  }
};

} // namespace actord
