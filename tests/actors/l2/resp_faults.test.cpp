// Servers that die, fall silent or talk nonsense.
#include "actors/l2/resp_backend.hpp"

#include "storage/l2_names.hpp"
#include "tests/fixtures/fake_server.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/redis_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace actord;
using namespace actord::fixtures;

namespace {

using results = std::vector<l2_result>;
using words = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;
constexpr auto failed = l2_result::failed;

// Nothing in these tests waits for a limit that is not its subject.
constexpr int64_t long_ms = 60'000;

l2_adapter_options at(uint16_t port, redis_l2_options redis = {}) {
  l2_adapter_options result;
  result.type = "resp";
  redis.nodes = {{"127.0.0.1", port}};
  result.store = std::move(redis);
  result.store_timeout_ms = result.load_timeout_ms = result.lookup_timeout_ms = long_ms;
  return result;
}

redis_l2_options one_connection(int64_t request_timeout_ms = long_ms) {
  redis_l2_options result;
  result.connections = 1;
  result.request_timeout_ms = request_timeout_ms;
  return result;
}

std::future<l2_report> begin(l2_backend& backend, l2_call what, const slots& objects) {
  auto told = std::make_shared<std::promise<l2_report>>();
  auto answer = told->get_future();
  (backend.*what)(objects.batch(), [told, keep = objects.batch()](l2_report report) {
    told->set_value(std::move(report));
  });
  return answer;
}

std::string bulk(const std::string& value) {
  return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

constexpr l2_call every_call[]
  = {&l2_backend::probe, &l2_backend::load, &l2_backend::store, &l2_backend::erase};

} // namespace

TEST_CASE("a client greets and asks with these bytes") {
  std::mutex mutex;
  std::string raw;
  const fake_server server{[&](fake_peer& peer) {
    std::string heard;
    while (auto request = peer.request(&heard)) {
      {
        const std::lock_guard guard{mutex};
        raw = heard;
      }
      const auto& verb = request->front();
      peer.say(verb == "PING"                      ? "+PONG\r\n"
               : verb == "STRLEN" || verb == "DEL" ? ":1\r\n"
               : verb == "GET"                     ? "$1\r\nx\r\n"
                                                   : "+OK\r\n");
    }
  }};
  auto redis = one_connection();
  redis.username = "user";
  redis.password = "pw";
  redis.database_id = 7;
  redis.ttl_s = 60;
  redis.key_prefix = "p";
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  const slots one{{an_object(1, 1)}, 1};
  const auto value = one.bytes(0);
  for (auto what : {&l2_backend::store, &l2_backend::load, &l2_backend::probe, &l2_backend::erase})
    CHECK(call(backend, what, one).results == results{ok});
  const auto name = "p@" + remote_name(to_key(an_object(1, 1)));
  const auto key = bulk(name);
  const std::lock_guard guard{mutex};
  CHECK(raw
        == "*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n"
           "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"
           "*5\r\n$3\r\nSET\r\n"
             + key + bulk(value)
             + "$2\r\nEX\r\n$2\r\n60\r\n"
               "*2\r\n$3\r\nGET\r\n"
             + key + "*2\r\n$6\r\nSTRLEN\r\n" + key + "*2\r\n$3\r\nDEL\r\n" + key);
}

TEST_CASE("a server that accepts and never answers is given up after the time to connect") {
  const fake_server server{[](fake_peer& peer) { peer.wait(); }};
  auto redis = one_connection();
  redis.connect_timeout_ms = 50;
  resp_backend backend{at(server.port(), redis)};
  const auto began = steady_clock::now();
  CHECK(backend.open().find("no answer within 50 ms") != std::string::npos);
  CHECK(steady_clock::now() - began < milliseconds{5'000});
}

TEST_CASE("a server that falls silent fails its tasks in time") {
  const fake_server server{answering([](const words&) { return ""; })};
  SUBCASE("by the limit of a command") {
    auto redis = one_connection(50);
    resp_backend backend{at(server.port(), redis)};
    REQUIRE(backend.open() == "");
    const slots three{{an_object(1, 9), an_object(2, 9), an_object(3, 9)}, 1};
    for (auto what : every_call) {
      const auto report = call(backend, what, three);
      CHECK(report.results == results{failed, failed, failed});
      CHECK(report.error.find("no answer within 50 ms") != std::string::npos);
    }
  }
  SUBCASE("by the limit of the task") {
    auto options = at(server.port(), one_connection());
    options.store_timeout_ms = options.load_timeout_ms = options.lookup_timeout_ms = 50;
    resp_backend backend{options};
    REQUIRE(backend.open() == "");
    const slots three{{an_object(1, 9), an_object(2, 9), an_object(3, 9)}, 1};
    for (auto what : every_call) {
      const auto report = call(backend, what, three);
      CHECK(report.results == results{failed, failed, failed});
      CHECK(report.error.find("time limit") != std::string::npos);
    }
  }
}

TEST_CASE("no byte moves after a load was answered, whatever the server still sends") {
  std::promise<void> cancelled;
  const auto go_on = cancelled.get_future().share();
  const fake_server server{[&](fake_peer& peer) {
    while (auto request = peer.request()) {
      if (request->front() == "PING") {
        peer.say("+PONG\r\n");
        continue;
      }
      peer.say("$1000000\r\n" + std::string(300'000, 'x'));
      go_on.wait();
      while (peer.say(std::string(100'000, 'y'))) {
      }
    }
  }};
  auto options = at(server.port(), one_connection());
  options.load_timeout_ms = 100;
  resp_backend backend{options};
  REQUIRE(backend.open() == "");
  const slots read{{an_object(1, 1'000'000)}, 1};
  CHECK(call(backend, &l2_backend::load, read).results == results{failed});
  const auto then = read.bytes(0);
  cancelled.set_value();
  std::this_thread::sleep_for(milliseconds{50}); // whatever the server sends lands by then
  CHECK(read.bytes(0) == then);
}

TEST_CASE("a load whose answer is cut anywhere is sent once more, and fails when cut again") {
  const std::string answer = bulk("12345678") + bulk("abcdefgh");
  for (int cuts : {1, 2})
    for (size_t cut = 0; cut < answer.size(); ++cut) {
      CAPTURE(cut);
      std::atomic<int> connections = 0;
      const fake_server server{[&](fake_peer& peer) {
        const bool cutting = ++connections <= cuts;
        std::string rest = cutting ? answer.substr(0, cut) : answer;
        while (auto request = peer.request()) {
          if (request->front() == "PING") {
            peer.say("+PONG\r\n");
            continue;
          }
          // The second request is answered with what is left after the first one's answer.
          const bool first = rest.size() > 14 || cut <= 14;
          peer.say(cutting ? std::exchange(rest, "") : rest.substr(0, 14));
          if (cutting)
            return;
          rest = first ? answer.substr(14) : rest;
        }
      }};
      resp_backend backend{at(server.port(), one_connection())};
      REQUIRE(backend.open() == "");
      const slots read{{an_object(1, 8)}, 1};
      const auto report = call(backend, &l2_backend::load, read);
      const bool whole = cut >= 14 || cuts == 1;
      CHECK(report.results == results{whole ? ok : failed});
      CHECK((report.error == "") == whole);
      if (whole)
        CHECK(read.bytes(0) == "12345678");
    }
}

TEST_CASE("a server that talks nonsense is left, and its nonsense is nobody's value") {
  const std::string long_list = "*3\r\n*2\r\n:1\r\n:2\r\n*1\r\n*1\r\n+x\r\n$1\r\nx\r\n";
  for (const std::string nonsense :
       {"HTTP/1.1 200 OK\r\n\r\n", "+OK\r\n", ":-7\r\n", "$-2\r\n", "$9999999999999999999\r\n",
        "*1000000000\r\n", "*-1\r\n*1\r\n", "$4\r\nabcdef\r\n", "\r\n\r\n", "\0\0\0\0\0\0\0\0",
        long_list.c_str()}) {
    CAPTURE(nonsense);
    const fake_server server{answering([&](const words&) { return nonsense; })};
    auto redis = one_connection(200);
    redis.connect_timeout_ms = 200;
    resp_backend backend{at(server.port(), redis)};
    REQUIRE(backend.open() == "");
    const slots all{{an_object(1, 4), an_object(2, 4)}, 1};
    for (auto what : every_call) {
      const auto report = call(backend, what, all);
      const bool set_ok = nonsense == "+OK\r\n" && what == &l2_backend::store;
      const bool none = nonsense.starts_with("*-1") && what == &l2_backend::load;
      if (!set_ok && !none)
        CHECK(std::ranges::count(report.results, failed) > 0);
      if (!set_ok)
        CHECK(std::ranges::count(report.results, ok) == 0);
    }
  }
}

TEST_CASE("a server that only talks nonsense cannot be opened") {
  const fake_server server{[](fake_peer& peer) {
    peer.say("SSH-2.0-OpenSSH_9.2p1\r\n");
    peer.wait();
  }};
  resp_backend backend{at(server.port(), one_connection())};
  CHECK(backend.open().find("does not speak RESP") != std::string::npos);
}

TEST_CASE("a huge value of a wrong length is a miss and costs no more than its connection") {
  std::atomic<int> connections = 0;
  const fake_server server{[&](fake_peer& peer) {
    ++connections;
    while (auto request = peer.request()) {
      if (request->front() == "PING")
        peer.say("+PONG\r\n");
      else if (request->back() == remote_name(to_key(an_object(1, 4))))
        peer.say("$536870912\r\n" + std::string(1'000, 'x'));
      else
        peer.say(bulk("good"));
    }
  }};
  resp_backend backend{at(server.port(), one_connection())};
  REQUIRE(backend.open() == "");
  const slots read{{an_object(0, 4), an_object(1, 4), an_object(2, 4), an_object(3, 4)}, 1};
  const auto report = call(backend, &l2_backend::load, read);
  CHECK(report.results == results{ok, wrong_length, ok, ok});
  CHECK(report.stored_bytes[1] == 536'870'912);
  CHECK(read.bytes(2) == "good");
  CHECK(connections == 2);
}

TEST_CASE("a task that is cancelled takes nothing from the others on its connection") {
  std::atomic<int> asked = 0;
  const fake_server server{[&](fake_peer& peer) {
    while (auto request = peer.request()) {
      if (request->front() == "PING")
        peer.say("+PONG\r\n");
      else if (request->front() == "STRLEN" && ++asked == 1)
        continue; // mute about the first one, so that nothing behind it is answered either
      else if (request->front() == "GET")
        peer.say(asked == 1 && ++asked == 2 ? "" : bulk("good"));
      else
        peer.say(":4\r\n");
    }
  }};
  auto options = at(server.port(), one_connection());
  options.lookup_timeout_ms = 100;
  resp_backend backend{options};
  REQUIRE(backend.open() == "");
  const slots probed{{an_object(1, 4)}, 1}, read{{an_object(2, 4)}, 1};
  auto probing = begin(backend, &l2_backend::probe, probed);
  while (asked == 0)
    std::this_thread::yield();
  auto loading = begin(backend, &l2_backend::load, read);
  CHECK(probing.get().results == results{failed});
  CHECK(loading.get().results == results{ok});
  CHECK(read.bytes(0) == "good");
}

TEST_CASE("what is under way when the store ends is answered, also when an answer ends it") {
  const fake_server server{answering([](const words&) { return ""; })};
  const slots one{{an_object(1, 4)}, 1};
  auto backend = std::make_unique<resp_backend>(at(server.port()));
  REQUIRE(backend->open() == "");
  std::vector<std::future<l2_report>> reports;
  for (auto what : every_call)
    reports.push_back(begin(*backend, what, one));
  backend.reset();
  for (auto& report : reports)
    CHECK(report.get().results == results{failed});

  auto options = at(server.port());
  options.load_timeout_ms = 20;
  auto last = std::make_shared<resp_backend>(options);
  REQUIRE(last->open() == "");
  std::promise<l2_report> told;
  auto& target = *last;
  target.load(one.batch(), [&told, last = std::move(last)](l2_report report) mutable {
    last.reset();
    told.set_value(std::move(report));
  });
  CHECK(told.get_future().get().results == results{failed});
}

TEST_CASE("under load a server is killed and started again: everything is answered and true") {
  if (!redis_server::installed())
    return;
  redis_server server;
  resp_backend backend{at(server.port())};
  REQUIRE(backend.open() == "");
  std::vector<object_ref> objects;
  for (uint8_t i = 0; i < 32; ++i)
    objects.push_back(an_object(i, 1 + i * 7'001UL));
  const slots truth{objects, 1};
  std::atomic<bool> over = false;
  std::atomic<uint64_t> rounds = 0, wrong = 0, good = 0;
  auto work = [&](uint32_t seed) {
    const slots read{objects, seed};
    while (!over) {
      call(backend, &l2_backend::store, truth);
      const auto report = call(backend, &l2_backend::load, read);
      call(backend, &l2_backend::probe, read);
      for (size_t i = 0; i < objects.size(); ++i) {
        if (report.results[i] == ok)
          (read.bytes(i) == truth.bytes(i) ? good : wrong) += 1;
        else if (report.results[i] != absent && report.results[i] != failed)
          ++wrong;
      }
      ++rounds;
    }
  };
  std::thread first{work, 2}, second{work, 3};
  auto wait_for_rounds = [&](uint64_t more) {
    for (const auto until = rounds + more; rounds < until;)
      std::this_thread::yield();
  };
  for (int i = 0; i < 3; ++i) {
    wait_for_rounds(3);
    server.kill();
    wait_for_rounds(10); // fail, and at once
    server.start();
  }
  wait_for_rounds(3);
  over = true;
  first.join();
  second.join();
  CHECK(wrong == 0);
  CHECK(good > 0);
  // The pause before the next attempt is at most 5 s.
  results last;
  for (const auto began = steady_clock::now(); steady_clock::now() - began < milliseconds{10'000};
       std::this_thread::sleep_for(milliseconds{10}))
    if (last = call(backend, &l2_backend::store, truth).results; last[0] == ok)
      break;
  CHECK(last == results(objects.size(), ok));
  const slots read{objects, 9};
  CHECK(call(backend, &l2_backend::load, read).results == results(objects.size(), ok));
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == truth.bytes(i));
}

TEST_CASE("a server that stops for a while fails what is asked meanwhile and then goes on") {
  if (!redis_server::installed())
    return;
  redis_server server;
  auto redis = one_connection(100);
  redis.connections = 4;
  redis.connect_timeout_ms = 100;
  resp_backend backend{at(server.port(), redis)};
  REQUIRE(backend.open() == "");
  const slots written{{an_object(1, 4'000'000), an_object(2, 100)}, 1};
  server.pause();
  const auto report = call(backend, &l2_backend::store, written);
  CHECK(report.results == results{failed, failed});
  server.resume();
  std::this_thread::sleep_for(milliseconds{300}); // longer than the pauses after few failures
  CHECK(call(backend, &l2_backend::store, written).results == results{ok, ok});
}
