#include "actors/gateway/wire/msgpack_reader.hpp"

#include "actors/gateway/wire/msgpack_writer.hpp"
#include "actors/gateway/wire/text.hpp"
#include "tests/actors/gateway/wire/vectors.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace actord::wire;
using actord::wire::test::from_hex;

namespace {

/// Keeps the bytes alive as long as the reader.
struct reading {
  explicit reading(std::string_view hex) : bytes(from_hex(hex)) {
  }
  std::string bytes;
  msgpack_reader in{test::as_bytes(bytes)};
};

int64_t int_of(std::string_view hex) {
  reading r(hex);
  const int64_t result = r.in.read_int64();
  r.in.expect_end();
  CHECK_MESSAGE(r.in.ok(), hex, ": ", r.in.error());
  return result;
}

std::string str_of(std::string_view hex) {
  reading r(hex);
  const std::string result(r.in.read_str());
  r.in.expect_end();
  CHECK_MESSAGE(r.in.ok(), hex, ": ", r.in.error());
  return result;
}

} // namespace

TEST_CASE("an int is read from every width, needed or not") {
  for (const char* hex : {"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005",
                          "d10005", "d200000005", "d30000000000000005"}) {
    CHECK_EQ(int_of(hex), 5);
  }
  for (const char* hex : {"ff", "d0ff", "d1ffff", "d2ffffffff", "d3ffffffffffffffff"}) {
    CHECK_EQ(int_of(hex), -1);
  }
  CHECK_EQ(int_of("e0"), -32);
  CHECK_EQ(int_of("d080"), -128);
  CHECK_EQ(int_of("d38000000000000000"), std::numeric_limits<int64_t>::min());
  CHECK_EQ(int_of("cf7fffffffffffffff"), std::numeric_limits<int64_t>::max());
}

TEST_CASE("an int outside the result's range is an error") {
  reading above("cf8000000000000000");
  above.in.read_int64();
  CHECK_EQ(above.in.error(), "int 9223372036854775808 is above 2^63-1");
  reading negative("d0ff");
  negative.in.read_uint64();
  CHECK_EQ(negative.in.error(), "int -1 is negative");
  reading most("cfffffffffffffffff");
  CHECK_EQ(most.in.read_uint64(), std::numeric_limits<uint64_t>::max());
}

TEST_CASE("text, bytes and containers are read from every width") {
  for (const char* hex : {"a161", "d90161", "da000161", "db0000000161"}) {
    CHECK_EQ(str_of(hex), "a");
  }
  for (const char* hex : {"c4020102", "c500020102", "c6000000020102"}) {
    reading r(hex);
    CHECK_EQ(r.in.read_bin().size(), 2);
    CHECK(r.in.ok());
  }
  for (const char* hex : {"9107", "dc000107", "dd0000000107"}) {
    reading r(hex);
    CHECK_EQ(r.in.read_array(), 1);
    CHECK_EQ(r.in.read_int64(), 7);
    r.in.expect_end();
    CHECK(r.in.ok());
  }
  for (const char* hex : {"810102", "de00010102", "df000000010102"}) {
    reading r(hex);
    CHECK_EQ(r.in.read_map(), 1);
    r.in.skip();
    r.in.skip();
    r.in.expect_end();
    CHECK(r.in.ok());
  }
  for (const char* hex : {"d401aa", "c70101aa", "c8000101aa", "c90000000101aa"}) {
    reading r(hex);
    const msgpack_ext ext = r.in.read_ext();
    CHECK_EQ(ext.code, 1);
    REQUIRE_EQ(ext.body.size(), 1);
    CHECK_EQ(ext.body[0], std::byte{0xaa});
  }
  for (const size_t size : {1, 2, 4, 8, 16}) {
    const int lead = size == 1   ? 0xd4
                     : size == 2 ? 0xd5
                     : size == 4 ? 0xd6
                     : size == 8 ? 0xd7
                                 : 0xd8;
    const std::string bytes
      = static_cast<char>(lead) + std::string("\xff") + std::string(size, 'x');
    msgpack_reader in(test::as_bytes(bytes));
    const msgpack_ext ext = in.read_ext();
    CHECK_EQ(ext.code, -1);
    CHECK_EQ(ext.body.size(), size);
    in.expect_end();
    CHECK(in.ok());
  }
}

TEST_CASE("a float is read from both widths and from an int") {
  CHECK_EQ(reading("cb4004000000000000").in.read_double(), 2.5);
  CHECK_EQ(reading("ca40200000").in.read_double(), 2.5);
  CHECK_EQ(reading("03").in.read_double(), 3.0);
  CHECK_EQ(reading("ff").in.read_double(), -1.0);
  reading text("a161");
  text.in.read_double();
  CHECK_EQ(text.in.error(), "expected float, found str \"a\"");
}

TEST_CASE("a value of another type is an error that says what was found") {
  reading r("c3");
  r.in.read_int64();
  CHECK_EQ(r.in.error(), "expected int, found bool true");
  reading map("8101a2c3a4");
  map.in.read_str();
  CHECK_EQ(map.in.error(), "expected str, found map of 1");
  reading unused("c1");
  unused.in.read_nil();
  unused.in.skip();
  CHECK_FALSE(unused.in.ok());
}

TEST_CASE("the first error sticks and later reads yield nothing") {
  reading r("c30505");
  r.in.read_int64();
  const std::string first = r.in.error();
  CHECK_EQ(r.in.read_int64(), 0);
  CHECK_EQ(r.in.read_str(), "");
  CHECK_FALSE(r.in.read_nil());
  CHECK_EQ(r.in.peek(), msgpack_type::end);
  CHECK_EQ(r.in.error(), first);
}

TEST_CASE("a count or length beyond the data is refused before it is used") {
  for (const char* hex : {"ddffffffff", "dfffffffff01", "dc000301", "93", "8101", "dbffffffff",
                          "c6ffffffff00", "c9ffffffff01"}) {
    reading r(hex);
    r.in.skip();
    CHECK_MESSAGE(!r.in.ok(), hex);
  }
  std::vector<uint32_t> tokens;
  reading r("ddffffffff01");
  r.in.read_tokens(tokens);
  CHECK_FALSE(r.in.ok());
  CHECK_LT(tokens.capacity(), 16);
}

TEST_CASE("skip passes over nested values but not over too many levels") {
  const auto nested = [](size_t depth) { return std::string(depth, '\x91') + '\x01'; };
  const std::string deep = nested(msgpack_reader::max_depth);
  msgpack_reader fits(test::as_bytes(deep));
  fits.skip();
  fits.expect_end();
  CHECK(fits.ok());
  const std::string deeper = nested(msgpack_reader::max_depth + 1);
  msgpack_reader exceeds(test::as_bytes(deeper));
  exceeds.skip();
  CHECK_EQ(exceeds.error(), "nested more than 32 deep");
  const std::string hostile(1 << 20, '\x91');
  msgpack_reader endless(test::as_bytes(hostile));
  endless.skip();
  CHECK_FALSE(endless.ok());
}

TEST_CASE("skip leaves the reader right behind the value") {
  reading r("82a16192cc8080a162c705ff68656c6c6f05");
  r.in.skip();
  CHECK_EQ(r.in.read_int64(), 5);
  r.in.expect_end();
  CHECK(r.in.ok());
}

TEST_CASE("tokens of every width and mixture are read") {
  std::mt19937 random(7);
  const uint32_t limits[] = {0x7f, 0xff, 0xffff, 0x1ffff, 0xffffffff};
  for (size_t count = 0; count < 200; ++count) {
    std::vector<uint32_t> expected;
    msgpack_writer out;
    out.array(count);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t limit = limits[random() % 5];
      expected.push_back(static_cast<uint32_t>(random() % (uint64_t{limit} + 1)));
      out.unsigned_integer(expected.back());
    }
    std::vector<uint32_t> tokens = {1, 2, 3};
    msgpack_reader in(test::as_bytes(out.bytes()));
    in.read_tokens(tokens);
    in.expect_end();
    CHECK_MESSAGE(in.ok(), in.error());
    CHECK_EQ(tokens, expected);
  }
  std::vector<uint32_t> tokens;
  reading wide("96cf0000000000000005d005d10006d200000007d30000000000000008ccff");
  wide.in.read_tokens(tokens);
  CHECK_EQ(tokens, std::vector<uint32_t>{5, 5, 6, 7, 8, 255});
}

TEST_CASE("a token outside 32 bits or of another type is an error") {
  const auto error_of = [](std::string_view hex) {
    std::vector<uint32_t> tokens;
    reading r(hex);
    r.in.read_tokens(tokens);
    return r.in.error();
  };
  CHECK_EQ(error_of("9201ff"), "token -1 is outside 0..4294967295");
  CHECK_EQ(error_of("91cf0000000100000000"), "token 4294967296 is outside 0..4294967295");
  CHECK_EQ(error_of("91c3"), "expected int, found bool true");
  CHECK_EQ(error_of("91cb4004000000000000"), "expected int, found float 2.500000");
  CHECK_EQ(error_of("9201"), "array of 2 has more elements than the data has bytes");
  CHECK_EQ(error_of("91cd01"), "int runs past the end of the data");
}

TEST_CASE("text must be UTF-8") {
  reading r("a2c328");
  r.in.read_str();
  CHECK_EQ(r.in.error(), "str \"\\xc3(\" is not UTF-8");
}

TEST_CASE("printable text is quoted, short and printable") {
  CHECK_EQ(printable("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\x0a\\x01\"");
  CHECK_EQ(printable(std::string(100, 'x')), '"' + std::string(64, 'x') + "...\"");
}
