// Reads a trace file frame by frame.
#pragma once

#include "observability/trace/format.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace actord::trace {

/// Puts the next bytes of a file into a buffer that is never empty and returns how many; 0: there
/// are no more.
using byte_source = std::function<size_t(std::span<char> into)>;

/// The bytes of a text, which must outlive the source.
byte_source bytes_of(std::string_view text);

/// Yields the records of a file in order, with one frame in memory at a time (spec observability
/// §6.5): the header strictly, records leniently. What is wrong with the rest of a file is told as
/// a warning and passed over; a frame that the file's end cuts ends it.
class reader {
public:
  using warning = std::function<void(const std::string&)>;

  /// Reads the header, or tells why there is none.
  /// @param path for messages
  /// @param warn gets whole lines of a log
  static std::variant<reader, std::string>
  open(std::string_view path, byte_source from, warning warn);

  const header& head() const noexcept {
    return head_;
  }

  /// The next record; none at the end.
  std::optional<record> next();

  /// Records that the recorder lost, as far as the file was read.
  int64_t lost() const noexcept {
    return lost_;
  }

  /// Frames that were passed over.
  uint64_t skipped() const noexcept {
    return skipped_;
  }

  /// Bytes from the file's start to the next frame.
  uint64_t offset() const noexcept {
    return offset_;
  }

private:
  reader(byte_source from, warning warn);

  enum class outcome { frame, too_long, end, cut };

  outcome read_frame();
  /// Fills `body_` with `bytes` bytes, or what there is of them.
  void read_body(uint64_t bytes);
  /// Reads past `bytes` bytes and returns how many there were.
  uint64_t pass_over(uint64_t bytes);

  byte_source from_;
  warning warn_;
  header head_;
  std::string body_;
  std::string cut_; // what the end cut, in words
  uint64_t offset_ = 0;
  uint64_t skipped_ = 0;
  int64_t lost_ = 0;
};

} // namespace actord::trace
