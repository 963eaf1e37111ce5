#include "runtime/options/option_help.hpp"

#include "runtime/options/version.hpp"

#include <algorithm>
#include <string_view>

namespace actord {

namespace {

constexpr std::size_t width = 100;
constexpr std::size_t help_column = 40;

/// `--[no-]l1-use-lazy`, `-q, --quiet`, `--port PORT`, `--transport {zmq,grpc}`.
std::string usage(const flag_spec& flag) {
  std::string result = flag.name;
  if (flag.letter != 0)
    result = std::string("-") + flag.letter + ", " + result;
  if (flag.form == flag_form::toggle)
    return "--[no-]" + flag.name.substr(2);
  if (!flag.choices.empty()) {
    std::string list;
    for (const auto& choice : flag.choices)
      list += (list.empty() ? "" : ",") + choice;
    return result + " {" + list + "}";
  }
  return flag.metavar.empty() ? result : result + " " + flag.metavar;
}

std::string explanation(const flag_spec& flag) {
  bool shows_default = !flag.default_text.empty()
                       && (flag.form == flag_form::value || flag.form == flag_form::toggle);
  return shows_default ? flag.help + " [" + flag.default_text + "]" : flag.help;
}

/// Appends `text`, broken at blanks so that no line exceeds the width.
void append_wrapped(std::string& out, std::string_view text) {
  constexpr auto room = width - help_column;
  while (text.size() > room) {
    auto cut = text.rfind(' ', room);
    if (cut == std::string_view::npos || cut == 0)
      break;
    out.append(text.substr(0, cut)).append("\n").append(help_column, ' ');
    text.remove_prefix(cut + 1);
  }
  out.append(text).append("\n");
}

void append_flag(std::string& out, const flag_spec& flag) {
  auto line = "  " + usage(flag);
  if (line.size() + 2 > help_column)
    line += "\n" + std::string(help_column, ' ');
  else
    line.append(help_column - line.size(), ' ');
  out += line;
  append_wrapped(out, explanation(flag));
}

} // namespace

std::string help_text(const option_set& flags) {
  std::string out
    = "lmcache-actord keeps the KV cache of LLM engines in memory and serves it to them in place "
      "of\n"
      "the LMCache multiprocess server.\n"
      "\n"
      "usage: lmcache-actord [server] --l1-size-gb GIB --eviction-policy NAME [FLAG ...]\n"
      "\n"
      "  lmcache-actord --l1-size-gb 2 --eviction-policy LRU     a first start\n"
      "  lmcache-actord --config /etc/lmcache-actord.toml        all options from a file\n"
      "  lmcache-actord trace --help                             recorded calls: read, replay\n"
      "\n"
      "--x VALUE and --x=VALUE are the same; a flag may be shortened as long as it stays unique.\n"
      "Every flag is also a variable, LMCACHE_ACTORD_<FLAG> (--l1-size-gb: "
      "LMCACHE_ACTORD_L1_SIZE_GB),\n"
      "and a line `l1-size-gb = 2` of the file. A flag beats the variable, the variable the file.\n"
      "Defaults stand in [brackets]. All options at length: docs/operations/options.md\n";
  for (const auto& group : flags.groups()) {
    out += "\n" + group + "\n";
    for (const auto& flag : flags.flags())
      if (flag.group == group && !flag.hidden)
        append_flag(out, flag);
  }
  return out;
}

std::string version_text() {
  return "lmcache-actord " + std::string(daemon_version) + " (LMCache protocol "
         + std::string(protocol_version) + ")\n";
}

} // namespace actord
