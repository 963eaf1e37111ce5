// The one way from a command line, the environment and a file to the daemon's options.
#pragma once

#include "runtime/options/daemon_options.hpp"
#include "runtime/options/option_sources.hpp"

#include <span>
#include <string>
#include <variant>

namespace actord {

/// The process shall print `text` and end with `code`.
struct exit_request {
  int code = 0;
  std::string text;
  bool to_stderr = false;
};

/// Precedence, flag by flag: command line, then environment (LMCACHE_ACTORD_<FLAG>, then the
/// peer's own variable), then the file named by --config, then the default. Prints nothing, ends
/// nothing, reads only through `sources`.
/// Exit codes (spec cli-http §1.5): 0 help and version, 1 a bad value or combination or a part not
/// built yet, 2 bad syntax on the command line, 3 a value that the peer notices late in its start.
/// @param args without the program's name; a leading `server` is ignored.
std::variant<daemon_options, exit_request>
parse_options(std::span<const std::string> args, const option_sources& sources);

} // namespace actord
