// A store in a cluster, a real one and one of fake nodes.
#include "actors/l2/resp_backend.hpp"

#include "actors/l2/resp_slots.hpp"
#include "storage/l2_names.hpp"
#include "tests/fixtures/fake_server.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/redis_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
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

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto failed = l2_result::failed;

l2_adapter_options at(std::vector<uint16_t> ports) {
  redis_l2_options redis;
  redis.cluster = true;
  redis.connections = 2;
  redis.scan_at_start = true;
  for (auto port : ports)
    redis.nodes.push_back({"127.0.0.1", port});
  l2_adapter_options result;
  result.type = "valkey";
  result.store = redis;
  return result;
}

std::string wire_name(const object_ref& object) {
  return remote_name(to_key(object));
}

std::string status_of(const l2_backend& backend, const std::string& name) {
  for (const auto& [key, value] : backend.status())
    if (key == name)
      return value;
  return "";
}

// Slots 0..16383 at one node.
std::string all_slots_at(uint16_t port) {
  return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:" + std::to_string(port)
         + "\r\n$1\r\nx\r\n";
}

// Keys in memory, as a node that holds every slot.
class fake_node {
public:
  // What it says instead of doing what it is asked; "" when it does.
  std::function<std::string(const words&)> instead = [](const words&) { return ""; };

  std::string answer(const words& request) {
    const std::lock_guard guard{mutex};
    asked.push_back(request.front());
    if (auto other = instead(request); !other.empty())
      return other;
    if (request.front() == "ASKING")
      return "+OK\r\n";
    if (request.front() == "SET") {
      values[request[1]] = request[2];
      return "+OK\r\n";
    }
    const auto found = values.find(request[1]);
    if (request.front() == "STRLEN")
      return ":" + std::to_string(found == values.end() ? 0 : found->second.size()) + "\r\n";
    if (found == values.end())
      return "$-1\r\n";
    return "$" + std::to_string(found->second.size()) + "\r\n" + found->second + "\r\n";
  }

  std::mutex mutex;
  std::map<std::string, std::string> values;
  words asked;
};

std::string port_text(const fake_server& server) {
  return std::to_string(server.port());
}

} // namespace

TEST_CASE("MOVED is followed, learned, and not followed for ever") {
  fake_node old_owner, new_owner;
  const fake_server second{
    answering([&](const words& request) { return new_owner.answer(request); })};
  const fake_server first{
    answering([&](const words& request) { return old_owner.answer(request); })};
  std::atomic<uint16_t> owner = first.port();
  auto slots_or_moved = [&](const words& request) -> std::string {
    if (request.front() == "CLUSTER")
      return all_slots_at(owner);
    return owner == first.port() ? ""
                                 : "-MOVED " + std::to_string(resp_slot(request[1])) + " :"
                                     + port_text(second) + "\r\n";
  };
  old_owner.instead = slots_or_moved;
  new_owner.instead
    = [&](const words& request) { return request.front() == "CLUSTER" ? all_slots_at(owner) : ""; };
  resp_backend backend{at({first.port()})};
  REQUIRE(backend.open() == "");
  std::vector<object_ref> objects;
  for (uint8_t i = 0; i < 50; ++i)
    objects.push_back(an_object(i, 100));
  const slots written{objects, 1}, read{objects, 2};
  const results all(objects.size(), ok);
  CHECK(call(backend, &l2_backend::store, written).results == all);
  CHECK(status_of(backend, "redirects") == "0");
  owner = second.port();
  CHECK(call(backend, &l2_backend::store, written).results == all);
  CHECK(call(backend, &l2_backend::load, read).results == all);
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == written.bytes(i));
  const auto redirects = status_of(backend, "redirects");
  CHECK(std::stoul(redirects) >= 1);
  const slots news{{an_object(99, 100)}, 3}; // of a slot that nothing has moved before
  CHECK(call(backend, &l2_backend::store, news).results == results{ok});
  CHECK(status_of(backend, "redirects") == redirects);

  // Each says that the other has it.
  {
    const std::lock_guard guard{new_owner.mutex};
    new_owner.instead = [&](const words& request) {
      return request.front() == "CLUSTER" ? all_slots_at(owner)
                                          : "-MOVED " + std::to_string(resp_slot(request[1]))
                                              + " 127.0.0.1:" + port_text(first) + "\r\n";
    };
  }
  const auto report = call(backend, &l2_backend::load, news);
  CHECK(report.results == results{failed});
  CHECK(report.error.find("MOVED") != std::string::npos);
}

TEST_CASE("ASK is followed once, with ASKING, and nothing is learned from it") {
  fake_node old_owner, new_owner;
  const fake_server second{
    answering([&](const words& request) { return new_owner.answer(request); })};
  std::atomic<uint16_t> first_port = 0;
  old_owner.instead = [&](const words& request) {
    return request.front() == "CLUSTER" ? all_slots_at(first_port)
                                        : "-ASK " + std::to_string(resp_slot(request[1]))
                                            + " 127.0.0.1:" + port_text(second) + "\r\n";
  };
  const fake_server first{
    answering([&](const words& request) { return old_owner.answer(request); })};
  first_port = first.port();
  resp_backend backend{at({first.port()})};
  REQUIRE(backend.open() == "");
  const slots one{{an_object(1, 100)}, 1}, read{{an_object(1, 100)}, 2};
  CHECK(call(backend, &l2_backend::store, one).results == results{ok});
  CHECK(call(backend, &l2_backend::load, read).results == results{ok});
  CHECK(read.bytes(0) == one.bytes(0));
  CHECK(status_of(backend, "redirects") == "2");
  CHECK(new_owner.asked == words{"ASKING", "SET", "ASKING", "GET"});
}

TEST_CASE("a cluster is opened through any node that is there") {
  fake_node only;
  std::atomic<uint16_t> port = 0;
  only.instead
    = [&](const words& request) { return request.front() == "CLUSTER" ? all_slots_at(port) : ""; };
  const fake_server server{answering([&](const words& request) { return only.answer(request); })};
  port = server.port();
  resp_backend backend{at({free_port(), server.port()})};
  CHECK(backend.open() == "");
  resp_backend none{at({free_port(), free_port()})};
  CHECK(none.open().find("Connection refused") != std::string::npos);
}

TEST_CASE("objects spread over a real cluster and follow a slot that moves") {
  if (!redis_server::installed())
    return;
  const auto bus = [] { return std::to_string(free_port()); };
  auto options = [&] {
    return words{"--cluster-enabled",      "yes", "--cluster-port", bus(),
                 "--cluster-node-timeout", "2000"};
  };
  const auto first_options = options(), second_options = options();
  const redis_server first{first_options}, second{second_options};
  REQUIRE(first.ask({"CLUSTER", "ADDSLOTSRANGE", "0", "8191"}) == "+OK");
  REQUIRE(second.ask({"CLUSTER", "ADDSLOTSRANGE", "8192", "16383"}) == "+OK");
  REQUIRE(second.ask({"CLUSTER", "SET-CONFIG-EPOCH", "2"}) == "+OK");
  REQUIRE(
    first.ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(second.port()), second_options[3]})
    == "+OK");
  auto agreed = [](const redis_server& node) {
    const auto info = node.ask({"CLUSTER", "INFO"});
    return info.find("cluster_state:ok") != info.npos
           && info.find("cluster_slots_ok:16384") != info.npos;
  };
  for (int tries = 0; tries < 1'000 && !(agreed(first) && agreed(second)); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  REQUIRE((agreed(first) && agreed(second)));
  resp_backend backend{at({first.port()})};
  REQUIRE(backend.open() == "");
  std::vector<object_ref> objects;
  for (uint8_t i = 0; i < 100; ++i)
    objects.push_back(an_object(i, 20'000));
  const slots written{objects, 1}, read{objects, 2};
  const results all(objects.size(), ok);
  CHECK(call(backend, &l2_backend::store, written).results == all);
  CHECK(status_of(backend, "redirects") == "0");
  CHECK(first.ask({"DBSIZE"}) != ":0");
  CHECK(second.ask({"DBSIZE"}) != ":0");
  std::promise<void> over;
  size_t found = 0;
  backend.scan([&](std::vector<l2_found> page) {
    found += page.size();
    if (page.empty())
      over.set_value();
  });
  over.get_future().wait();
  CHECK(found == objects.size());

  // The slot of one object moves to the other node while it is read.
  const auto name = wire_name(objects[0]);
  const auto slot = resp_slot(name);
  const bool at_first = slot < 8'192;
  const auto& from = at_first ? first : second;
  const auto& to = at_first ? second : first;
  const auto from_id = from.ask({"CLUSTER", "MYID"}), to_id = to.ask({"CLUSTER", "MYID"});
  const auto number = std::to_string(slot);
  REQUIRE(to.ask({"CLUSTER", "SETSLOT", number, "IMPORTING", from_id}) == "+OK");
  REQUIRE(from.ask({"CLUSTER", "SETSLOT", number, "MIGRATING", to_id}) == "+OK");
  CHECK(call(backend, &l2_backend::load, read).results == all);
  REQUIRE(from.ask({"MIGRATE", "127.0.0.1", std::to_string(to.port()), name, "0", "5000"})
          == "+OK");
  CHECK(call(backend, &l2_backend::load, read).results == all); // ASK
  REQUIRE(to.ask({"CLUSTER", "SETSLOT", number, "NODE", to_id}) == "+OK");
  REQUIRE(from.ask({"CLUSTER", "SETSLOT", number, "NODE", to_id}) == "+OK");
  CHECK(call(backend, &l2_backend::load, read).results == all); // MOVED
  CHECK(std::stoul(status_of(backend, "redirects")) >= 2);
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == written.bytes(i));
  CHECK(call(backend, &l2_backend::erase, read).results == all);
  CHECK(call(backend, &l2_backend::probe, read).results == results(objects.size(), absent));
}
