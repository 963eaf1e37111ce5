#include "actors/gateway/wire/msgpack_writer.hpp"

#include <array>
#include <bit>
#include <cassert>
#include <limits>

namespace actord::wire {

namespace {

constexpr uint8_t no_form = 0;

} // namespace

void msgpack_writer::put(uint8_t lead) {
  out_ += static_cast<char>(lead);
}

void msgpack_writer::put(uint8_t lead, uint64_t number, size_t width) {
  std::array<char, 9> buffer;
  buffer[0] = static_cast<char>(lead);
  for (size_t i = 0; i < width; ++i) {
    buffer[width - i] = static_cast<char>(number >> (8 * i) & 0xff);
  }
  out_.append(buffer.data(), width + 1);
}

void msgpack_writer::nil() {
  put(0xc0);
}

void msgpack_writer::boolean(bool value) {
  put(value ? 0xc3 : 0xc2);
}

void msgpack_writer::unsigned_integer(uint64_t value) {
  if (value <= 0x7f) {
    put(static_cast<uint8_t>(value));
  } else if (value <= 0xff) {
    put(0xcc, value, 1);
  } else if (value <= 0xffff) {
    put(0xcd, value, 2);
  } else if (value <= 0xffff'ffff) {
    put(0xce, value, 4);
  } else {
    put(0xcf, value, 8);
  }
}

void msgpack_writer::integer(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (value >= 0) {
    unsigned_integer(bits);
  } else if (value >= -32) {
    put(static_cast<uint8_t>(bits & 0xff));
  } else if (value >= std::numeric_limits<int8_t>::min()) {
    put(0xd0, bits, 1);
  } else if (value >= std::numeric_limits<int16_t>::min()) {
    put(0xd1, bits, 2);
  } else if (value >= std::numeric_limits<int32_t>::min()) {
    put(0xd2, bits, 4);
  } else {
    put(0xd3, bits, 8);
  }
}

void msgpack_writer::real(double value) {
  put(0xcb, std::bit_cast<uint64_t>(value), 8);
}

/// The 32-bit form's first byte follows the 16-bit form's in every family.
void msgpack_writer::counted(size_t count, uint8_t fix_lead, size_t fix_limit, uint8_t lead8,
                             uint8_t lead16) {
  assert(count <= 0xffff'ffff);
  if (count < fix_limit) {
    put(static_cast<uint8_t>(fix_lead | count));
  } else if (lead8 != no_form && count <= 0xff) {
    put(lead8, count, 1);
  } else if (count <= 0xffff) {
    put(lead16, count, 2);
  } else {
    put(static_cast<uint8_t>(lead16 + 1), count, 4);
  }
}

void msgpack_writer::str(std::string_view text) {
  counted(text.size(), 0xa0, 32, 0xd9, 0xda);
  out_ += text;
}

void msgpack_writer::bin_header(size_t length) {
  counted(length, no_form, 0, 0xc4, 0xc5);
}

void msgpack_writer::bin(std::string_view bytes) {
  bin_header(bytes.size());
  out_ += bytes;
}

void msgpack_writer::array(size_t count) {
  counted(count, 0x90, 16, no_form, 0xdc);
}

void msgpack_writer::map(size_t count) {
  counted(count, 0x80, 16, no_form, 0xde);
}

} // namespace actord::wire
