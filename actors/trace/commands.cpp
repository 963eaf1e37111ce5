#include "actors/trace/commands.hpp"

#include <array>
#include <cstdio>
#include <string_view>

namespace actord {

namespace {

struct command {
  std::string_view name, summary;
  int (*run)(trace_words words);
};

// In the order of --help.
constexpr std::array commands{
  command{"info", "what a trace file holds", run_trace_info},
  command{"replay", "do what it says on a cache of this process, and measure", run_trace_replay},
  command{"plot", "draw what a replay measured", run_trace_plot},
  command{"import", "make one of a public request trace", run_trace_import},
  command{"simulate", "hit ratios of eviction policies and sizes of L1", run_trace_simulate},
};

std::string help() {
  std::string out
    = "usage: lmcache-actord trace COMMAND ...\n"
      "\n"
      "Trace files (.lct) hold the calls that a daemon's storage was asked to do; a daemon writes\n"
      "them with --trace-level storage. All about them: docs/trace.md\n"
      "\n";
  for (const auto& each : commands)
    out.append("  ")
      .append(each.name)
      .append(12 - each.name.size(), ' ')
      .append(each.summary)
      .append("\n");
  return out + "\nlmcache-actord trace COMMAND --help tells what a command takes.\n";
}

} // namespace

int run_trace(trace_words words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    std::fputs(help().c_str(), words.empty() ? stderr : stdout);
    return words.empty() ? 2 : 0;
  }
  for (const auto& each : commands)
    if (each.name == words[0])
      return each.run(words.subspan(1));
  std::fprintf(stderr, "lmcache-actord trace: error: there is no command '%s'\n\n%s",
               words[0].c_str(), help().c_str());
  return 2;
}

} // namespace actord
