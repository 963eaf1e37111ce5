#include "actors/gateway/wire/msgpack_reader.hpp"

#include "actors/gateway/wire/msgpack_format.hpp"
#include "actors/gateway/wire/text.hpp"
#include "storage/utf8.hpp"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

namespace actord::wire {

/// One value's first part: containers stop before their elements, everything
/// else is whole.
struct msgpack_reader::header {
  msgpack_type type = msgpack_type::end;
  bool negative = false; // integer
  uint64_t bits = 0;     // integer, boolean, count of a container
  double real = 0;       // real
  int8_t code = 0;       // ext
  std::string_view body; // str, bin, ext
};

msgpack_type msgpack_reader::peek() const noexcept {
  return ok() && pos_ != end_ ? type_of(*pos_) : msgpack_type::end;
}

void msgpack_reader::fail(std::string reason) {
  assert(!reason.empty());
  if (ok()) {
    error_ = std::move(reason);
    pos_ = end_;
  }
}

void msgpack_reader::add_context(std::string_view context) {
  if (!ok()) {
    error_.insert(0, ": ");
    error_.insert(0, context);
  }
}

/// Completes a header of `head_bytes` bytes that is followed by `length` bytes
/// of body.
bool msgpack_reader::take(header& out, size_t head_bytes, uint64_t length) {
  if (remaining() < head_bytes || remaining() - head_bytes < length) {
    fail(std::string(name_of(out.type)) + " runs past the end of the data");
    return false;
  }
  out.body = {reinterpret_cast<const char*>(pos_ + head_bytes), static_cast<size_t>(length)};
  pos_ += head_bytes + length;
  return true;
}

bool msgpack_reader::parse(header& out) {
  if (!ok()) {
    return false;
  }
  if (pos_ == end_) {
    fail("the data ends where a value is due");
    return false;
  }
  const uint8_t lead = *pos_;
  out.type = type_of(lead);
  const bool wide = lead >= 0xc0 && lead <= 0xdf;
  const size_t width = number_width(lead);
  if (remaining() < 1 + width) {
    fail(std::string(name_of(out.type)) + " runs past the end of the data");
    return false;
  }
  const uint64_t number = load_big_endian(pos_ + 1, width);
  switch (out.type) {
    case msgpack_type::nil: return take(out, 1, 0);
    case msgpack_type::boolean: out.bits = lead & 1; return take(out, 1, 0);
    case msgpack_type::integer:
      if (!wide) {
        out.bits = static_cast<uint64_t>(int64_t{static_cast<int8_t>(lead)});
        out.negative = lead >= 0xe0;
      } else if (lead <= 0xcf) {
        out.bits = number;
      } else {
        assert(width > 0); // the signed forms are 0xd0..0xd3
        const auto unused_bits = static_cast<int>(64 - 8 * width);
        const auto value = static_cast<int64_t>(number << unused_bits) >> unused_bits;
        out.bits = static_cast<uint64_t>(value);
        out.negative = value < 0;
      }
      return take(out, 1 + width, 0);
    case msgpack_type::real:
      out.real = width == 4 ? double{std::bit_cast<float>(static_cast<uint32_t>(number))}
                            : std::bit_cast<double>(number);
      return take(out, 1 + width, 0);
    case msgpack_type::str: return take(out, 1 + width, wide ? number : lead & 0x1f);
    case msgpack_type::bin: return take(out, 1 + width, number);
    case msgpack_type::array:
    case msgpack_type::map: {
      out.bits = wide ? number : lead & 0x0f;
      const uint64_t least = out.type == msgpack_type::map ? 2 * out.bits : out.bits;
      if (remaining() - 1 - width < least) {
        fail(std::string(name_of(out.type)) + " of " + std::to_string(out.bits)
             + " has more elements than the data has bytes");
        return false;
      }
      return take(out, 1 + width, 0);
    }
    case msgpack_type::ext: {
      const uint64_t length = width > 0 ? number : uint64_t{1} << (lead - 0xd4);
      if (!take(out, 2 + width, length)) {
        return false;
      }
      out.code = static_cast<int8_t>(out.body.data()[-1]);
      return true;
    }
    case msgpack_type::end:
    case msgpack_type::invalid: break;
  }
  fail("byte 0xc1 stands where a value is due");
  return false;
}

bool msgpack_reader::next(header& out, msgpack_type wanted, const char* wanted_name) {
  if (ok() && pos_ != end_ && type_of(*pos_) != wanted) {
    fail(std::string("expected ") + wanted_name + ", found " + describe());
  }
  return parse(out);
}

bool msgpack_reader::read_nil() noexcept {
  if (peek() != msgpack_type::nil) {
    return false;
  }
  ++pos_;
  return true;
}

bool msgpack_reader::read_bool() {
  header value;
  return next(value, msgpack_type::boolean, "bool") && value.bits != 0;
}

int64_t msgpack_reader::read_int64() {
  header value;
  if (!next(value, msgpack_type::integer, "int")) {
    return 0;
  }
  if (!value.negative && value.bits > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    fail("int " + std::to_string(value.bits) + " is above 2^63-1");
    return 0;
  }
  return static_cast<int64_t>(value.bits);
}

uint64_t msgpack_reader::read_uint64() {
  header value;
  if (!next(value, msgpack_type::integer, "int")) {
    return 0;
  }
  if (value.negative) {
    fail("int " + std::to_string(static_cast<int64_t>(value.bits)) + " is negative");
    return 0;
  }
  return value.bits;
}

double msgpack_reader::read_double() {
  header value;
  if (peek() == msgpack_type::integer) {
    parse(value);
    return value.negative ? static_cast<double>(static_cast<int64_t>(value.bits))
                          : static_cast<double>(value.bits);
  }
  return next(value, msgpack_type::real, "float") ? value.real : 0;
}

std::string_view msgpack_reader::read_str() {
  header value;
  if (!next(value, msgpack_type::str, "str")) {
    return {};
  }
  if (!is_utf8(value.body)) {
    fail("str " + printable(value.body) + " is not UTF-8");
    return {};
  }
  return value.body;
}

std::span<const std::byte> msgpack_reader::read_bin() {
  header value;
  if (!next(value, msgpack_type::bin, "bin")) {
    return {};
  }
  return std::as_bytes(std::span{value.body.data(), value.body.size()});
}

msgpack_ext msgpack_reader::read_ext() {
  header value;
  if (!next(value, msgpack_type::ext, "ext")) {
    return {};
  }
  return {value.code, std::as_bytes(std::span{value.body.data(), value.body.size()})};
}

uint32_t msgpack_reader::read_array() {
  header value;
  return next(value, msgpack_type::array, "array") ? static_cast<uint32_t>(value.bits) : 0;
}

uint32_t msgpack_reader::read_map() {
  header value;
  return next(value, msgpack_type::map, "map") ? static_cast<uint32_t>(value.bits) : 0;
}

void msgpack_reader::read_slow_token(std::vector<uint32_t>& out) {
  header value;
  if (!next(value, msgpack_type::integer, "int")) {
    return;
  }
  if (value.negative || value.bits > std::numeric_limits<uint32_t>::max()) {
    const std::string text = value.negative ? std::to_string(static_cast<int64_t>(value.bits))
                                            : std::to_string(value.bits);
    fail("token " + text + " is outside 0..4294967295");
    return;
  }
  out.push_back(static_cast<uint32_t>(value.bits));
}

void msgpack_reader::read_tokens(std::vector<uint32_t>& out) {
  out.clear();
  const size_t count = read_array();
  out.resize(count); // read_array has bounded it by the bytes that remain
  uint32_t* to = out.data();
  const uint32_t* const last = to + count;
  const uint8_t* from = pos_;
  // The widest common form has five bytes: as long as those remain, no further
  // check is due.
  while (to != last && end_ - from >= 5) {
    const uint8_t lead = *from;
    if (lead == 0xcd) {
      *to++ = load_big_endian<uint16_t>(from + 1);
      from += 3;
    } else if (lead == 0xce) {
      *to++ = load_big_endian<uint32_t>(from + 1);
      from += 5;
    } else if (lead <= 0x7f) {
      *to++ = lead;
      from += 1;
    } else if (lead == 0xcc) {
      *to++ = from[1];
      from += 2;
    } else {
      break;
    }
  }
  out.resize(static_cast<size_t>(to - out.data()));
  pos_ = from;
  while (out.size() < count && ok()) {
    read_slow_token(out);
  }
}

void msgpack_reader::skip() {
  std::array<uint64_t, max_depth + 1> left{}; // values still due on each level
  size_t depth = 0;
  left[0] = 1;
  for (;;) {
    while (left[depth] == 0) {
      if (depth == 0) {
        return;
      }
      --depth;
    }
    --left[depth];
    header value;
    if (!parse(value)) {
      return;
    }
    const bool is_map = value.type == msgpack_type::map;
    if ((is_map || value.type == msgpack_type::array) && value.bits > 0) {
      if (depth == max_depth) {
        fail("nested more than " + std::to_string(max_depth) + " deep");
        return;
      }
      left[++depth] = is_map ? 2 * value.bits : value.bits;
    }
  }
}

void msgpack_reader::expect_end() {
  if (ok() && pos_ != end_) {
    fail(std::to_string(remaining()) + " bytes follow the value");
  }
}

std::string msgpack_reader::describe() const {
  msgpack_reader copy({reinterpret_cast<const std::byte*>(pos_), remaining()});
  header value;
  if (!copy.parse(value)) {
    return copy.error();
  }
  std::string text(name_of(value.type));
  switch (value.type) {
    case msgpack_type::boolean: return value.bits != 0 ? "bool true" : "bool false";
    case msgpack_type::integer:
      return text + ' '
             + (value.negative ? std::to_string(static_cast<int64_t>(value.bits))
                               : std::to_string(value.bits));
    case msgpack_type::real: return text + ' ' + std::to_string(value.real);
    case msgpack_type::str: return text + ' ' + printable(value.body);
    case msgpack_type::bin:
    case msgpack_type::ext: return text + " of " + std::to_string(value.body.size()) + " bytes";
    case msgpack_type::array:
    case msgpack_type::map: return text + " of " + std::to_string(value.bits);
    default: return text;
  }
}

} // namespace actord::wire
