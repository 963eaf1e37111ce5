// lmcache-actord: options, actor system, signals.
#include "actors/cache_server.hpp"
#include "actors/log.hpp"
#include "actors/logging.hpp"
#include "actors/system_config.hpp"
#include "actors/telemetry/lookup_hash_log.hpp"
#include "actors/trace/commands.hpp"
#include "runtime/options/parse_options.hpp"
#include "runtime/shutdown_signal.hpp"

#include <caf/actor_system.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <variant>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace actord;

using lookup_log_ptr = std::unique_ptr<lookup_hash_log>;

// Null: not wanted. A text: what is wrong with its folder.
std::variant<lookup_log_ptr, std::string> open_lookup_log(const observability_options& options) {
  if (!options.enabled || options.lookup_hash_log_dir.empty())
    return lookup_log_ptr{};
  return lookup_hash_log::open(options.lookup_hash_log_dir,
                               {options.lookup_hash_log_rotation_interval_s,
                                options.lookup_hash_log_rotation_max_bytes,
                                options.lookup_hash_log_max_files});
}

int serve(const daemon_options& options, lookup_log_ptr lookup_log,
          runtime::shutdown_signal& stop) {
  system_config config;
  caf::actor_system system{config};
  std::unique_ptr<cache_server> running;
  bool died = false;
  auto take_down = [&] {
    died = true;
    stop.request();
  };
  try {
    running = std::make_unique<cache_server>(system, options, take_down, std::move(lookup_log));
  } catch (const std::exception& error) {
    log_error(log_part::server, "{}", error.what());
    flush_log();
    std::fputs("ERROR:    Application startup failed. Exiting.\n", stderr);
    return 3;
  }
  const int number = stop.wait();
  running->stop();
  log_info(log_part::server, "MPCacheServer closed");
  if (number != 0)
    return -number;
  return died ? 1 : 0;
}

// A standard stream that is closed would be the number of the next socket or pool that is opened,
// and lines of the log would go there.
void open_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO)
    fd = ::open("/dev/null", O_RDWR); // takes the lowest number that is free
  if (fd > STDERR_FILENO)
    ::close(fd);
}

} // namespace

int main(int argc, char** argv) {
  using namespace actord;
  open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN); // a limit on the size of files is a full disk, not an end
  std::vector<std::string> args(argv + 1, argv + argc);
  if (!args.empty() && args[0] == "trace")
    return run_trace(std::span{args}.subspan(1));
  auto parsed = parse_options(args, process_sources());
  if (auto* exit = std::get_if<exit_request>(&parsed)) {
    std::fputs(exit->text.c_str(), exit->to_stderr ? stderr : stdout);
    return exit->code;
  }
  const auto& options = std::get<daemon_options>(parsed);
  auto lookup_log = open_lookup_log(options.observability);
  if (auto* fault = std::get_if<std::string>(&lookup_log)) {
    std::fprintf(stderr, "lmcache-actord: error: %s\n", fault->c_str());
    return 1;
  }
  runtime::shutdown_signal stop; // before any thread, so that all of them inherit the mask
  start_logging(options.observability);
  for (const auto& warning : options.warnings)
    log_warn(log_part::server, "{}", warning);
  const int result = serve(options, std::get<lookup_log_ptr>(std::move(lookup_log)), stop);
  finish_logging();
  if (result < 0)
    runtime::shutdown_signal::die_of(-result);
  return result;
}
