#include "observability/trace/value.hpp"

namespace actord::trace {

using wire::msgpack_reader;
using wire::msgpack_type;
using wire::msgpack_writer;

namespace {

constexpr size_t least_reserve = 64; // elements; counts from outside are only believed that far

value read_nested(msgpack_reader& from, size_t& budget, size_t depth);

value_list read_list(msgpack_reader& from, size_t& budget, size_t depth) {
  const uint32_t count = from.read_array();
  value_list result;
  result.reserve(std::min<size_t>(count, least_reserve));
  for (uint32_t i = 0; i < count && from.ok(); ++i)
    result.push_back(read_nested(from, budget, depth));
  return result;
}

value_map read_map(msgpack_reader& from, size_t& budget, size_t depth) {
  const uint32_t count = from.read_map();
  value_map result;
  result.reserve(std::min<size_t>(count, least_reserve));
  for (uint32_t i = 0; i < count && from.ok(); ++i) {
    const auto type = from.peek();
    if (type != msgpack_type::str && type != msgpack_type::integer) {
      from.fail("expected str or int as a key, found " + from.describe());
      break;
    }
    auto key = read_nested(from, budget, depth);
    result.emplace_back(std::move(key), read_nested(from, budget, depth));
  }
  return result;
}

value read_integer(msgpack_reader& from) {
  auto probe = from;
  if (const int64_t small = probe.read_int64(); probe.ok()) {
    from = probe;
    return small;
  }
  return from.read_uint64();
}

value read_nested(msgpack_reader& from, size_t& budget, size_t depth) {
  if (budget == 0) {
    from.fail("more values than a frame may have");
    return {};
  }
  --budget;
  const auto type = from.peek();
  const bool nests = type == msgpack_type::array || type == msgpack_type::map;
  if (nests && depth == msgpack_reader::max_depth) {
    from.fail("nested more than " + std::to_string(depth) + " deep");
    return {};
  }
  switch (type) {
    case msgpack_type::nil: from.read_nil(); return {};
    case msgpack_type::boolean: return from.read_bool();
    case msgpack_type::integer: return read_integer(from);
    case msgpack_type::real: return from.read_double();
    case msgpack_type::str: return std::string{from.read_str()};
    case msgpack_type::bin: {
      const auto bytes = from.read_bin();
      return binary{{reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
    }
    case msgpack_type::array: return read_list(from, budget, depth + 1);
    case msgpack_type::map: return read_map(from, budget, depth + 1);
    case msgpack_type::ext: from.fail("ext is not used in traces"); return {};
    case msgpack_type::end:
    case msgpack_type::invalid: break;
  }
  from.skip(); // says what is wrong
  return {};
}

struct value_writer {
  msgpack_writer& to;

  void operator()(std::monostate) const {
    to.nil();
  }
  void operator()(bool what) const {
    to.boolean(what);
  }
  void operator()(int64_t what) const {
    to.integer(what);
  }
  void operator()(uint64_t what) const {
    to.unsigned_integer(what);
  }
  void operator()(double what) const {
    to.real(what);
  }
  void operator()(const std::string& what) const {
    to.str(what);
  }
  void operator()(const binary& what) const {
    to.bin(what.bytes);
  }
  void operator()(const value_list& what) const {
    to.array(what.size());
    for (const auto& each : what)
      write_value(to, each);
  }
  void operator()(const value_map& what) const {
    to.map(what.size());
    for (const auto& [key, each] : what) {
      write_value(to, key);
      write_value(to, each);
    }
  }
};

} // namespace

// Not defaulted: clang 14 crashes on it.
bool value::operator==(const value& other) const {
  return is == other.is;
}

const value* find(const value_map& map, std::string_view key) {
  for (const auto& [name, what] : map)
    if (const auto* text = name.as<std::string>(); text && *text == key)
      return &what;
  return nullptr;
}

void add(value_map& map, std::string_view key, value what) {
  map.emplace_back(text(key), std::move(what));
}

value read_value(msgpack_reader& from, size_t& budget) {
  return read_nested(from, budget, 0);
}

void write_value(msgpack_writer& to, const value& what) {
  std::visit(value_writer{to}, what.is);
}

} // namespace actord::trace
