#include "runtime/options/parse_options.hpp"

#include "runtime/options/argparse_forms.hpp"
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_help.hpp"
#include "runtime/options/value_sources.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>

namespace actord {

namespace {

/// The peer's own words, program name included: scripts look for them.
exit_request syntax_exit(const std::string& text) {
  return {2,
          "usage: lmcache-actord [server] --l1-size-gb GIB --eviction-policy NAME [FLAG ...]\n"
          "       lmcache-actord --help lists all flags\n"
          "lmcache: error: "
            + text + "\n",
          true};
}

/// All problems at once, so that one run is enough to mend them.
exit_request problem_exit(const option_problems& problems) {
  exit_request result{1, {}, true};
  for (const auto& problem : problems) {
    if (problem.code == 2)
      return syntax_exit(problem.text);
    result.code = std::max(result.code, problem.code);
    result.text += "lmcache-actord: error: " + problem.text + "\n";
  }
  if (result.code == 3)
    result.text += "ERROR: Application startup failed. Exiting.\n";
  return result;
}

/// UUID version 4 (RFC 4122) from random bytes.
std::string make_uuid(std::array<std::uint8_t, 16> bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      result.push_back('-');
    result.push_back(hex[bytes[i] >> 4]);
    result.push_back(hex[bytes[i] & 15]);
  }
  return result;
}

void assign_all(const option_set& flags, const chosen_values& chosen, option_problems& problems) {
  for (const auto& flag : flags.flags()) {
    auto value = chosen.find(flag.name);
    if (value == chosen.end() || !flag.assign)
      continue;
    if (auto problem = flag.assign(value->second))
      problems.push_back(std::move(*problem));
  }
}

} // namespace

std::variant<daemon_options, exit_request>
parse_options(std::span<const std::string> args, const option_sources& sources) {
  assert(sources.read_file && sources.random_bytes);
  option_draft draft;
  option_set flags;
  declare_options(flags, draft);
  auto arguments = normalise_arguments(args, flags);
  if (auto* error = std::get_if<syntax_error>(&arguments))
    return syntax_exit(error->text);
  const auto& canonical = std::get<canonical_arguments>(arguments);
  if (canonical.early == canonical_arguments::stop::help)
    return exit_request{0, help_text(flags), false};
  if (canonical.early == canonical_arguments::stop::version)
    return exit_request{0, version_text(), false};
  auto collected = collect_values(canonical.pairs, flags);
  if (auto* error = std::get_if<syntax_error>(&collected))
    return syntax_exit(error->text);
  option_problems problems;
  auto chosen = choose_values(std::get<collected_values>(collected), flags, sources, problems,
                              draft.options.warnings);
  if (!problems.empty())
    return problem_exit(problems); // what is missing now may stand in the unreadable source
  assign_all(flags, chosen, problems);
  settle_l1(draft, chosen, problems);
  settle_l2_adapters(draft, sources, problems);
  finish_options(draft, chosen, problems);
  read_secrets(draft.options, sources, chosen, problems);
  settle_otlp(draft, sources, chosen, problems);
  settle_model_servers(draft.options, chosen, problems);
  refuse_unbuilt(draft, chosen, problems);
  if (!problems.empty())
    return problem_exit(problems);
  if (draft.options.mp.instance_id.empty())
    draft.options.mp.instance_id = make_uuid(sources.random_bytes());
  return std::move(draft.options);
}

} // namespace actord
