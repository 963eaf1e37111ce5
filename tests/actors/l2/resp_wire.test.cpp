// Requests and replies of Redis, without a socket.
#include "actors/l2/resp_decoder.hpp"
#include "actors/l2/resp_request.hpp"
#include "actors/l2/resp_slots.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace actord;

namespace {

using kind = resp_reply::kind;
using step = resp_decoder::step;

// A value that is wanted, with a guard on both sides.
struct wanted_value {
  explicit wanted_value(size_t length) : memory(length + 16, '#') {
  }
  resp_decoder::target target() {
    return {reinterpret_cast<std::byte*>(memory.data()) + 8, memory.size() - 16};
  }
  std::string value() const {
    return memory.substr(8, memory.size() - 16);
  }
  bool guarded() const {
    return memory.starts_with("########") && memory.ends_with("########");
  }

  std::string memory;
};

// Hands `bytes` to the decoder as a connection would: never more than there is room for.
void hand_over(resp_decoder& decoder, std::string_view& bytes, size_t most) {
  auto left = std::min(most, bytes.size());
  size_t moved = 0;
  for (const auto& part : decoder.room()) {
    const auto count = std::min(left, part.iov_len);
    if (count > 0)
      std::memcpy(part.iov_base, bytes.data() + moved, count);
    moved += count;
    left -= count;
  }
  decoder.received(moved);
  bytes.remove_prefix(moved);
}

struct read_reply {
  step last = step::more;
  resp_reply reply;
};

// Reads one reply out of the bytes, `portion` at a time.
read_reply read_one(resp_decoder& decoder, std::string_view& bytes, size_t portion,
                    const std::optional<resp_decoder::target>& value = std::nullopt) {
  read_reply result;
  while (true) {
    result.last = decoder.next(value, result.reply);
    if (result.last != step::more || bytes.empty())
      return result;
    hand_over(decoder, bytes, portion);
  }
}

read_reply
read_text(std::string_view bytes, const std::optional<resp_decoder::target>& value = std::nullopt) {
  resp_decoder decoder;
  return read_one(decoder, bytes, bytes.size(), value);
}

} // namespace

TEST_CASE("requests are those of the Python server, byte for byte") {
  std::ifstream in{std::string{ACTORD_TEST_DATA} + "/l2_names.json"};
  const auto vectors = nlohmann::json::parse(in)["resp_wire"];
  const auto& requests = vectors["requests"];
  const std::string key = vectors["key"], value = vectors["value_ascii"];
  CHECK(resp_request({"AUTH", "pw"}) == requests["auth_password_only"]);
  CHECK(resp_request({"AUTH", "user", "pw"}) == requests["auth_user_password"]);
  CHECK(resp_request({"GET", key}) == requests["get"]);
  CHECK(resp_request({"EXISTS", key}) == requests["exists"]);
  CHECK(resp_request({"DEL", key}) == requests["del"]);
  const auto set = resp_set(key, value.size(), 0);
  CHECK(set.head + value + set.tail == requests["set"]);
  const auto mortal = resp_set("k", 1, 60);
  CHECK(mortal.head + "v" + mortal.tail
        == "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nEX\r\n$2\r\n60\r\n");
  CHECK(resp_scan_pattern("") == "*@????????@*@*");
  CHECK(resp_scan_pattern("a*b\\[c]?") == "a\\*b\\\\\\[c\\]\\?@*@????????@*@*");
}

TEST_CASE("every kind of reply is read, in whatever portions it comes") {
  const std::string nul{"a\0\r\nb", 5};
  const std::string stream = "+OK\r\n-ERR no\r\n:42\r\n$5\r\n" + nul
                             + "\r\n$-1\r\n*2\r\n$1\r\n0\r\n*2\r\n$3\r\none\r\n:7\r\n*0\r\n*-1\r\n"
                               "$5\r\n"
                             + nul + "\r\n$3\r\nabc\r\n$-1\r\n$0\r\n\r\n-WRONGTYPE x\r\n";
  for (size_t portion = 1; portion <= stream.size(); ++portion) {
    CAPTURE(portion);
    resp_decoder decoder;
    std::string_view rest = stream;
    auto next = [&](const std::optional<resp_decoder::target>& value = std::nullopt) {
      auto one = read_one(decoder, rest, portion, value);
      REQUIRE(one.last == step::reply);
      return std::move(one.reply);
    };
    auto reply = next();
    CHECK((reply.what == kind::status && reply.text == "OK"));
    reply = next();
    CHECK((reply.what == kind::error && reply.text == "ERR no"));
    reply = next();
    CHECK((reply.what == kind::number && reply.number == 42));
    reply = next();
    CHECK((reply.what == kind::text && reply.text == nul));
    CHECK(next().what == kind::null);
    reply = next();
    REQUIRE(reply.what == kind::list);
    REQUIRE(reply.tree->elements == 2);
    CHECK(reply.tree->element[1]->element[1]->integer == 7);
    reply = next();
    CHECK((reply.what == kind::list && reply.tree->elements == 0));
    CHECK(next().what == kind::null);
    wanted_value five{5};
    CHECK(next(five.target()).what == kind::value);
    CHECK((five.value() == nul && five.guarded()));
    reply = next(five.target());
    CHECK((reply.what == kind::other_length && reply.number == 3));
    CHECK((five.value() == nul && five.guarded()));
    CHECK(next(five.target()).what == kind::null);
    wanted_value none{0};
    CHECK(next(none.target()).what == kind::value);
    CHECK(none.guarded());
    CHECK(next(none.target()).what == kind::error);
    CHECK(decoder.idle());
    CHECK(read_one(decoder, rest, portion).last == step::more);
  }
}

TEST_CASE("a long value goes to where it is wanted, a longer string elsewhere does too") {
  std::mt19937 random{7};
  std::string value(300'000, '\0');
  for (auto& each : value)
    each = static_cast<char>(random() % 3 == 0 ? '\r' : random() % 2 ? '\n' : 'x');
  const auto bulk = "$300000\r\n" + value + "\r\n";
  for (size_t portion : {1'000UL, 16'383UL, 16'384UL, 16'385UL, 100'000UL, 1'000'000UL}) {
    CAPTURE(portion);
    resp_decoder decoder;
    const auto stream = bulk + bulk + bulk;
    std::string_view rest = stream;
    wanted_value wanted{value.size()}, other{value.size() - 1};
    CHECK(read_one(decoder, rest, portion, wanted.target()).reply.what == kind::value);
    CHECK((wanted.value() == value && wanted.guarded()));
    CHECK(read_one(decoder, rest, portion, other.target()).reply.what == kind::other_length);
    CHECK((other.value() == std::string(value.size() - 1, '#') && other.guarded()));
    const auto text = read_one(decoder, rest, portion);
    CHECK((text.reply.what == kind::text && text.reply.text == value));
    CHECK(decoder.idle());
  }
}

TEST_CASE("what is no reply breaks the connection and nothing else") {
  wanted_value wanted{4};
  const std::vector<std::string> wrong{
    "$4\r\nabcdXX",
    "$\r\n",
    "$-2\r\n",
    "$4x\r\nabcd\r\n",
    "$ 4\r\nabcd\r\n",
    "$99999999999999999999\r\n",
    "$9223372036854775808\r\n",
    "$" + std::string(100, '0'),
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\r\n",
    ":12x\r\n",
    ":99999999999999999999\r\n",
    "*-2\r\n",
    "*2147483648\r\n",
    "*1000000000\r\n",
    "*262145\r\n",
    "*200000\r\n*200000\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    "*1\r\n$4\r\nabcdXX\r\n",
    std::string(5'000'000, '+'),
    "*1\r\n$9999999\r\n" + std::string(9'999'999, '\n'),
  };
  for (const auto& each : wrong) {
    CAPTURE(each.substr(0, 40));
    resp_decoder decoder;
    std::string_view rest = each;
    const auto one = read_one(decoder, rest, each.size(), wanted.target());
    CHECK(one.last == step::broken);
    CHECK(decoder.why() != "");
    resp_reply reply;
    CHECK(decoder.next(wanted.target(), reply) == step::broken);
    CHECK(wanted.guarded());
  }
}

TEST_CASE("a value that nobody would wait for is refused at its head") {
  wanted_value wanted{4};
  resp_decoder decoder;
  std::string_view rest = "$536870912\r\nabcd";
  const auto one = read_one(decoder, rest, rest.size(), wanted.target());
  CHECK(one.last == step::reply);
  CHECK(one.reply.what == kind::other_length);
  CHECK(one.reply.number == 536'870'912);
  resp_reply reply;
  CHECK(decoder.next(wanted.target(), reply) == step::broken);
}

TEST_CASE("slots are those of the Redis cluster specification") {
  CHECK(resp_slot("123456789") == 0x31C3);
  CHECK(resp_slot("foo") == 12'182);
  CHECK(resp_slot("{user1000}.following") == resp_slot("user1000"));
  CHECK(resp_slot("foo{}{bar}") == 8'363);
  CHECK(resp_slot("foo{{bar}}zap") == resp_slot("{bar"));
  CHECK(resp_slot("foo{bar}{zap}") == resp_slot("bar"));
  CHECK(resp_slot("") == 0);
}

TEST_CASE("redirects are read strictly") {
  const auto moved = parse_resp_redirect("MOVED 3999 127.0.0.1:6381");
  REQUIRE(moved);
  CHECK((!moved->ask && moved->slot == 3'999));
  CHECK((moved->node.host == "127.0.0.1" && moved->node.port == 6'381));
  const auto ask = parse_resp_redirect("ASK 16383 2001:db8::1:7000");
  REQUIRE(ask);
  CHECK((ask->ask && ask->node.host == "2001:db8::1" && ask->node.port == 7'000));
  CHECK(parse_resp_redirect("MOVED 1 :7000")->node.host == "");
  CHECK(parse_resp_redirect("MOVED 1 ?:7000")->node.host == "");
  for (auto wrong : {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1",
                     "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a:", "MOVED x a:1", "ASKING 1 a:1",
                     "MOVED 1 a\r\n:1", "ERR MOVED 1 a:1", "MOVED 1:2 a"})
    CHECK_MESSAGE(!parse_resp_redirect(wrong), wrong);
}

TEST_CASE("the slots of a cluster are read strictly") {
  auto parse = [](const std::string& text) {
    const auto one = read_text(text);
    REQUIRE(one.last == step::reply);
    return parse_resp_slots(*one.reply.tree);
  };
  const auto good
    = parse("*2\r\n"
            "*4\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n*0\r\n"
            "*2\r\n$9\r\n127.0.0.2\r\n:7001\r\n"
            "*3\r\n:5461\r\n:16383\r\n*2\r\n$-1\r\n:7002\r\n");
  REQUIRE(good);
  REQUIRE(good->size() == 2);
  CHECK(((*good)[0].first == 0 && (*good)[0].last == 5'460));
  CHECK(((*good)[0].primary.host == "127.0.0.1" && (*good)[0].primary.port == 7'000));
  CHECK(((*good)[1].primary.host == "" && (*good)[1].primary.port == 7'002));
  for (auto wrong : {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n",
                     "*1\r\n*3\r\n:1\r\n:0\r\n*2\r\n$1\r\na\r\n:1\r\n",
                     "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
                     "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n",
                     "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:1\r\n:1\r\n",
                     "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\na b\r\n:1\r\n"})
    CHECK_MESSAGE(!parse(wrong), wrong);
}
