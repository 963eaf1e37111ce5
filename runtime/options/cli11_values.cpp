#include "runtime/options/cli11_values.hpp"

#include <CLI/CLI.hpp>
#include <utility>

namespace actord {

std::variant<collected_values, syntax_error>
collect_values(const std::vector<std::string>& pairs, const option_set& flags) {
  CLI::App app;
  app.set_help_flag();
  std::vector<CLI::Option*> options;
  for (const auto& flag : flags.flags()) {
    // The callback takes nothing: CLI11 rewrites `{}` before it calls one, so the values are
    // read untouched from `results()` below.
    CLI::callback_t ignore = [](const CLI::results_t&) { return true; };
    options.push_back(app.add_option(flag.name, std::move(ignore))
                        ->expected(1)
                        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
  }
  try {
    // CLI11 wants its arguments last first.
    app.parse(std::vector<std::string>(pairs.rbegin(), pairs.rend()));
  } catch (const CLI::Error& error) {
    return syntax_error{error.what()};
  }
  collected_values result;
  for (std::size_t i = 0; i < options.size(); ++i)
    if (!options[i]->empty())
      result[flags.flags()[i].name] = options[i]->results();
  return result;
}

} // namespace actord
