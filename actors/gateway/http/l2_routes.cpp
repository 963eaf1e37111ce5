// Stores behind L1 that come and go while the daemon runs.
#include "actors/gateway/http/l2_adapters.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/log.hpp"
#include "runtime/options/l2_adapter_checks.hpp"
#include "runtime/options/l2_adapter_json.hpp"
#include "runtime/options/l2_adapter_view.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace actord::http {

namespace {

// Far more than any adapter takes.
constexpr size_t most_body_bytes = 64 << 10;
constexpr const char* collection = "/l2/adapters";

std::string joined(const std::vector<std::string>& texts) {
  std::string result;
  for (const auto& text : texts)
    result += (result.empty() ? "" : "; ") + text;
  return result;
}

reply failure(const caf::error& reason) {
  if (reason == ec::absent)
    return detail_reply(404, describe(reason));
  if (reason == ec::busy)
    return detail_reply(409, describe(reason));
  if (reason == ec::rejected)
    return detail_reply(400, describe(reason));
  return unavailable(family::detail, the_l2_registry, reason);
}

std::string detail_of(const l2_adapter_status& status, std::string_view name) {
  for (const auto& [key, value] : status.details)
    if (key == name)
      return value;
  return {};
}

void add_figures(json& to, const l2_adapter_status& status) {
  to["breaker"] = detail_of(status, "breaker");
  to["bytes"] = status.usage.used_bytes;
  to["capacity_bytes"] = status.usage.capacity_bytes;
  to["objects"] = status.usage.objects;
  to["scanning"] = status.scanning;
  to["running_tasks"] = status.in_flight;
  if (const auto age = detail_of(status, "oldest_task_ms"); !age.empty())
    to["oldest_task_ms"] = std::stoll(age);
  if (!status.last_error.empty())
    to["last_error"] = status.last_error;
}

// An adapter as the registry knows it, with its own figures where it has some.
json adapter_json(asker& asks, const context& from, const l2_entry& entry) {
  std::optional<l2_adapter_status> status;
  uint64_t waiting = 0;
  if (entry.actor) {
    if (auto told = asks.ask<l2_adapter_status>(entry.actor, atom::status_v))
      status = std::move(*told);
    if (auto told = asks.ask<uint64_t>(from.peers.l2.stores, atom::status_v, entry.info.index))
      waiting = *told;
  }
  const bool serves = entry.state == l2_state::ready && status;
  json result{{"id", entry.info.index},
              {"type", entry.info.name},
              {"name", "l2-" + entry.info.name + "-" + std::to_string(entry.info.index)},
              {"state", to_text(serves ? status->state : entry.state)},
              {"removing", entry.removing},
              {"drained", entry.drained},
              {"shared", entry.info.shared},
              {"waiting_objects", waiting}};
  if (!entry.waits_for.empty())
    result["waits_for"] = entry.waits_for;
  if (status)
    add_figures(result, *status);
  result["config"] = l2_adapter_view(*entry.options);
  return result;
}

std::optional<uint32_t> id_in(const std::string& text) {
  uint32_t result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return result;
}

reply list_adapters(context& from) {
  asker asks{from};
  const auto all = asks.ask<l2_entries>(from.peers.l2.registry, atom::list_v);
  if (!all)
    return failure(all.error());
  json list = json::array();
  for (const auto& each : all->list)
    list.push_back(adapter_json(asks, from, each));
  return json_reply({{"adapters", std::move(list)}});
}

// What an adapter is told, or asked, by its id.
template <class Atom>
reply tell_adapter(context& from, const std::string& name, Atom what,
                   int (*status_of)(const l2_entry&)) {
  const auto id = id_in(name);
  if (!id)
    return detail_reply(404, "there is no L2 adapter '" + name + "': ids are whole numbers");
  asker asks{from};
  const auto entry = asks.ask<l2_entry>(from.peers.l2.registry, what, *id);
  if (!entry)
    return failure(entry.error());
  return json_reply(adapter_json(asks, from, *entry), status_of(*entry));
}

// The options in a body, or the answer to one that is wrong: with the checks of the flag.
std::optional<reply>
read_adapter(const context& from, const request& asked, l2_adapter_options& to, json& warnings) {
  if (!asked.has_json_type())
    return detail_reply(400, "the body must be JSON: send Content-Type: application/json");
  if (asked.body.size() > most_body_bytes)
    return detail_reply(413, "an L2 adapter takes at most " + std::to_string(most_body_bytes)
                               + " bytes, not " + std::to_string(asked.body.size()));
  auto reading = read_l2_adapter_as("L2 adapter", asked.body, process_sources().variables);
  if (!reading.options)
    return detail_reply(400, joined(reading.problems));
  if (const auto problems = l1_problems(*reading.options, from.options.l1); !problems.empty())
    return detail_reply(400, "L2 adapter ('" + reading.options->type + "'): " + joined(problems));
  for (const auto& text : reading.warnings) {
    log_warn(log_part::http_gateway, "{}", text);
    warnings.push_back(text);
  }
  to = std::move(*reading.options);
  return std::nullopt;
}

reply attach_adapter(context& from, const request& asked) {
  l2_adapter_options wanted;
  json warnings = json::array();
  if (auto fault = read_adapter(from, asked, wanted, warnings))
    return std::move(*fault);
  asker asks{from};
  const auto entry
    = asks.ask<l2_entry>(from.peers.l2.registry, atom::open_v, box(std::move(wanted)));
  if (!entry)
    return failure(entry.error());
  auto body = adapter_json(asks, from, *entry);
  if (!warnings.empty())
    body["warnings"] = std::move(warnings);
  // A store that takes its time is not there yet.
  auto answer = json_reply(body, entry->state == l2_state::opening ? 202 : 201);
  answer.headers.emplace_back("Location", collection + ("/" + std::to_string(entry->info.index)));
  return answer;
}

int found(const l2_entry&) {
  return 200;
}
int accepted(const l2_entry&) {
  return 202;
}
int until_drained(const l2_entry& entry) {
  return entry.drained ? 200 : 202;
}

} // namespace

void add_l2_routes(router& to, context& from) {
  const std::string all = collection, one = all + "/{}";
  to.add({"GET", all, exposure::read,
          [&from](const request&, const path_values&) { return list_adapters(from); }});
  to.add({"POST", all, exposure::change, [&from](const request& asked, const path_values&) {
            return attach_adapter(from, asked);
          }});
  to.add({"GET", one, exposure::read, [&from](const request&, const path_values& path) {
            return tell_adapter(from, path[0], atom::get_v, found);
          }});
  to.add({"DELETE", one, exposure::change, [&from](const request&, const path_values& path) {
            return tell_adapter(from, path[0], atom::close_v, accepted);
          }});
  to.add(
    {"POST", one + "/drain", exposure::change, [&from](const request&, const path_values& path) {
       return tell_adapter(from, path[0], atom::detach_v, until_drained);
     }});
}

} // namespace actord::http
