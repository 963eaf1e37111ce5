#include "actors/gateway/wire/msgpack_writer.hpp"

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace actord::wire;

namespace {

using nlohmann::json;

/// Writes the decoded form of a vector; bytes are objects with one key "$hex".
void write_json(msgpack_writer& out, const json& value) {
  if (value.is_null()) {
    out.nil();
  } else if (value.is_boolean()) {
    out.boolean(value.get<bool>());
  } else if (value.is_number_unsigned()) {
    out.unsigned_integer(value.get<uint64_t>());
  } else if (value.is_number_integer()) {
    out.integer(value.get<int64_t>());
  } else if (value.is_number_float()) {
    out.real(value.get<double>());
  } else if (value.is_string()) {
    out.str(value.get<std::string>());
  } else if (value.is_array()) {
    out.array(value.size());
    for (const json& each : value) {
      write_json(out, each);
    }
  } else if (value.contains("$hex")) {
    out.bin(test::from_hex(value.at("$hex").get<std::string>()));
  }
}

std::string int_bytes(int64_t value) {
  msgpack_writer out;
  out.integer(value);
  return out.take();
}

} // namespace

TEST_CASE("scalars and lists of the vectors are written byte for byte") {
  size_t checked = 0;
  for (const json& each : test::vectors()) {
    const bool is_ext = each.dump().find("$ext") != std::string::npos;
    if (each.at("encoding") != "msgpack" || is_ext) {
      continue;
    }
    const json& decoded = each.at("decoded");
    // The JSON reader sorts the keys of maps: those are checked elsewhere.
    const bool has_map
      = decoded.dump().find("{\"") != std::string::npos && !decoded.contains("$hex");
    if (has_map || decoded == json::object()) {
      continue;
    }
    msgpack_writer out;
    write_json(out, decoded);
    CHECK_MESSAGE(out.bytes() == test::from_hex(each.at("hex").get<std::string>()),
                  each.at("name").get<std::string>());
    ++checked;
  }
  CHECK_GT(checked, 50);
}

TEST_CASE("ints take the shortest form at every border") {
  const std::pair<int64_t, size_t> sizes[]
    = {{0, 1},      {127, 1},         {128, 2},         {255, 2},        {256, 3},
       {65535, 3},  {65536, 5},       {4294967295, 5},  {4294967296, 9}, {-1, 1},
       {-32, 1},    {-33, 2},         {-128, 2},        {-129, 3},       {-32768, 3},
       {-32769, 5}, {-2147483648, 5}, {-2147483649, 9}, {INT64_MIN, 9},  {INT64_MAX, 9}};
  for (const auto& [value, size] : sizes) {
    const std::string bytes = int_bytes(value);
    CHECK_MESSAGE(bytes.size() == size, value);
    msgpack_reader in(test::as_bytes(bytes));
    CHECK_EQ(in.read_int64(), value);
  }
}

TEST_CASE("text, bytes and counts take the shortest form at every border") {
  const auto head = [](size_t length, auto&& write) {
    msgpack_writer out;
    write(out, length);
    return out.bytes().size();
  };
  const auto str = [](msgpack_writer& out, size_t n) {
    out.str(std::string(n, 'x'));
    out.bytes().resize(out.bytes().size() - n);
  };
  const auto bin = [](msgpack_writer& out, size_t n) { out.bin_header(n); };
  const auto array = [](msgpack_writer& out, size_t n) { out.array(n); };
  const auto map = [](msgpack_writer& out, size_t n) { out.map(n); };
  CHECK_EQ(head(31, str), 1);
  CHECK_EQ(head(32, str), 2);
  CHECK_EQ(head(255, str), 2);
  CHECK_EQ(head(256, str), 3);
  CHECK_EQ(head(65536, str), 5);
  CHECK_EQ(head(0, bin), 2);
  CHECK_EQ(head(255, bin), 2);
  CHECK_EQ(head(256, bin), 3);
  CHECK_EQ(head(65536, bin), 5);
  CHECK_EQ(head(15, array), 1);
  CHECK_EQ(head(16, array), 3);
  CHECK_EQ(head(65536, array), 5);
  CHECK_EQ(head(15, map), 1);
  CHECK_EQ(head(16, map), 3);
  CHECK_EQ(head(65536, map), 5);
}
