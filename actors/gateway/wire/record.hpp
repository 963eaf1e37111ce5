// Records are maps with known keys: the loop over them, and which keys have
// been seen.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::wire {

/// Calls `on_field(name)` for each key of the map that is next; it reads the
/// value and returns true, or returns false for a key it does not know, whose
/// value is then passed over. A failure names the field, as in "world_size:
/// expected int, found nil".
template <class OnField>
void read_fields(msgpack_reader& in, OnField&& on_field) {
  const uint32_t count = in.read_map();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.read_str();
    if (!in.ok()) {
      in.add_context("a key");
      return;
    }
    const bool known = on_field(name);
    if (!known) {
      in.skip();
    }
    if (!in.ok()) {
      in.add_context(known ? std::string(name) : printable(name));
    }
  }
}

/// The keys that a record cannot do without.
template <size_t Count>
class required_fields {
public:
  explicit required_fields(const std::array<std::string_view, Count>& names) : names_(names) {
  }

  void saw(std::string_view name) noexcept {
    for (size_t i = 0; i < Count; ++i) {
      seen_ |= names_[i] == name ? 1u << i : 0u;
    }
  }

  /// Fails `in` when one is missing.
  void check(msgpack_reader& in) const {
    for (size_t i = 0; i < Count && in.ok(); ++i) {
      if ((seen_ >> i & 1u) == 0) {
        in.fail(std::string(names_[i]) + " is missing");
      }
    }
  }

private:
  static_assert(Count <= 32);
  const std::array<std::string_view, Count>& names_;
  uint32_t seen_ = 0;
};

/// A size or offset: an int in [0, 2^63).
inline int64_t read_size(msgpack_reader& in) {
  const int64_t value = in.read_int64();
  if (value < 0) {
    in.fail(std::to_string(value) + " is negative");
  }
  return value;
}

/// An array of ints that fit int64.
inline std::vector<int64_t> read_ints(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  std::vector<int64_t> result;
  result.reserve(count); // read_array has bounded it by the bytes that remain
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    result.push_back(in.read_int64());
  }
  return result;
}

/// A nil or an int that fits int64.
inline std::optional<int64_t> read_optional_int(msgpack_reader& in) {
  return in.read_nil() ? std::nullopt : std::optional(in.read_int64());
}

} // namespace actord::wire
