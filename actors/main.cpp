// lmcache-actord: options, actor system, signals.
#include "actors/cache_server.hpp"
#include "actors/logging.hpp"
#include "runtime/options/parse_options.hpp"
#include "runtime/shutdown_signal.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>
#include <thread>
#include <variant>

namespace {

using namespace actord;

// CAF takes no options of its own from the command line, the environment or a file.
class system_config : public caf::actor_system_config {
public:
  system_config() {
    add_message_types<caf::id_block::actord_messages>();
    add_message_types<caf::id_block::actord_actors>();
    add_error_category(caf::atom("actord"), [](uint8_t code, caf::atom_value, const caf::message&) {
      return to_string(static_cast<ec>(code));
    });
    // `stealing` polls with sleeps and doubles a hop's latency (measured: 200 against 97 µs).
    set("scheduler.policy", caf::atom("sharing"));
    // CAF would start four even on a smaller machine.
    set("scheduler.max-threads", static_cast<size_t>(std::thread::hardware_concurrency()));
  }
};

int serve(const daemon_options& options, runtime::shutdown_signal& stop) {
  system_config config;
  caf::actor_system system{config};
  std::unique_ptr<cache_server> running;
  bool died = false;
  auto take_down = [&] {
    died = true;
    stop.request();
  };
  try {
    running = std::make_unique<cache_server>(system, options, take_down, set_log_level);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    std::fputs("ERROR:    Application startup failed. Exiting.\n", stderr);
    return 3;
  }
  const int number = stop.wait();
  running->stop();
  spdlog::info("MPCacheServer closed");
  if (number != 0)
    return -number;
  return died ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
  using namespace actord;
  std::vector<std::string> args(argv + 1, argv + argc);
  auto parsed = parse_options(args, process_sources());
  if (auto* exit = std::get_if<exit_request>(&parsed)) {
    std::fputs(exit->text.c_str(), exit->to_stderr ? stderr : stdout);
    return exit->code;
  }
  const auto& options = std::get<daemon_options>(parsed);
  runtime::shutdown_signal stop; // before any thread, so that all of them inherit the mask
  start_logging(options.observability);
  for (const auto& warning : options.warnings)
    spdlog::warn("{}", warning);
  const int result = serve(options, stop);
  if (result < 0)
    runtime::shutdown_signal::die_of(-result);
  return result;
}
