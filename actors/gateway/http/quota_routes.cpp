#include "actors/gateway/http/l2_adapters.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/values.hpp"

#include <map>

namespace actord::http {

namespace {

constexpr double bytes_per_gigabyte = 1024.0 * 1024.0 * 1024.0;
constexpr std::string_view no_salt = "_default"; // how paths and replies spell the empty salt
constexpr const char* quota_name = "the quota actor";
constexpr const char* usage_name = "the L1 manager or an L2 adapter";

std::string salt_of(const std::string& spelled) {
  return spelled == no_salt ? "" : spelled;
}

std::string spelled(const std::string& salt) {
  return salt.empty() ? std::string{no_salt} : salt;
}

double gigabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / bytes_per_gigabyte;
}

// What each salt holds where quotas act: in all adapters together, as clients know it, and in L1
// where nothing is behind it.
caf::expected<std::map<std::string, uint64_t>> usage(asker& asks, const context& from) {
  const auto adapters = serving_adapters(asks, from);
  if (!adapters)
    return adapters.error();
  if (!adapters->empty()) {
    std::map<std::string, uint64_t> result;
    for (const auto& each : *adapters) {
      const auto status = asks.ask<l2_adapter_status>(each.actor, atom::status_v);
      if (!status)
        return status.error();
      for (const auto& salt : status->salts)
        result[salt.salt] += salt.bytes;
    }
    return result;
  }
  auto status = asks.ask<l1_status>(from.peers.l1, atom::status_v);
  if (!status)
    return status.error();
  return std::map<std::string, uint64_t>{status->bytes_by_salt.begin(),
                                         status->bytes_by_salt.end()};
}

uint64_t bytes_of(const std::map<std::string, uint64_t>& used, const std::string& salt) {
  auto i = used.find(salt);
  return i == used.end() ? 0 : i->second;
}

reply set_quota(context& from, const request& asked, const std::string& name) {
  const auto limit = parse_quota_limit(asked.body);
  if (!limit.fault.empty())
    return error_reply(400, limit.fault);
  auto done
    = asker{from}.ask<caf::ok_atom>(from.peers.quotas, atom::set_v, salt_of(name), limit.bytes);
  if (!done && done.error() == ec::busy)
    return error_reply(409, describe(done.error()));
  if (!done)
    return unavailable(family::error, quota_name, done.error());
  return json_reply({{"cache_salt", name}, {"limit_gb", limit.gigabytes}, {"status", "ok"}});
}

reply get_quota(context& from, const std::string& name) {
  asker asks{from};
  auto entry = asks.ask<quota_entry>(from.peers.quotas, atom::get_v, salt_of(name));
  if (!entry)
    return unavailable(family::error, quota_name, entry.error());
  auto used = usage(asks, from);
  if (!used)
    return unavailable(family::error, usage_name, used.error());
  return json_reply({{"cache_salt", name},
                     {"limit_gb", gigabytes(entry->limit_bytes)},
                     {"current_usage_gb", gigabytes(bytes_of(*used, salt_of(name)))},
                     {"exists", entry->exists}});
}

reply remove_quota(context& from, const std::string& name) {
  auto removed = asker{from}.ask<bool>(from.peers.quotas, atom::erase_v, salt_of(name));
  if (!removed)
    return unavailable(family::error, quota_name, removed.error());
  return json_reply({{"cache_salt", name}, {"status", *removed ? "removed" : "not_found"}});
}

reply list_quotas(context& from) {
  asker asks{from};
  auto entries = asks.ask<std::vector<quota_entry>>(from.peers.quotas, atom::list_v);
  if (!entries)
    return unavailable(family::error, quota_name, entries.error());
  auto used = usage(asks, from);
  if (!used)
    return unavailable(family::error, usage_name, used.error());
  json users = json::object();
  for (const auto& entry : *entries)
    users[spelled(entry.cache_salt)]
      = {{"limit_gb", gigabytes(entry.limit_bytes)},
         {"current_usage_gb", gigabytes(bytes_of(*used, entry.cache_salt))}};
  return json_reply({{"users", std::move(users)}});
}

} // namespace

void add_quota_routes(router& to, context& from) {
  to.add({"PUT", "/quota/{}", exposure::change,
          [&from](const request& asked, const path_values& values) {
            return set_quota(from, asked, values[0]);
          }});
  to.add({"GET", "/quota/{}", exposure::read, [&from](const request&, const path_values& values) {
            return get_quota(from, values[0]);
          }});
  to.add(
    {"DELETE", "/quota/{}", exposure::change,
     [&from](const request&, const path_values& values) { return remove_quota(from, values[0]); }});
  to.add({"GET", "/quota", exposure::read,
          [&from](const request&, const path_values&) { return list_quotas(from); }});
}

} // namespace actord::http
