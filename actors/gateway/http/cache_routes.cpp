#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/tiers.hpp"
#include "actors/gateway/http/values.hpp"

namespace actord::http {

namespace {

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

} // namespace

void add_cache_routes(router& to, context& from) {
  auto clear
    = [&from](const request& asked, const path_values&) { return clear_cache(from, asked); };
  add_object_routes(to, from);
  add_prefetch_routes(to, from);
  to.add({"POST", "/cache/clear", exposure::change, clear});
  add_checksum_route(to, from);
  // Where older scripts look.
  to.add({"POST", "/api/clear-cache", exposure::change, clear});
  to.add({"POST", "/clear-cache", exposure::change, clear});
}

} // namespace actord::http
