// Brings a prompt's chunks from L2 into L1 before anybody asks for them.
#include "actors/gateway/http/l2_adapters.hpp"
#include "actors/gateway/http/object_keys.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/tiers.hpp"
#include "actors/gateway/http/values.hpp"

#include <fmt/format.h>

#include <limits>
#include <random>

namespace actord::http {

namespace {

constexpr size_t most_tokens = 1'000'000;
constexpr const char* the_prefetcher = "the prefetch controller";

bool knows(const transfer_status& transfer, const std::string& model, int64_t world) {
  for (const auto& instance : transfer.instances)
    if (instance.model_name == model && instance.world_size == world)
      return true;
  return false;
}

reply no_layout(const std::string& model, int64_t world) {
  return detail_reply(503, "no layout registered for model_name='" + model
                             + "' world_size=" + std::to_string(world)
                             + "; the model has not allocated KV cache on this node yet");
}

// Empty when some instance of the model is registered, else the answer.
std::optional<reply> missing_layout(context& from, const std::string& model, int64_t world) {
  asker asks{from};
  auto lmcache = asks.ask<transfer_status>(from.peers.lmcache_driven, atom::status_v);
  auto engine = asks.ask<transfer_status>(from.peers.engine_driven, atom::status_v);
  if ((lmcache && knows(*lmcache, model, world)) || (engine && knows(*engine, model, world)))
    return std::nullopt;
  return no_layout(model, world);
}

// 128 random bits: nobody guesses another's prefetch.
std::string new_request_id() {
  std::random_device device;
  std::string result;
  for (int i = 0; i < 4; ++i)
    result += fmt::format("{:08x}", static_cast<uint32_t>(device()));
  return result;
}

// The tokens as chunks are named by; "" or what is wrong with them.
std::string take_tokens(const std::vector<int64_t>& from, std::vector<uint32_t>& to) {
  to.reserve(from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] < 0 || from[i] > std::numeric_limits<uint32_t>::max())
      return "token_ids[" + std::to_string(i) + "]: " + std::to_string(from[i])
             + " is no token: 0 to 4294967295 are";
    to.push_back(static_cast<uint32_t>(from[i]));
  }
  return {};
}

reply start_prefetch(context& from, wire::cache_key key, uint64_t chunks) {
  const auto id = key.request_id;
  const auto model = key.model_name;
  const auto world = key.world_size;
  auto started = asker{from}.ask<caf::ok_atom>(from.peers.sessions, atom::load_v,
                                               box(wire::lookup{std::move(key)}));
  if (!started && started.error() == ec::absent) // unregistered meanwhile
    return no_layout(model, world);
  if (!started)
    return unavailable(family::detail, the_prefetcher, started.error());
  return json_reply({{"request_id", id}, {"chunks", chunks}, {"status", "submitted"}}, 202);
}

reply submit_prefetch(context& from, const request& asked) {
  complaints faults;
  auto body = read_body(asked, "PrefetchRequest", false, faults);
  if (!body)
    return faults.answer();
  fields values{*body, json::array({"body"}), faults};
  wire::cache_key key;
  key.model_name = values.text("model_name");
  const auto world = values.integer("world_size");
  const auto tokens = values.integers("token_ids", true);
  key.cache_salt = values.text("cache_salt", "");
  const auto source = values.choice("source_tier", "l2", tiers);
  const auto target = values.choice("target_tier", "l1", tiers);
  if (!faults.empty())
    return faults.answer();
  if (source != "l2" || target != "l1")
    return detail_reply(400, "unsupported prefetch direction '" + source + "'->'" + target
                               + "'; only 'l2'->'l1'");
  if (auto answer = missing_layout(from, key.model_name, world))
    return std::move(*answer);
  if (tokens.size() > most_tokens)
    return detail_reply(400, "too many token_ids in a single request (limit="
                               + std::to_string(most_tokens)
                               + ", got=" + std::to_string(tokens.size()) + ")");
  if (auto fault = salt_fault(key.cache_salt); !fault.empty())
    return detail_reply(400, fault);
  const auto chunks = tokens.size() / static_cast<uint64_t>(from.options.mp.chunk_size);
  if (chunks == 0)
    return json_reply({{"chunks", 0}, {"status", "noop"}}, 202);
  asker asks{from};
  const auto adapters = serving_adapters(asks, from);
  if (!adapters)
    return unavailable(family::detail, the_l2_registry, adapters.error());
  if (adapters->empty())
    return detail_reply(503, no_l2);
  if (auto fault = take_tokens(tokens, key.token_ids); !fault.empty())
    return detail_reply(400, fault);
  key.world_size = static_cast<uint32_t>(world);
  key.end = key.token_ids.size();
  key.request_id = new_request_id();
  return start_prefetch(from, std::move(key), chunks);
}

reply prefetch_status_reply(context& from, const std::string& id) {
  const auto found = asker{from}.ask<warm_status>(from.peers.l2.prefetch, atom::status_v, id);
  if (!found)
    return unavailable(family::detail, the_prefetcher, found.error());
  switch (found->now) {
    case warm_status::phase::pending:
      return json_reply({{"request_id", id}, {"status", "pending"}});
    case warm_status::phase::completed:
      return json_reply({{"request_id", id},
                         {"status", "completed"},
                         {"found_keys", found->found_keys},
                         {"total_keys", found->total_keys}});
    case warm_status::phase::unknown: break;
  }
  return detail_reply(404, "unknown prefetch request_id='" + id
                             + "' (already completed or never submitted)");
}

} // namespace

void add_prefetch_routes(router& to, context& from) {
  to.add(
    {"POST", "/cache/prefetches", exposure::change,
     [&from](const request& asked, const path_values&) { return submit_prefetch(from, asked); }});
  to.add({"GET", "/cache/prefetches/{}", exposure::read,
          [&from](const request&, const path_values& values) {
            return prefetch_status_reply(from, values[0]);
          }});
}

} // namespace actord::http
