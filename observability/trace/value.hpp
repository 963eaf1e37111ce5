// What msgpack can say, as a tree.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/msgpack_writer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace actord::trace {

struct value;

struct binary {
  std::string bytes;
  bool operator==(const binary&) const = default;
};

using value_list = std::vector<value>;

/// Pairs in the order of the file, so that what was read is written as it was. Keys are strings or
/// ints; a key that comes twice counts the first time.
using value_map = std::vector<std::pair<value, value>>;

/// One value of a trace file (spec observability §6.3, "plain"). Ints above 2^63-1 are uint64_t,
/// all others int64_t.
struct value {
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, binary, value_list,
               value_map>
    is;

  value() = default;
  value(bool what) : is(what) {
  }
  value(int64_t what) : is(what) {
  }
  value(uint64_t what) : is(what) {
  }
  value(double what) : is(what) {
  }
  value(std::string what) : is(std::move(what)) {
  }
  value(const char*) = delete; // would be a bool
  value(binary what) : is(std::move(what)) {
  }
  value(value_list what) : is(std::move(what)) {
  }
  value(value_map what) : is(std::move(what)) {
  }

  template <class T>
  const T* as() const noexcept {
    return std::get_if<T>(&is);
  }
  bool operator==(const value& other) const;
};

inline value text(std::string_view of) {
  return std::string{of};
}

/// The value of a string key, null when there is none.
const value* find(const value_map& map, std::string_view key);

/// Adds a pair with a string key.
void add(value_map& map, std::string_view key, value what);

/// Reads the next value. It fails, in the reader, on values nested more than 32 deep, on keys that
/// are neither string nor int, on ext, and when `budget` values are used up: a tree takes some 30
/// times the bytes of the file.
value read_value(wire::msgpack_reader& from, size_t& budget);

/// Every value in its shortest form, floats in 8 bytes: as msgspec writes them.
void write_value(wire::msgpack_writer& to, const value& what);

} // namespace actord::trace
