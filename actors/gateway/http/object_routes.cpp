// Lists and deletes objects by name.
#include "actors/gateway/http/l2_adapters.hpp"
#include "actors/gateway/http/object_keys.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/tiers.hpp"
#include "actors/gateway/http/values.hpp"

#include <span>

namespace actord::http {

namespace {

constexpr int64_t most_objects_of_page = 5000;
constexpr int64_t preset_objects_of_page = 500;
// An adapter looks at some 65,000 of its objects at a time; where few are of the model asked for,
// a page ends before it is full, and the client goes on.
constexpr int most_questions_of_page = 64;
// One task of an adapter: it ends within a second or so.
constexpr size_t objects_of_task = 1024;
constexpr const char* an_adapter = "an L2 adapter";

/// Which adapters a request is about.
struct chosen_adapters {
  std::vector<l2_entry> list;
  std::optional<reply> fault; // 503, 404
};

// All of the type that was named, or all.
chosen_adapters choose(asker& asks, const context& from, const std::optional<std::string>& type) {
  chosen_adapters result;
  auto known = serving_adapters(asks, from);
  if (!known)
    return {{}, unavailable(family::detail, the_l2_registry, known.error())};
  if (known->empty())
    return {{}, detail_reply(503, no_l2)};
  result.list = std::move(*known);
  if (type)
    std::erase_if(result.list, [&](const l2_entry& each) { return each.info.name != *type; });
  if (result.list.empty())
    result.fault = detail_reply(404, "no L2 adapter with type_name='" + *type + "'");
  return result;
}

// -- listing

int64_t page_size_of(const request& asked, complaints& faults) {
  const auto* given = asked.parameter("page_size");
  if (!given)
    return preset_objects_of_page;
  const json loc{"query", "page_size"};
  const auto size = read_integer(*given, loc, faults);
  if (size && *size < 1)
    faults.add("greater_than_equal", loc, "Input should be greater than or equal to 1", *given,
               {{"ge", 1}});
  if (size && *size > most_objects_of_page)
    faults.add("less_than_equal", loc, "Input should be less than or equal to 5000", *given,
               {{"le", most_objects_of_page}});
  return size.value_or(preset_objects_of_page);
}

json entry_of(const object_ref& object) {
  return {{"key",
           {{"chunk_hash_hex", to_hex(object.hash)},
            {"model_name", object.space->model_name},
            {"kv_rank", object.kv_rank},
            {"object_group_id", object.object_group_id},
            {"cache_salt", object.space->cache_salt}}},
          {"size_bytes", object.length_bytes}};
}

std::optional<std::string> given_text(const request& asked, const char* name) {
  const auto* given = asked.parameter(name);
  return given ? std::optional{*given} : std::nullopt;
}

reply list_objects(context& from, const request& asked) {
  complaints faults;
  std::string tier = "l2";
  if (const auto* given = asked.parameter("tier"))
    tier = read_choice(*given, {"query", "tier"}, tiers, faults).value_or(tier);
  const auto size = static_cast<size_t>(page_size_of(asked, faults));
  if (!faults.empty())
    return faults.answer();
  if (tier != "l2")
    return detail_reply(400, unsupported_tier(tier, "l2"));
  asker asks{from};
  auto chosen = choose(asks, from, given_text(asked, "adapter"));
  if (chosen.fault)
    return std::move(*chosen.fault);
  const auto& adapter = chosen.list.front();
  l2_page_order order{size, given_text(asked, "page_token").value_or(""),
                      given_text(asked, "model_name")};
  json entries = json::array();
  for (int i = 0; i < most_questions_of_page && entries.size() < size; ++i) {
    order.max_objects = size - entries.size();
    const auto got = asks.ask<l2_page>(adapter.actor, atom::list_v, order);
    if (!got)
      return unavailable(family::detail, an_adapter, got.error());
    if (!got->objects)
      return detail_reply(400, "page_token '" + order.cursor
                                 + "' is none that this route gave: leave it out to start again");
    for (const auto& object : got->objects->objects)
      entries.push_back(entry_of(object));
    order.cursor = got->objects->next;
    if (order.cursor.empty())
      break;
  }
  json next = order.cursor.empty() ? json(nullptr) : json(order.cursor);
  return json_reply({{"adapter", adapter.info.name},
                     {"shared", adapter.info.shared},
                     {"entries", std::move(entries)},
                     {"next_page_token", std::move(next)}});
}

// -- deleting

struct deletion {
  uint64_t deleted = 0, skipped = 0;
  std::string error; // empty: all went well
};

// Task by task, so that what was reached in time is told when an adapter is slow.
void delete_in_l2(asker& asks, const l2_entry& adapter, std::span<const object_key> keys,
                  deletion& result) {
  const auto who
    = "L2 adapter '" + adapter.info.name + "' (#" + std::to_string(adapter.info.index) + ")";
  while (!keys.empty()) {
    const auto part = keys.first(std::min(keys.size(), objects_of_task));
    keys = keys.subspan(part.size());
    const auto done = asks.ask<erase_report>(adapter.actor, atom::erase_v, box(to_refs(part)));
    if (!done) {
      result.error = unavailable_text(who.c_str(), done.error());
      return;
    }
    result.deleted += done->deleted;
    result.skipped += done->locked;
    if (done->failed > 0)
      result.error = who + " could not delete " + std::to_string(done->failed)
                     + " objects: they stay; /status and the log say why";
  }
}

struct delete_request {
  std::vector<object_key> keys;
  std::string tier;
  bool force = false;
  std::optional<std::string> adapter;
};

// What to delete, or the answer to a request that does not say it.
std::optional<reply> read_deletion(const request& asked, delete_request& to) {
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
  to.tier = values.choice("tier", "l2", tiers);
  to.force = values.flag("force", false);
  if (const auto* adapter = values.find("adapter", false); adapter && !adapter->is_null())
    to.adapter = read_text(*adapter, values.loc_of("adapter"), faults);
  if (!faults.empty())
    return faults.answer();
  if (auto fault = collect_keys(keys, to.keys); !fault.empty())
    return detail_reply(400, fault);
  return std::nullopt;
}

reply delete_objects(context& from, const request& asked) {
  delete_request wanted;
  if (auto fault = read_deletion(asked, wanted))
    return std::move(*fault);
  asker asks{from};
  chosen_adapters chosen;
  if (wanted.tier != "l1")
    chosen = choose(asks, from, wanted.adapter);
  if (chosen.fault && chosen.fault->status == 404) // a wrong name deletes nothing anywhere
    return std::move(*chosen.fault);
  deletion result;
  if (wanted.tier != "l2" && !wanted.keys.empty()) {
    auto done = asks.ask<erase_report>(from.peers.l1, atom::erase_v,
                                       erase_order{wanted.keys, wanted.force});
    if (!done)
      return unavailable(family::detail, "the L1 manager", done.error());
    result.deleted = done->deleted;
    result.skipped = done->locked;
  }
  if (chosen.fault)
    return std::move(*chosen.fault);
  for (const auto& each : chosen.list)
    delete_in_l2(asks, each, wanted.keys, result);
  json body{{"deleted", result.deleted}, {"skipped", result.skipped}, {"ok", result.error.empty()}};
  if (!result.error.empty())
    body["error"] = result.error;
  return json_reply(body);
}

} // namespace

void add_object_routes(router& to, context& from) {
  // Names of chunks tell whether somebody has sent a certain prompt.
  to.add({"GET", "/cache/objects", exposure::change,
          [&from](const request& asked, const path_values&) { return list_objects(from, asked); }});
  to.add(
    {"DELETE", "/cache/objects", exposure::change,
     [&from](const request& asked, const path_values&) { return delete_objects(from, asked); }});
}

} // namespace actord::http
