// Replies of Redis and what speaks like it, read within bounds (spec l2-adapters §7.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>
#include <sys/uio.h>

namespace actord {

struct resp_tree_free {
  void operator()(redisReply* reply) const noexcept {
    freeReplyObject(reply);
  }
};
using resp_tree = std::unique_ptr<redisReply, resp_tree_free>;

/// What one command was answered.
struct resp_reply {
  enum class kind : uint8_t {
    value,        // the bytes wanted, all of them, where they were wanted
    other_length, // a value of `number` bytes instead, thrown away
    null,         // no such key
    status,       // `text`
    text,         // a bulk string where none was to be received: `text`
    error,        // `text`
    number,       // `number`
    list,         // `tree`
  };
  kind what = kind::null;
  int64_t number = 0;
  std::string text;
  resp_tree tree;
};

/// Parts the bytes of one connection into replies. Values go straight to where they are wanted,
/// never more bytes than that; everything else is hiredis' to read, with bounds on its size. Plain
/// code: it knows no socket.
///
/// Receive into `room`, say how much came, then ask for replies until there is none.
class resp_decoder {
public:
  /// Most bytes of a reply that is no value, and most nodes of its tree.
  static constexpr uint64_t max_reply_bytes = 4 << 20, max_elements = 1 << 18;
  /// Longest value that is read and thrown away; a longer one costs the connection.
  static constexpr uint64_t max_skipped_bytes = 64 << 20;

  /// Where a value is wanted.
  struct target {
    std::byte* bytes = nullptr;
    uint64_t length_bytes = 0;
  };
  enum class step : uint8_t {
    more,   // the reply has not come as a whole yet
    reply,  // here it is
    broken, // what came is no reply: nothing more can be read, see `why`
  };

  resp_decoder();
  resp_decoder(const resp_decoder&) = delete;
  resp_decoder& operator=(const resp_decoder&) = delete;

  /// Where the next bytes of the connection go, in this order; an entry may be empty. @pre `next`
  /// has just said `more`, or nothing was received yet
  std::array<iovec, 2> room();
  /// So many bytes were put into `room`.
  void received(size_t bytes);

  /// The next reply.
  /// @param value where a value is wanted; the same until the reply is there; none: the command
  /// has no value for an answer
  step next(const std::optional<target>& value, resp_reply& reply);

  /// Whether every byte received belonged to a reply that was handed out.
  bool idle() const noexcept {
    return state_ == state::head && begin_ == end_;
  }
  const std::string& why() const noexcept {
    return why_;
  }

private:
  enum class state : uint8_t { head, value, skip, value_end, other, broken };

  size_t available() const noexcept {
    return end_ - begin_;
  }
  step fail(std::string why);
  step read_value_head(const target& wanted, resp_reply& reply);
  void take_value();
  void skip_value();
  step refuse_value(resp_reply& reply);
  step end_value(resp_reply& reply);
  step read_other(resp_reply& reply);
  /// Bytes that may be handed to hiredis: up to the end of a line, so that a reply that is complete
  /// always ends where they end.
  size_t portion() const;

  struct reader_free {
    void operator()(redisReader* reader) const noexcept {
      redisReaderFree(reader);
    }
  };
  redisReplyObjectFunctions functions_{};
  std::unique_ptr<redisReader, reader_free> reader_;
  uint64_t elements_ = 0, fed_bytes_ = 0; // of the reply under way
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  state state_ = state::head;
  std::byte* to_ = nullptr; // where the rest of a value goes
  uint64_t left_bytes_ = 0; // of a value that is received or skipped
  int64_t skipped_ = -1;    // length of a value that is not wanted
  std::string why_;
};

} // namespace actord
