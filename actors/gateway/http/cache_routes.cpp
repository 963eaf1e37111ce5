#include "actors/gateway/http/object_keys.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/values.hpp"

#include <array>

namespace actord::http {

namespace {

constexpr std::array<std::string_view, 3> tiers{"l1", "l2", "all"};
constexpr int64_t most_objects_of_page = 5000;
constexpr size_t most_tokens = 1'000'000;
constexpr const char* no_l2 = "no L2 adapters configured";

std::string unsupported_tier(const std::string& tier, const char* only) {
  return "tier '" + tier + "' not supported; only '" + only + "'";
}

reply clear_cache(context& from, const request& asked) {
  complaints faults;
  auto body = read_body(asked, "ClearRequest", true, faults);
  const auto given = body.value_or(json::object());
  fields values{given, json::array({"body"}), faults};
  const auto tier = values.choice("tier", "l1", tiers);
  const bool force = values.flag("force", false);
  if (!faults.empty())
    return faults.answer();
  if (tier != "l1")
    return detail_reply(400, unsupported_tier(tier, "l1"));
  auto done = asker{from}.ask<caf::ok_atom>(from.peers.l1, atom::clear_v, force);
  if (!done)
    return unavailable(family::detail, "the L1 manager", done.error());
  return json_reply({{"status", "ok"}, {"cleared", {{"tier", "l1"}}}});
}

reply delete_objects(context& from, const request& asked) {
  complaints faults;
  auto body = read_body(asked, "DeleteObjectsRequest", false, faults);
  if (!body)
    return faults.answer();
  fields values{*body, json::array({"body"}), faults};
  const auto* list = values.find("keys", true);
  // Before anything looks at the keys one by one.
  if (list && list->is_array() && list->size() > most_keys)
    return detail_reply(400, "too many keys in a single request (limit=" + std::to_string(most_keys)
                               + ", got=" + std::to_string(list->size()) + ")");
  std::vector<named_key> keys;
  if (list)
    keys = read_keys(*list, values.loc_of("keys"), faults);
  const auto tier = values.choice("tier", "l2", tiers);
  const bool force = values.flag("force", false);
  if (const auto* adapter = values.find("adapter", false); adapter && !adapter->is_null())
    read_text(*adapter, values.loc_of("adapter"), faults);
  if (!faults.empty())
    return faults.answer();
  erase_order order{{}, force};
  if (auto fault = collect_keys(keys, order.keys); !fault.empty())
    return detail_reply(400, fault);
  erase_report report;
  if (tier != "l2" && !order.keys.empty()) {
    auto done = asker{from}.ask<erase_report>(from.peers.l1, atom::erase_v, std::move(order));
    if (!done)
      return unavailable(family::detail, "the L1 manager", done.error());
    report = *done;
  }
  if (tier != "l1")
    return detail_reply(503, no_l2);
  return json_reply({{"deleted", report.deleted}, {"skipped", report.locked}, {"ok", true}});
}

reply list_objects(const request& asked) {
  complaints faults;
  std::string tier = "l2";
  if (const auto* given = asked.parameter("tier"))
    tier = read_choice(*given, {"query", "tier"}, tiers, faults).value_or(tier);
  if (const auto* given = asked.parameter("page_size")) {
    const json loc{"query", "page_size"};
    const auto size = read_integer(*given, loc, faults);
    if (size && *size < 1)
      faults.add("greater_than_equal", loc, "Input should be greater than or equal to 1", *given,
                 {{"ge", 1}});
    if (size && *size > most_objects_of_page)
      faults.add("less_than_equal", loc, "Input should be less than or equal to 5000", *given,
                 {{"le", most_objects_of_page}});
  }
  if (!faults.empty())
    return faults.answer();
  if (tier != "l2")
    return detail_reply(400, unsupported_tier(tier, "l2"));
  return detail_reply(503, no_l2);
}

bool knows(const transfer_status& transfer, const std::string& model, int64_t world) {
  for (const auto& instance : transfer.instances)
    if (instance.model_name == model && instance.world_size == world)
      return true;
  return false;
}

// Empty when some instance of the model is registered, else the answer.
std::optional<reply> missing_layout(context& from, const std::string& model, int64_t world) {
  asker asks{from};
  auto lmcache = asks.ask<transfer_status>(from.peers.lmcache_driven, atom::status_v);
  auto engine = asks.ask<transfer_status>(from.peers.engine_driven, atom::status_v);
  if ((lmcache && knows(*lmcache, model, world)) || (engine && knows(*engine, model, world)))
    return std::nullopt;
  return detail_reply(503, "no layout registered for model_name='" + model
                             + "' world_size=" + std::to_string(world)
                             + "; the model has not allocated KV cache on this node yet");
}

// All checks of a prefetch; without an L2 there is nothing to fetch from.
reply submit_prefetch(context& from, const request& asked) {
  complaints faults;
  auto body = read_body(asked, "PrefetchRequest", false, faults);
  if (!body)
    return faults.answer();
  fields values{*body, json::array({"body"}), faults};
  const auto model = values.text("model_name");
  const auto world = values.integer("world_size");
  const auto tokens = values.integers("token_ids", true);
  const auto salt = values.text("cache_salt", "");
  const auto source = values.choice("source_tier", "l2", tiers);
  const auto target = values.choice("target_tier", "l1", tiers);
  if (!faults.empty())
    return faults.answer();
  if (source != "l2" || target != "l1")
    return detail_reply(400, "unsupported prefetch direction '" + source + "'->'" + target
                               + "'; only 'l2'->'l1'");
  if (auto answer = missing_layout(from, model, world))
    return std::move(*answer);
  if (tokens.size() > most_tokens)
    return detail_reply(400, "too many token_ids in a single request (limit="
                               + std::to_string(most_tokens)
                               + ", got=" + std::to_string(tokens.size()) + ")");
  if (auto fault = salt_fault(salt); !fault.empty())
    return detail_reply(400, fault);
  if (tokens.size() < from.options.mp.chunk_size)
    return json_reply({{"chunks", 0}, {"status", "noop"}}, 202);
  return detail_reply(503, no_l2);
}

reply prefetch_status_reply(const std::string& id) {
  return detail_reply(404, "unknown prefetch request_id='" + id
                             + "' (already completed or never submitted)");
}

} // namespace

void add_cache_routes(router& to, context& from) {
  auto clear
    = [&from](const request& asked, const path_values&) { return clear_cache(from, asked); };
  to.add({"GET", "/cache/objects", exposure::read,
          [](const request& asked, const path_values&) { return list_objects(asked); }});
  to.add(
    {"DELETE", "/cache/objects", exposure::change,
     [&from](const request& asked, const path_values&) { return delete_objects(from, asked); }});
  to.add(
    {"POST", "/cache/prefetches", exposure::change,
     [&from](const request& asked, const path_values&) { return submit_prefetch(from, asked); }});
  to.add(
    {"GET", "/cache/prefetches/{}", exposure::read,
     [](const request&, const path_values& values) { return prefetch_status_reply(values[0]); }});
  to.add({"POST", "/cache/clear", exposure::change, clear});
  add_checksum_route(to, from);
  // Where older scripts look.
  to.add({"POST", "/api/clear-cache", exposure::change, clear});
  to.add({"POST", "/clear-cache", exposure::change, clear});
}

} // namespace actord::http
