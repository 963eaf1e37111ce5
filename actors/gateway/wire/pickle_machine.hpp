// Reads the part of Python's pickle format that torch tensors need, without
// ever running anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord::wire {

/// One value of a pickle. `text` points into the input.
struct pickle_value {
  enum class kind : uint8_t {
    none,
    boolean,    // number
    integer,    // number; beyond int64: `big`
    big,        // text: little-endian two's complement
    str,        // text
    bytes,      // text
    global,     // number: index into the allowlist
    tuple,      // number: index into `nodes`, as for all below
    list,
    dict,       // keys and values in turn
    call,       // callee (a global) and its arguments (a tuple), not carried out
    persistent, // its identity, a tuple
    mark
  } type = kind::none;
  int64_t number = 0;
  std::string_view text;
};

/// What a pickle says: a tree in an arena. Memo references may make a list
/// contain itself, so readers must go down by a fixed grammar, never "to the
/// end".
struct pickle_tree {
  pickle_value root;
  std::vector<std::vector<pickle_value>> nodes;
  size_t consumed = 0; // bytes up to and including STOP
};

/// A callable or class that a pickle may name.
struct pickle_global {
  std::string_view module;
  std::string_view name;
};

struct pickle_limits {
  size_t max_opcodes = 0; // bounds time, and memory at some 100 bytes each
  bool persistent_ids = false;
};

/// Parses one pickle at the front of `bytes`. Allowed opcodes: those of
/// wire-protocol §7.3, protocols 2 to 5. Anything else, a global that is not in
/// `allowed`, or a limit reached is an error, returned as text.
std::variant<pickle_tree, std::string>
parse_pickle(std::span<const std::byte> bytes, std::span<const pickle_global> allowed,
             pickle_limits limits);

} // namespace actord::wire
