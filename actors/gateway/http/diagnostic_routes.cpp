#include "actors/gateway/http/process_facts.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/values.hpp"
#include "actors/logging.hpp"
#include "runtime/options/config_view.hpp"

#include <algorithm>
#include <array>

namespace actord::http {

namespace {

constexpr std::array<std::string_view, 4> loop_levels{"critical", "high", "medium", "low"};
constexpr const char* script_disabled
  = "The /run_script API is disabled. This daemon executes no scripts: --run-script-api-enabled "
    "(LMCACHE_RUN_SCRIPT_API_ENABLED) is accepted and has no effect; use the other routes.";

reply env_reply() {
  json all = json::object();
  for (const auto& [name, value] : shown_environment())
    all[name] = value;
  return text_reply(to_text(all, 2));
}

std::optional<log_level> parse_level(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  for (auto level : {log_level::debug, log_level::info, log_level::warning, log_level::error,
                     log_level::critical})
    if (text == to_string(level))
      return level;
  if (text == "WARN")
    return log_level::warning;
  return text == "FATAL" ? std::optional{log_level::critical} : std::nullopt;
}

reply loglevel_reply(context& from, const request& asked) {
  const auto* name = asked.parameter("logger_name");
  const auto* level = asked.parameter("level");
  if (!name && !level) {
    std::string text = "=== Loggers and Levels ===\n";
    for (const auto& [logger, of] : logger_levels())
      text += logger + ": " + to_string(of) + "\n";
    return text_reply(text);
  }
  if (!name)
    return json_reply(nullptr);
  if (!level) {
    const auto known = logger_level(*name);
    return text_reply(*name + ": " + (known ? to_string(*known) : "NOTSET"));
  }
  const auto wanted = parse_level(*level);
  if (!wanted)
    return text_reply("Invalid log level: " + *level, 400);
  if (!from.set_level(*name, *wanted))
    return text_reply("Unknown logger: " + *name + "; GET /loglevel lists all of them", 400);
  return text_reply("Set " + *name + " level to " + to_string(*wanted)
                    + " (including all handlers)");
}

reply threads_reply(const request& asked) {
  complaints faults;
  std::optional<int64_t> id;
  if (const auto* given = asked.parameter("thread_id"))
    id = read_integer(*given, {"query", "thread_id"}, faults);
  if (!faults.empty())
    return faults.answer();
  const auto* name = asked.parameter("name");
  std::string text;
  size_t count = 0;
  for (const auto& thread : list_threads()) {
    if ((id && thread.id != *id) || (name && thread.name.find(*name) == std::string::npos))
      continue;
    ++count;
    text += "Thread: <" + thread.name + ", tid " + std::to_string(thread.id) + ", state "
            + std::string(1, thread.state) + ">\n";
  }
  return text_reply(text + "\n\n=== Thread Summary ===\nTotal threads: " + std::to_string(count)
                    + "\n");
}

// No loop of ours runs on a thread of its own: actors wake when there is work.
reply loops_reply(const request& asked) {
  complaints faults;
  for (const char* name : {"running_only", "active_only"})
    if (const auto* given = asked.parameter(name))
      read_flag(*given, {"query", name}, faults);
  if (!faults.empty())
    return faults.answer();
  if (const auto* level = asked.parameter("level");
      level && std::ranges::find(loop_levels, *level) == loop_levels.end())
    return error_reply(400,
                       "Invalid level: " + *level + ". Valid values: critical, high, medium, low");
  json levels = json::object();
  for (auto level : loop_levels)
    levels[std::string{level}] = {{"total", 0}, {"running", 0}, {"active", 0}};
  return json_reply({{"summary",
                      {{"total_count", 0},
                       {"running_count", 0},
                       {"active_count", 0},
                       {"by_level", std::move(levels)}}},
                     {"threads", json::array()}});
}

} // namespace

void add_diagnostic_routes(router& to, context& from) {
  to.add({"GET", "/metrics", exposure::metrics, [&from](const request& asked, const path_values&) {
            return metrics_reply(from, asked);
          }});
  to.add({"POST", "/metrics/reset", exposure::change,
          [](const request&, const path_values&) { return text_reply("ok"); }});
  to.add({"GET", "/env", exposure::change,
          [](const request&, const path_values&) { return env_reply(); }});
  to.add({"GET", "/loglevel", exposure::read,
          [&from](const request& asked, const path_values&) { return loglevel_reply(from, asked); },
          "level"});
  to.add({"GET", "/threads", exposure::read,
          [](const request& asked, const path_values&) { return threads_reply(asked); }});
  to.add({"GET", "/periodic-threads", exposure::read,
          [](const request& asked, const path_values&) { return loops_reply(asked); }});
  to.add(
    {"GET", "/periodic-threads/{}", exposure::read, [](const request&, const path_values& values) {
       return error_reply(404, "Thread not found: " + values[0]);
     }});
  to.add(
    {"GET", "/periodic-threads-health", exposure::open, [](const request&, const path_values&) {
       return json_reply(
         {{"healthy", true}, {"unhealthy_count", 0}, {"unhealthy_threads", json::array()}});
     }});
  to.add({"POST", "/run_script", exposure::change,
          [](const request&, const path_values&) { return text_reply(script_disabled, 404); }});
}

} // namespace actord::http
