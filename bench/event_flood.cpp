// The daemon with a subscriber that is slow and a thread that publishes events for it, as many a
// second as EVENT_FLOOD says (0: none), for EVENT_FLOOD_SECONDS. Takes the daemon's arguments. See
// event_flood.py.
#include "actors/cache_server.hpp"
#include "actors/logging.hpp"
#include "actors/system_config.hpp"
#include "actors/telemetry/subscriber.hpp"
#include "runtime/options/parse_options.hpp"
#include "runtime/shutdown_signal.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace {

using namespace actord;
using namespace std::chrono_literals;

// A type that no other subscriber listens to.
constexpr auto flooded = event_type::l1_keys_accessed;

class slow_subscriber final : public event_subscriber {
public:
  std::string_view name() const override {
    return "SlowSubscriber";
  }
  event_mask interests() const override {
    return {flooded};
  }
  void handle(const event&) override {
    std::this_thread::sleep_for(1ms);
  }
};

int from_environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : 0;
}

void flood(const event_publisher_ptr& bus, int rate, int seconds, const std::atomic<bool>& going) {
  const auto space = std::make_shared<const key_space>(key_space{"flood", 1, ""});
  const auto keys
    = std::make_shared<const std::vector<event_key>>(4, event_key{space, {}, 0, 0, 0});
  const auto began = std::chrono::steady_clock::now();
  for (int64_t told = 0; going;) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    if (passed.count() > seconds)
      return;
    for (const auto due = static_cast<int64_t>(passed.count() * rate); told < due; ++told)
      bus->publish(flooded, {}, l1_keys_details{"flood", keys});
    std::this_thread::sleep_for(1ms);
  }
}

int serve(const daemon_options& options, runtime::shutdown_signal& stop) {
  const int rate = from_environment("EVENT_FLOOD");
  const int seconds = from_environment("EVENT_FLOOD_SECONDS");
  system_config config;
  caf::actor_system system{config};
  cache_server server{system, options, [&] { stop.request(); }, nullptr};
  std::atomic<bool> going = rate > 0;
  std::thread source;
  if (going) {
    attach(system, server.bus(), options.observability.event_bus_queue_size,
           std::make_unique<slow_subscriber>());
    source = std::thread{[&] { flood(server.publisher(), rate, seconds, going); }};
  }
  stop.wait();
  going = false;
  if (source.joinable())
    source.join();
  server.stop();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  auto parsed = parse_options(args, process_sources());
  if (auto* exit = std::get_if<exit_request>(&parsed)) {
    std::fputs(exit->text.c_str(), stderr);
    return exit->code;
  }
  const auto& options = std::get<daemon_options>(parsed);
  runtime::shutdown_signal stop;
  start_logging(options.observability);
  const int result = serve(options, stop);
  finish_logging();
  return result;
}
