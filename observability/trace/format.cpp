#include "observability/trace/format.hpp"

#include <optional>
#include <span>

namespace actord::trace {

using wire::msgpack_reader;
using wire::msgpack_writer;

namespace {

constexpr size_t prefix_bytes = 4;

std::string framed(msgpack_writer& body) {
  auto bytes = body.take();
  const auto length = bytes.size() - prefix_bytes;
  for (size_t i = 0; i < prefix_bytes; ++i)
    bytes[i] = static_cast<char>(length >> (8 * (prefix_bytes - 1 - i)) & 0xff);
  return bytes;
}

msgpack_writer begin_frame(size_t fields, std::string_view type) {
  msgpack_writer result;
  result.bytes().assign(prefix_bytes, '\0'); // the length comes last
  result.map(fields);
  result.str("type");
  result.str(type);
  return result;
}

void put(msgpack_writer& to, std::string_view key, double what) {
  to.str(key);
  to.real(what);
}

void put(msgpack_writer& to, std::string_view key, int64_t what) {
  to.str(key);
  to.integer(what);
}

void put(msgpack_writer& to, std::string_view key, std::string_view what) {
  to.str(key);
  to.str(what);
}

void put_map(msgpack_writer& to, std::string_view key, const value_map& what) {
  to.str(key);
  to.map(what.size());
  for (const auto& [name, each] : what) {
    write_value(to, name);
    write_value(to, each);
  }
}

/// The fields of one frame; the first thing that is wrong sticks.
class fields {
public:
  explicit fields(std::string_view body) {
    msgpack_reader from{std::as_bytes(std::span{body.data(), body.size()})};
    if (from.peek() != wire::msgpack_type::map) {
      error_ = body.empty() ? "an empty frame" : "expected a map, found " + from.describe();
      return;
    }
    size_t budget = max_frame_values;
    auto all = read_value(from, budget);
    from.expect_end();
    error_ = from.error();
    if (error_.empty())
      map_ = std::get<value_map>(std::move(all.is));
  }

  bool says_type(std::string_view wanted) const {
    const auto* found = find(map_, "type");
    const auto* name = found ? found->as<std::string>() : nullptr;
    return name && *name == wanted;
  }

  /// A missing type is the one that is wanted.
  bool is_type(std::string_view wanted) const {
    return !find(map_, "type") || says_type(wanted);
  }

  std::string string(std::string_view key) {
    return take<std::string>(key, "a string");
  }

  std::string bytes(std::string_view key) {
    return take<binary>(key, "bytes").bytes;
  }

  value_map map(std::string_view key) {
    return take<value_map>(key, "a map");
  }

  value_map map_or_none(std::string_view key) {
    return find(map_, key) ? map(key) : value_map{};
  }

  int64_t integer(std::string_view key) {
    return take<int64_t>(key, "an int");
  }

  double number(std::string_view key) {
    const auto* found = find(map_, key);
    if (found && found->as<int64_t>())
      return static_cast<double>(*found->as<int64_t>());
    if (found && found->as<uint64_t>())
      return static_cast<double>(*found->as<uint64_t>());
    return take<double>(key, "a float");
  }

  void fail(std::string why) {
    if (error_.empty())
      error_ = std::move(why);
  }

  const std::string& error() const {
    return error_;
  }

private:
  template <class T>
  T take(std::string_view key, std::string_view kind) {
    auto* found = const_cast<value*>(find(map_, key)); // of our own map
    if (!found)
      fail("field `" + std::string{key} + "` is missing");
    else if (auto* right = std::get_if<T>(&found->is))
      return std::move(*right);
    else
      fail("field `" + std::string{key} + "` is not " + std::string{kind});
    return {};
  }

  value_map map_;
  std::string error_;
};

} // namespace

std::string encode(const header& what) {
  auto to = begin_frame(what.level_meta.empty() ? 9 : 10, "header");
  to.str("magic");
  to.bin(what.magic);
  put(to, "format_version", what.format);
  put(to, "level", what.level);
  put(to, "trace_schema_version", what.schema);
  put(to, "t_mono_start", what.t_mono_start);
  put(to, "t_wall_start", what.t_wall_start);
  put(to, "sm_config_json", what.sm_config_json);
  put(to, "sm_config_digest", what.sm_config_digest);
  if (!what.level_meta.empty())
    put_map(to, "level_meta", what.level_meta);
  return framed(to);
}

std::string encode(const record& what) {
  auto to = begin_frame(5, "record");
  put(to, "t_mono", what.t_mono);
  put(to, "t_wall", what.t_wall);
  put(to, "qualname", what.qualname);
  put_map(to, "args", what.args);
  return framed(to);
}

std::string encode(const gap& what) {
  auto to = begin_frame(4, "gap");
  put(to, "t_mono", what.t_mono);
  put(to, "t_wall", what.t_wall);
  put(to, "dropped", what.dropped);
  return framed(to);
}

std::variant<header, std::string> decode_header(std::string_view body) {
  fields from{body};
  if (!from.is_type("header"))
    from.fail("the first frame is no header");
  header result;
  result.magic = from.bytes("magic");
  result.format = from.integer("format_version");
  result.level = from.string("level");
  result.schema = from.integer("trace_schema_version");
  result.t_mono_start = from.number("t_mono_start");
  result.t_wall_start = from.number("t_wall_start");
  result.sm_config_json = from.string("sm_config_json");
  result.sm_config_digest = from.string("sm_config_digest");
  result.level_meta = from.map_or_none("level_meta");
  if (!from.error().empty())
    return from.error();
  return result;
}

std::variant<record, gap, std::string> decode_record(std::string_view body) {
  fields from{body};
  if (from.says_type("gap")) {
    gap lost{from.number("t_mono"), from.number("t_wall"), from.integer("dropped")};
    if (!from.error().empty())
      return from.error();
    return lost;
  }
  if (!from.is_type("record"))
    from.fail("its type is not `record`");
  record result;
  result.t_mono = from.number("t_mono");
  result.t_wall = from.number("t_wall");
  result.qualname = from.string("qualname");
  result.args = from.map("args");
  if (!from.error().empty())
    return from.error();
  return result;
}

} // namespace actord::trace
