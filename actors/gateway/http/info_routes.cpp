#include "actors/gateway/http/l2_adapters.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/status_json.hpp"
#include "runtime/options/config_view.hpp"
#include "runtime/options/version.hpp"

namespace actord::http {

namespace {

// Asks one actor; the first that fails decides the answer.
template <class Result, class Actor>
void ask_status(asker& asks, const Actor& whom, const char* what, Result& to,
                std::optional<reply>& failure) {
  if (failure)
    return;
  auto answer = asks.ask<Result>(whom, atom::status_v);
  if (answer)
    to = std::move(*answer);
  else
    failure = unavailable(family::error, what, answer.error());
}

reply status_reply(context& from) {
  const auto& peers = from.peers;
  asker asks{from};
  status_facts facts;
  std::optional<reply> failure;
  ask_status(asks, peers.l1, "the L1 manager", facts.l1, failure);
  ask_status(asks, peers.eviction, "the eviction controller", facts.eviction, failure);
  ask_status(asks, peers.sessions, "the session actor", facts.sessions, failure);
  ask_status(asks, peers.events, "the KV events actor", facts.kv_events, failure);
  ask_status(asks, peers.zmq, "the ZMQ gateway", facts.gateway, failure);
  if (peers.lmcache_driven)
    ask_status(asks, peers.lmcache_driven, "the lmcache-driven transfer",
               facts.lmcache_driven.emplace(), failure);
  if (peers.engine_driven)
    ask_status(asks, peers.engine_driven, "the engine-driven transfer",
               facts.engine_driven.emplace(), failure);
  if (peers.bus)
    ask_status(asks, peers.bus, "the event bus", facts.bus, failure);
  ask_status(asks, peers.l2.stores, "the store controller", facts.stores, failure);
  ask_status(asks, peers.l2.prefetch, "the prefetch controller", facts.prefetch, failure);
  if (const auto adapters = serving_adapters(asks, from); adapters && !failure) {
    for (const auto& each : *adapters)
      if (auto status = asks.ask<l2_adapter_status>(each.actor, atom::status_v))
        facts.adapters.push_back(std::move(*status)); // else it has gone since
  } else if (!failure) {
    failure = unavailable(family::error, the_l2_registry, adapters.error());
  }
  if (peers.actors)
    facts.actors = peers.actors->list();
  return failure ? std::move(*failure) : json_reply(status_json(facts, from.options));
}

// The API shows the port it has, not the 0 it was asked for; what has no value is shown as given.
// The stores behind L1 are those that are attached now.
reply config_reply(const context& from) {
  asker asks{from};
  const auto adapters = serving_adapters(asks, from);
  if (!adapters)
    return unavailable(family::error, the_l2_registry, adapters.error());
  auto options = from.options;
  options.l2.adapters.clear();
  for (const auto& each : *adapters)
    options.l2.adapters.push_back(*each.options);
  return {200, "application/json", to_text(config_view(options), 2), {}};
}

// None can be reconfigured. Indices are ids: they stay when others leave.
reply adapters_reply(const context& from) {
  asker asks{from};
  const auto adapters = serving_adapters(asks, from);
  if (!adapters)
    return unavailable(family::detail, the_l2_registry, adapters.error());
  json list = json::array();
  for (const auto& each : *adapters)
    list.push_back({{"index", each.info.index},
                    {"type_name", each.info.name},
                    {"tier", "l2"},
                    {"primary", list.empty()},
                    {"reconfigurable", false}});
  return json_reply({{"adapters", std::move(list)}});
}

// Ready is whoever takes requests. Being unwell is no reason (spec cli-http §2.4): /status says it.
reply readiness_reply(const context& from) {
  if (from.stopping)
    return json_reply({{"status", "not ready"}, {"reason", "shutting down"}}, 503);
  return json_reply({{"status", "ready"}});
}

route_handler constant(reply answer) {
  return [answer = std::move(answer)](const request&, const path_values&) { return answer; };
}

} // namespace

void add_info_routes(router& to, context& from) {
  const std::string version{protocol_version};
  const auto health = constant(json_reply({{"status", "healthy"}}));
  auto status = [&from](const request&, const path_values&) { return status_reply(from); };
  auto config = [&from](const request&, const path_values&) { return config_reply(from); };
  to.add({"GET", "/", exposure::open,
          constant(json_reply({{"status", "ok"}, {"service", "LMCache HTTP API"}}))});
  to.add({"GET", "/healthcheck", exposure::open, health});
  to.add({"GET", "/livez", exposure::open, health});
  to.add({"GET", "/readyz", exposure::open,
          [&from](const request&, const path_values&) { return readiness_reply(from); }});
  to.add({"GET", "/status", exposure::read, status});
  to.add({"GET", "/version", exposure::read, constant(json_reply(version + "-" + from.commit))});
  to.add({"GET", "/lmc_version", exposure::read, constant(json_reply(version))});
  to.add({"GET", "/commit_id", exposure::read, constant(json_reply(from.commit))});
  to.add({"GET", "/config", exposure::read, config});
  to.add({"GET", "/config/adapters", exposure::read,
          [&from](const request&, const path_values&) { return adapters_reply(from); }});
  // Where older scripts look.
  to.add({"GET", "/api/healthcheck", exposure::open, health});
  to.add({"GET", "/api/status", exposure::read, status});
  to.add({"GET", "/conf", exposure::read, config});
}

} // namespace actord::http
