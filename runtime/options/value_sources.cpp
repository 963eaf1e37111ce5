#include "runtime/options/value_sources.hpp"

#include "runtime/options/option_values.hpp"
#include "runtime/options/toml_reader.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace actord {

namespace {

constexpr std::string_view our_prefix = "LMCACHE_ACTORD_";

/// Words separated by blanks, or a JSON array, as the text of a JSON array.
std::string words_as_json(const std::string& text) {
  if (trimmed(text).starts_with('['))
    return text;
  auto list = nlohmann::json::array();
  std::string_view rest = trimmed(text);
  while (!rest.empty()) {
    auto end = std::min(rest.find_first_of(" \t\n"), rest.size());
    list.push_back(std::string(rest.substr(0, end)));
    rest = trimmed(rest.substr(end));
  }
  return list.dump();
}

/// Kubernetes sets NAME_PORT=tcp://10.0.0.1:80 for every Service of a namespace, so a Service
/// called lmcache-actord writes into our variables.
bool is_service_link(std::string_view name, std::string_view value) {
  if (name.find("_SERVICE_HOST") != std::string_view::npos
      || name.find("_SERVICE_PORT") != std::string_view::npos)
    return true;
  if (name.find("_PORT_") != std::string_view::npos
      && (name.find("_TCP") != std::string_view::npos
          || name.find("_UDP") != std::string_view::npos))
    return true;
  return name.ends_with("_PORT")
         && (value.starts_with("tcp://") || value.starts_with("udp://")
             || value.starts_with("sctp://"));
}

class value_chooser {
public:
  value_chooser(const option_set& flags, const option_sources& sources, option_problems& problems,
                std::vector<std::string>& warnings)
    : flags_(flags), sources_(sources), problems_(problems), warnings_(warnings) {
  }

  chosen_values run(const collected_values& command_line) {
    add_command_line(command_line);
    add_environment();
    warn_about_unknown_variables();
    if (auto config = chosen_.find("--config");
        config != chosen_.end() && !config->second.last().empty())
      add_file(config->second);
    return std::move(chosen_);
  }

private:
  void add_command_line(const collected_values& command_line) {
    for (const auto& flag : flags_.flags()) {
      auto found = command_line.find(flag.name);
      if (found == command_line.end())
        continue;
      if (flag.alias_of.empty()) {
        chosen_[flag.name] = {flag.name, found->second, {}, flag.secret};
        continue;
      }
      warnings_.push_back(flag.name + " is an old name; use " + flag.alias_of);
      if (!command_line.contains(flag.alias_of))
        chosen_[flag.alias_of] = {flag.alias_of, found->second, {}, flag.secret};
    }
  }

  void add_environment() {
    for (const auto& flag : flags_.flags()) {
      bool settable = !flag.command_line_only || flag.name == "--config";
      if (!settable || chosen_.contains(flag.name))
        continue;
      if (!add_variable(flag, flag.our_variable()) && !flag.variable.empty())
        add_variable(flag, flag.variable);
    }
  }

  bool add_variable(const flag_spec& flag, const std::string& name) {
    auto found = sources_.variables.find(name);
    // Empty is the same as unset: charts render absent values as empty text.
    if (found == sources_.variables.end() || found->second.empty())
      return false;
    if (is_service_link(name, found->second)) {
      warnings_.push_back(name + "=" + printable(found->second)
                          + " is ignored: Kubernetes sets it for a Service of that name");
      return false;
    }
    if (!is_utf8_text(found->second)) {
      auto shown = flag.secret ? "***" : printable(found->second);
      problems_.push_back({1, name + " is not UTF-8 text: " + shown});
      return true;
    }
    auto text = flag.form == flag_form::words ? words_as_json(found->second) : found->second;
    chosen_[flag.name] = {flag.name, {std::move(text)}, name, flag.secret};
    return true;
  }

  void warn_about_unknown_variables() {
    for (auto next = sources_.variables.lower_bound(our_prefix);
         next != sources_.variables.end() && next->first.starts_with(our_prefix); ++next) {
      auto known = [&](const flag_spec& flag) { return flag.our_variable() == next->first; };
      if (std::ranges::none_of(flags_.flags(), known)
          && !is_service_link(next->first, next->second))
        warnings_.push_back(printable(next->first)
                            + " belongs to no option and is ignored; see --help for the names");
    }
  }

  void add_file(const option_value& config) {
    const auto& path = config.last();
    auto content = sources_.read_file(path);
    if (!content.error.empty()) {
      problems_.push_back(
        config.rejected("cannot be read: " + content.error + "; check path and permissions"));
      return;
    }
    auto parsed = read_toml(content.text, path);
    if (auto* error = std::get_if<toml_error>(&parsed)) {
      problems_.push_back({1, error->text});
      return;
    }
    for (auto& entry : std::get<0>(parsed))
      add_entry(entry, path);
  }

  void add_entry(toml_entry& entry, const std::string& path) {
    auto where = printable(path) + ":" + std::to_string(entry.line);
    const auto* flag = flags_.find("--" + entry.key);
    if (flag == nullptr || flag->command_line_only) {
      problems_.push_back(
        {1, where + ": unknown option `" + printable(entry.key) + "`" + remedy_for(entry.key)});
      return;
    }
    bool is_list = flag->form == flag_form::words || flag->form == flag_form::repeated;
    if (entry.is_array && !is_list) {
      problems_.push_back({1, where + ": `" + entry.key + "` takes one value, not an array"});
      return;
    }
    if (flag->form == flag_form::words)
      entry.values = {nlohmann::json(entry.values).dump()};
    // An empty list says nothing, as does a flag that is never given.
    if (!entry.values.empty())
      chosen_.try_emplace(flag->name,
                          option_value{flag->name, std::move(entry.values), where, flag->secret});
  }

  std::string remedy_for(const std::string& key) const {
    auto dashed = key;
    std::ranges::replace(dashed, '_', '-');
    const auto* flag = flags_.find("--" + dashed);
    if (flag != nullptr && flag->command_line_only)
      return "; it is given on the command line only";
    if (flag != nullptr)
      return "; write `" + dashed + "`";
    return "; names are those of the flags in --help, without the leading --";
  }

  const option_set& flags_;
  const option_sources& sources_;
  option_problems& problems_;
  std::vector<std::string>& warnings_;
  chosen_values chosen_;
};

} // namespace

chosen_values choose_values(const collected_values& command_line, const option_set& flags,
                            const option_sources& sources, option_problems& problems,
                            std::vector<std::string>& warnings) {
  return value_chooser(flags, sources, problems, warnings).run(command_line);
}

} // namespace actord
