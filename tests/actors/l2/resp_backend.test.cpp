// A store in a real Redis.
#include "actors/l2/resp_backend.hpp"

#include "storage/l2_names.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/redis_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace actord;
using namespace actord::fixtures;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;
constexpr auto failed = l2_result::failed;

l2_adapter_options at(uint16_t port, redis_l2_options redis = {}) {
  l2_adapter_options result;
  result.type = "resp";
  redis.nodes = {{"127.0.0.1", port}};
  result.store = std::move(redis);
  return result;
}

std::vector<object_ref> some_objects() {
  std::vector<object_ref> result;
  uint8_t number = 0;
  for (uint64_t length : {0, 1, 2, 99, 4'096, 16'384, 16'385, 65'536, 1'000'003, 4'194'304})
    result.push_back(an_object(number++, length));
  for (int i = 0; i < 40; ++i)
    result.push_back(an_object(number++, 50'000));
  return result;
}

std::string wire_name(const object_ref& object) {
  return remote_name(to_key(object));
}

std::vector<l2_found> scan_all(l2_backend& backend) {
  std::vector<l2_found> all;
  std::promise<void> over;
  backend.scan([&](std::vector<l2_found> page) {
    if (page.empty())
      over.set_value();
    std::ranges::move(page, std::back_inserter(all));
  });
  over.get_future().wait();
  return all;
}

} // namespace

TEST_CASE("what is stored in Redis comes back byte for byte, whatever its length") {
  if (!redis_server::installed())
    return;
  for (uint32_t connections : {1U, 8U}) {
    const redis_server server;
    redis_l2_options redis;
    redis.connections = connections;
    resp_backend backend{at(server.port(), redis)};
    REQUIRE(backend.open() == "");
    const auto objects = some_objects();
    const slots written{objects, 1};
    slots read{objects, 2};
    const results all(objects.size(), ok);
    CHECK(call(backend, &l2_backend::store, written).results == all);
    auto report = call(backend, &l2_backend::load, read);
    CHECK(report.results == all);
    CHECK(report.error == "");
    for (size_t i = 0; i < objects.size(); ++i) {
      CHECK(read.bytes(i) == written.bytes(i));
      CHECK(report.stored_bytes[i] == objects[i].length_bytes);
      CHECK(server.ask({"GET", wire_name(objects[i])}) == written.bytes(i));
    }
    report = call(backend, &l2_backend::probe, read);
    CHECK(report.results[0] == absent); // STRLEN cannot tell no bytes from no key
    for (size_t i = 1; i < objects.size(); ++i) {
      CHECK(report.results[i] == ok);
      CHECK(report.stored_bytes[i] == objects[i].length_bytes);
    }
    CHECK(call(backend, &l2_backend::erase, read).results == all);
    CHECK(call(backend, &l2_backend::erase, read).results == results(objects.size(), absent));
    CHECK(call(backend, &l2_backend::load, read).results == results(objects.size(), absent));
    CHECK(server.ask({"DBSIZE"}) == ":0");
  }
}

TEST_CASE("loads write the bytes of their objects and none beside them") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  resp_backend backend{at(server.port())};
  REQUIRE(backend.open() == "");
  const std::vector objects{an_object(1, 10'000), an_object(2, 10'000), an_object(3, 10'000)};
  server.ask({"SET", wire_name(objects[0]), std::string(10'000, 'a')});
  server.ask({"SET", wire_name(objects[1]), std::string(10'001, 'b')});
  server.ask({"SET", wire_name(objects[2]), std::string(9'999, 'c')});
  const slots read{objects, 3}, before{objects, 3};
  const auto report = call(backend, &l2_backend::load, read);
  CHECK(report.results == results{ok, wrong_length, wrong_length});
  CHECK(report.error == "");
  CHECK(read.bytes(0) == std::string(10'000, 'a'));
  CHECK(read.bytes(1) == before.bytes(1));
  CHECK(read.bytes(2) == before.bytes(2));
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto& item = (*read.batch())[i];
    const auto& old = (*before.batch())[i];
    CHECK(std::equal(item.bytes + 10'000, item.bytes + item.room_bytes, old.bytes + 10'000));
  }
}

TEST_CASE("a key of another type is a miss, is replaced, and the connection goes on") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  redis_l2_options redis;
  redis.connections = 1;
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  const std::vector objects{an_object(1, 5), an_object(2, 5), an_object(3, 5), an_object(4, 5)};
  server.ask({"SET", wire_name(objects[0]), "first"});
  server.ask({"RPUSH", wire_name(objects[1]), "x"});
  server.ask({"SET", wire_name(objects[2]), "third"});
  const slots read{objects, 1};
  auto report = call(backend, &l2_backend::load, read);
  CHECK(report.results == results{ok, l2_result::wrong_length, ok, absent});
  CHECK(report.error == "");
  CHECK(read.bytes(0) == "first");
  CHECK(read.bytes(2) == "third");
  report = call(backend, &l2_backend::probe, read);
  CHECK(report.results == results{ok, l2_result::wrong_length, ok, absent});
  CHECK(call(backend, &l2_backend::store, read).results == results{ok, ok, ok, ok});
  CHECK(call(backend, &l2_backend::load, read).results == results{ok, ok, ok, ok});
  for (const auto& [name, value] : backend.status())
    if (name == "connects")
      CHECK(value == "1");
}

TEST_CASE("a scan finds what the prefix owns and nothing else") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  redis_l2_options redis;
  redis.scan_at_start = true;
  redis.key_prefix = "a*[b";
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  CHECK(scan_all(backend).empty());
  std::vector<object_ref> objects;
  for (int i = 0; i < 2'000; ++i) {
    objects.push_back(an_object(static_cast<uint8_t>(i), static_cast<uint64_t>(1 + i % 7),
                                a_space("org/model", "salt")));
    objects.back().hash.bytes[5] = static_cast<uint8_t>(i >> 8);
  }
  const slots written{objects, 1};
  REQUIRE(call(backend, &l2_backend::store, written).results == results(objects.size(), ok));
  server.ask({"SET", wire_name(objects[0]), "another prefix"});
  server.ask({"SET", "aX[b@" + wire_name(objects[0]), "another prefix"});
  server.ask({"SET", "a*[b@garbage@02000200@0@00", "no name"});
  server.ask({"RPUSH", "a*[b@" + wire_name(an_object(9, 1)), "no string"});
  std::set<std::string> wanted, found;
  for (const auto& object : objects)
    wanted.insert(wire_name(object) + std::to_string(object.length_bytes));
  for (const auto& each : scan_all(backend))
    found.insert(wire_name(each.object) + std::to_string(each.object.length_bytes));
  CHECK(found == wanted);
}

TEST_CASE("without scan_at_start a scan ends at once") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  resp_backend backend{at(server.port())};
  REQUIRE(backend.open() == "");
  const slots written{{an_object(1, 5)}, 1};
  call(backend, &l2_backend::store, written);
  CHECK(scan_all(backend).empty());
}

TEST_CASE("values live as long as the operator said, in the database that he named") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  redis_l2_options redis;
  redis.ttl_s = 1'000;
  redis.database_id = 3;
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  const slots written{{an_object(1, 5)}, 1};
  REQUIRE(call(backend, &l2_backend::store, written).results == results{ok});
  CHECK(call(backend, &l2_backend::load, written).results == results{ok});
  CHECK(server.ask({"DBSIZE"}) == ":0"); // of database 0
  CHECK(server.ask({"SWAPDB", "0", "3"}) == "+OK");
  const auto left = server.ask({"TTL", wire_name(an_object(1, 5))});
  CHECK((left == ":1000" || left == ":999"));
}

TEST_CASE("a full or read-only server is said to have no space") {
  if (!redis_server::installed())
    return;
  const redis_server server{{"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"}};
  resp_backend backend{at(server.port())};
  REQUIRE(backend.open() == "");
  std::vector<object_ref> objects;
  for (uint8_t i = 0; i < 8; ++i)
    objects.push_back(an_object(i, 1'000'000));
  const slots written{objects, 1};
  auto report = call(backend, &l2_backend::store, written);
  CHECK(std::ranges::count(report.results, l2_result::no_space) > 0);
  CHECK(std::ranges::count(report.results, failed) == 0);
  CHECK(report.error.find("OOM") != std::string::npos);
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  server.ask({"REPLICAOF", "127.0.0.1", "1"});
  report = call(backend, &l2_backend::store, written);
  CHECK(report.results == results(objects.size(), l2_result::no_space));
}

TEST_CASE("passwords are checked at start, and errors never show them") {
  if (!redis_server::installed())
    return;
  const redis_server server{
    {"--requirepass", "the-secret", "--user", "one", "on", ">his-secret", "~*", "+@all"}};
  auto outcome = [&](std::string username, std::string password) {
    redis_l2_options redis;
    redis.username = std::move(username);
    redis.password = std::move(password);
    resp_backend backend{at(server.port(), redis)};
    auto error = backend.open();
    if (error.empty()) {
      const slots written{{an_object(1, 5)}, 1};
      CHECK(call(backend, &l2_backend::store, written).results == results{ok});
      return std::string{"open"};
    }
    CHECK(error.find("127.0.0.1:" + std::to_string(server.port())) != std::string::npos);
    CHECK(error.find("\"password\"") != std::string::npos);
    CHECK(error.find("secret") == std::string::npos);
    return error;
  };
  CHECK(outcome("", "the-secret") == "open");
  CHECK(outcome("one", "his-secret") == "open");
  CHECK(outcome("", "not-the-secret").find("WRONGPASS") != std::string::npos);
  CHECK(outcome("one", "the-secret").find("WRONGPASS") != std::string::npos);
  CHECK(outcome("", "").find("NOAUTH") != std::string::npos);
  CHECK(outcome("one", "").find("NOAUTH") != std::string::npos);
}

TEST_CASE("a store that cannot be opened says which server and what to set") {
  if (!redis_server::installed())
    return;
  const auto nobody = free_port();
  resp_backend refused{at(nobody)};
  auto error = refused.open();
  CHECK(error
        == "resp: 127.0.0.1:" + std::to_string(nobody)
             + ": Connection refused; set \"host\" and \"port\" to where a server listens");
  const slots batch{{an_object(1, 5)}, 1};
  CHECK(call(refused, &l2_backend::load, batch).results == results{failed});
  const redis_server server;
  redis_l2_options redis;
  redis.database_id = 99;
  resp_backend database{at(server.port(), redis)};
  error = database.open();
  CHECK(error.find("has no database 99") != std::string::npos);
  CHECK(error.find("\"database_id\"") != std::string::npos);
  redis_l2_options clustered;
  clustered.cluster = true;
  resp_backend cluster{at(server.port(), clustered)};
  CHECK(cluster.open().find("it is no node of a cluster") != std::string::npos);
  auto named = at(server.port());
  std::get<redis_l2_options>(named.store).nodes[0].host = "no-such-host.invalid";
  resp_backend unknown{named};
  CHECK(unknown.open().find("cannot be resolved") != std::string::npos);
  std::get<redis_l2_options>(named.store).nodes[0].host = "localhost";
  resp_backend known{named};
  CHECK(known.open() == "");
}

TEST_CASE("where STRLEN is forbidden, EXISTS tells what is there") {
  if (!redis_server::installed())
    return;
  const redis_server server{{"--user", "one", "on", ">secret", "~*", "+@all", "-strlen"}};
  redis_l2_options redis;
  redis.username = "one";
  redis.password = "secret";
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  const std::vector objects{an_object(1, 5), an_object(2, 5)};
  const slots all{objects, 1}, first{{objects[0]}, 1};
  REQUIRE(call(backend, &l2_backend::store, first).results == results{ok});
  for (int i = 0; i < 2; ++i) {
    const auto report = call(backend, &l2_backend::probe, all);
    CHECK(report.results == results{ok, absent});
    CHECK(report.stored_bytes == std::vector<uint64_t>{0, 0});
  }
}

TEST_CASE("an empty batch is answered") {
  if (!redis_server::installed())
    return;
  const redis_server server;
  resp_backend backend{at(server.port())};
  REQUIRE(backend.open() == "");
  CHECK(call(backend, &l2_backend::load, slots{{}, 1}).results.empty());
}
