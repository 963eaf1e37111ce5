#include "actors/gateway/wire/pickle_tensors.hpp"

#include "actors/gateway/wire/dtype.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace actord::wire;
using test::bytes_of;
using test::from_hex;

namespace {

std::vector<pickled_tensor> parse_ok(const std::string& bytes) {
  auto result = parse_pickled_tensors(test::as_bytes(bytes));
  if (const auto* error = std::get_if<std::string>(&result)) {
    throw std::runtime_error(*error);
  }
  return std::get<std::vector<pickled_tensor>>(std::move(result));
}

std::string parse_bad(const std::string& bytes) {
  auto result = parse_pickled_tensors(test::as_bytes(bytes));
  if (const auto* error = std::get_if<std::string>(&result)) {
    return *error;
  }
  return "accepted";
}

std::string data_of(const pickled_tensor& tensor) {
  std::string out(tensor.nbytes, '?');
  tensor.copy_to(std::as_writable_bytes(std::span{out.data(), out.size()}));
  return out;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("the pickles of the real client yield their tensors") {
  size_t checked = 0;
  for (const auto& each : test::vectors()) {
    if (each.at("encoding") != "python-pickle") {
      continue;
    }
    CAPTURE(each.at("name").get<std::string>());
    const std::string bytes = from_hex(each.at("hex").get<std::string>());
    const auto tensors = parse_ok(bytes);
    const auto& expected = each.at("decoded");
    REQUIRE_EQ(tensors.size(), expected.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      CHECK_EQ(tensors[i].dtype, expected[i].at("dtype").get<std::string>());
      CHECK_EQ(tensors[i].shape, expected[i].at("shape").get<std::vector<int64_t>>());
      CHECK_EQ(data_of(tensors[i]), from_hex(expected[i].at("data_hex").get<std::string>()));
    }
    ++checked;
  }
  CHECK_EQ(checked, 7);
}

TEST_CASE("the short form is written byte for byte") {
  const std::string data = from_hex("0000003c004000420044004500460047");
  const std::array<int64_t, 4> shape = {2, 1, 2, 2};
  const std::array<std::span<const std::byte>, 1> chunks = {test::as_bytes(data)};
  CHECK_EQ(emit_pickled_tensors("float16", shape, chunks), bytes_of("pickle_minimal_emit"));
}

TEST_CASE("what is written can be read for every dtype") {
  for (const std::string_view dtype :
       {"uint8", "int8", "bool", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
        "float8_e5m2fnuz", "float8_e8m0fnu", "float16", "bfloat16", "int16", "uint16", "float32",
        "int32", "uint32", "float64", "int64", "uint64"}) {
    CAPTURE(dtype);
    const std::array<int64_t, 3> shape = {2, 3, 5};
    const tensor_pickler pickler(dtype, shape);
    REQUIRE_EQ(pickler.tensor_bytes(), 30 * find_dtype(dtype)->item_bytes);
    std::vector<std::string> data(3, std::string(pickler.tensor_bytes(), 'a'));
    std::vector<std::span<const std::byte>> chunks;
    for (size_t i = 0; i < data.size(); ++i) {
      data[i][i] = '!';
      chunks.push_back(test::as_bytes(data[i]));
    }
    const std::string bytes = emit_pickled_tensors(dtype, shape, chunks);
    CHECK_EQ(bytes.size(), pickler.total_bytes(3));
    const auto tensors = parse_ok(bytes);
    REQUIRE_EQ(tensors.size(), 3);
    for (size_t i = 0; i < data.size(); ++i) {
      CHECK_EQ(tensors[i].dtype, dtype);
      CHECK_EQ(data_of(tensors[i]), data[i]);
    }
  }
  CHECK(parse_ok(emit_pickled_tensors("int8", {}, {})).empty());
}

TEST_CASE("strides are followed when elements are copied") {
  const std::string storage = "0123456789ab";
  pickled_tensor tensor;
  tensor.item_bytes = 1;
  tensor.storage = test::as_bytes(storage);
  const auto copied = [&](std::vector<int64_t> shape, std::vector<int64_t> stride, int64_t offset) {
    tensor.nbytes = 1;
    for (const int64_t dimension : shape) {
      tensor.nbytes *= static_cast<uint64_t>(dimension);
    }
    tensor.shape = std::move(shape);
    tensor.stride = std::move(stride);
    tensor.storage_offset = offset;
    return data_of(tensor);
  };
  CHECK_EQ(copied({3, 4}, {4, 1}, 0), storage);
  CHECK_EQ(copied({4, 3}, {1, 4}, 0), "04815926a37b");
  CHECK_EQ(copied({2, 2}, {4, 1}, 5), "569a");
  CHECK_EQ(copied({2, 3}, {0, 1}, 1), "123123");
  CHECK_EQ(copied({3}, {5}, 0), "05a");
  CHECK_EQ(copied({2, 1, 2}, {3, INT64_MAX, 2}, 0), "0235");
  CHECK_EQ(copied({1, 3}, {INT64_MAX, 2}, 0), "024");
  CHECK_EQ(copied({}, {}, 7), "7");
  CHECK_EQ(copied({2, 0}, {1, 1}, 0), "");
}

TEST_CASE("a pickle that names anything else is refused") {
  const std::string good = bytes_of("pickle_minimal_emit");
  CHECK_EQ(parse_bad(replaced(good, "_rebuild_tensor_v2", "_rebuild_tensor_v9")),
           "global \"torch._utils\" \"_rebuild_tensor_v9\" is not allowed at byte 37 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04"
                     "cposix\nsystem\n(X\x04"
                     + std::string(3, '\0') + "trueetR."),
           "global \"posix\" \"system\" is not allowed at byte 16 of a pickle");
  CHECK(parse_bad(replaced(good, "HalfStorage", "EvilStorage")).find("is not allowed") < 200);
  CHECK_EQ(parse_bad("\x80\x04]q\x05."), "memo entry 5 leaves a gap at byte 5 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04]h\x05."), "memo entry 5 does not exist at byte 5 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04i."), "opcode 105 is not allowed at byte 3 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04NQ."), "a persistent id is not allowed at byte 4 of a pickle");
  CHECK_EQ(parse_bad("\x80\x01]."), "protocol 1 is not supported at byte 2 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04}."), "the pickle is not a list");
  CHECK_EQ(parse_bad("\x80\x04]..."), "2 bytes follow the pickle");
  CHECK_EQ(parse_bad("\x80\x04]]."), "STOP with more or less than one value at byte 5 of a pickle");
  CHECK_EQ(parse_bad("\x80\x04]Na."), "a list element is not a tensor");
}

TEST_CASE("a list that contains itself ends the reading") {
  CHECK_EQ(parse_bad("\x80\x04]\x94h" + std::string(1, '\0') + "a."),
           "a list element is not a tensor");
}

TEST_CASE("a tensor that does not fit its storage is refused") {
  const std::string good = bytes_of("pickle_minimal_emit");
  const auto binint = [](char value) { return std::string("J") + value + std::string(3, '\0'); };
  const std::string offset_zero = "\x85R" + binint(0);
  CHECK_EQ(parse_bad(replaced(good, offset_zero, "\x85R" + binint(1))),
           "a tensor reaches beyond its storage");
  CHECK_EQ(parse_bad(replaced(good, offset_zero, "\x85RJ\xff\xff\xff\xff")),
           "a tensor reaches beyond its storage");
  const std::string shape = "(" + binint(2) + binint(1) + binint(2) + binint(2) + "t";
  CHECK_EQ(
    parse_bad(replaced(good, shape, "(" + binint(2) + binint(1) + binint(2) + binint(3) + "t")),
    "a tensor reaches beyond its storage");
  CHECK_EQ(parse_bad(replaced(good, shape, "(" + binint(2) + binint(1) + binint(2) + "t")),
           "a tensor has a bad shape or stride");
  const std::string huge = "\x8a\x08" + std::string(7, '\xff') + "\x7f";
  CHECK_EQ(parse_bad(replaced(good, shape, "(" + huge + huge + huge + huge + "t")),
           "a tensor reaches beyond its storage");
  CHECK_EQ(parse_bad(replaced(good, binint(8) + "NtQ", binint(9) + "NtQ")),
           "the torch file has data of another length than it says");
  CHECK_EQ(parse_bad(replaced(good, "\x88X", "\x89X")), "the torch file is not little-endian");
}

TEST_CASE("opcodes and tensors are limited") {
  const std::string flood = "\x80\x04" + std::string(size_t{1} << 21, ']');
  CHECK_EQ(parse_bad(flood), "more than 1048576 opcodes at byte 1048577 of a pickle");
  // One remembered tensor, recalled 20000 times.
  std::string good = bytes_of("pickle_minimal_emit");
  good.resize(good.size() - 2);
  good += "\x94";
  for (int i = 0; i < 20000; ++i) {
    good += std::string("h\0", 2);
  }
  CHECK_EQ(parse_bad(good + "e."), "a list of 20001 tensors, at most 16384 are allowed");
}
