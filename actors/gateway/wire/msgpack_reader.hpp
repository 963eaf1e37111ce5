// Pull reader for msgpack bytes that nobody vouches for: typed reads, a sticky
// error, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord::wire {

/// What the next value is. `invalid` is the one byte that msgpack never uses
/// (0xc1), `end` no byte.
enum class msgpack_type : uint8_t {
  end,
  invalid,
  nil,
  boolean,
  integer,
  real,
  str,
  bin,
  array,
  map,
  ext
};

/// Application-defined value; `body` points into the input.
struct msgpack_ext {
  int8_t code = 0;
  std::span<const std::byte> body;
};

/// Reads values from front to back. The first failure sticks: every later read
/// returns zero or an empty view, so that callers may check `ok()` once per
/// record. Every legal width is accepted; a count or length is compared with
/// the bytes that remain before anyone sees it. Views point into the input,
/// which must outlive them. Source: msgpack specification, wire-protocol §2.1.
class msgpack_reader {
public:
  /// Nesting that `skip` follows; deeper values are an error.
  static constexpr size_t max_depth = 32;

  explicit msgpack_reader(std::span<const std::byte> bytes) noexcept
    : begin_(reinterpret_cast<const uint8_t*>(bytes.data())), pos_(begin_),
      end_(begin_ + bytes.size()) {
  }

  bool ok() const noexcept {
    return error_.empty();
  }

  /// Why reading failed, "" while it has not.
  const std::string& error() const noexcept {
    return error_;
  }

  size_t position() const noexcept {
    return static_cast<size_t>(pos_ - begin_);
  }

  size_t remaining() const noexcept {
    return static_cast<size_t>(end_ - pos_);
  }

  msgpack_type peek() const noexcept;

  /// Consumes a nil if it is next; anything else stays and yields false.
  bool read_nil() noexcept;

  bool read_bool();

  /// An int of any width and sign; a value outside the result's range is an
  /// error.
  int64_t read_int64();
  uint64_t read_uint64();

  /// A float of either width, or an int.
  double read_double();

  /// Valid UTF-8 only, as the peer's decoder has it.
  std::string_view read_str();
  std::span<const std::byte> read_bin();
  msgpack_ext read_ext();

  /// Number of elements; at most as many as bytes remain.
  uint32_t read_array();

  /// Number of key-value pairs; at most half as many as bytes remain.
  uint32_t read_map();

  /// Array of ints in [0, 2^32) into `out`, which is replaced.
  void read_tokens(std::vector<uint32_t>& out);

  /// Passes over one value of any type, iteratively.
  void skip();

  /// Fails when bytes are left over.
  void expect_end();

  /// Records the first failure. `reason` must not be empty.
  void fail(std::string reason);

  /// Puts `context` and ": " before the recorded failure.
  void add_context(std::string_view context);

  /// The next value in a few words for messages, e.g. `int -3`, `str "abc"`,
  /// `map of 2`.
  std::string describe() const;

private:
  struct header;

  bool next(header& out, msgpack_type wanted, const char* wanted_name);
  bool parse(header& out);
  bool take(header& out, size_t head_bytes, uint64_t length);
  void read_slow_token(std::vector<uint32_t>& out);

  const uint8_t* begin_;
  const uint8_t* pos_;
  const uint8_t* end_;
  std::string error_;
};

} // namespace actord::wire
