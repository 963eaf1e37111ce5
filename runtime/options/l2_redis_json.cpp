// Keys of the --l2-adapter types resp and valkey (spec l2-adapters §7.1, §7.2).
#include "runtime/options/l2_family_json.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr std::size_t max_nodes = 1024;
constexpr text_rule node_list{"must be \"host:port\", or several separated by commas", true, false,
                              65'536};
constexpr number_range seconds_range{0, true, 3600, "must be a number of seconds > 0, <= 3600"};

/// JSON first, then the variable that the peer knows; an empty text is as good as none.
void fall_back(const l2_reading_context& context, const char* variable, std::string& target) {
  auto found = context.variables.find(variable);
  if (target.empty() && found != context.variables.end())
    target = found->second;
}

void check_credentials(l2_reading_context& context, const redis_l2_options& redis) {
  if (!redis.username.empty() && redis.password.empty())
    context.fields.remark("username", "without a password: no AUTH is sent");
}

void read_tls(l2_reading_context& context, std::optional<tls_options>& target) {
  const bool wanted = context.cpp.has("tls");
  json_fields fields(context.cpp.object("tls"), "cpp.tls.", context.found);
  tls_options tls;
  fields.text("ca_file", tls.ca_file);
  fields.text("cert_file", tls.cert_file);
  fields.text("key_file", tls.key_file);
  fields.text("server_name", tls.server_name);
  fields.boolean("verify", tls.verify);
  if (tls.cert_file.empty() != tls.key_file.empty())
    fields.problem(tls.cert_file.empty() ? "cert_file" : "key_file",
                   "must be given too: a certificate and its key go together");
  fields.refuse_unknown();
  if (wanted)
    target = tls;
}

/// Our own keys, which both types have.
void read_own(l2_reading_context& context, redis_l2_options& redis) {
  auto& cpp = context.cpp;
  redis.connections = std::min<std::uint32_t>(redis.num_workers, 1024);
  cpp.whole("connections", redis.connections, connection_range);
  cpp.whole("request_timeout_ms", redis.request_timeout_ms, timeout_range_ms);
  cpp.whole("connect_timeout_ms", redis.connect_timeout_ms, timeout_range_ms);
  cpp.boolean("scan_at_start", redis.scan_at_start);
  cpp.boolean("checksums", redis.checksums);
  check_exclusive(context, redis.scan_at_start);
  read_tls(context, redis.tls);
  read_l2_capacity(context);
}

void read_nodes(l2_reading_context& context, std::vector<network_node>& nodes) {
  std::string text;
  context.fields.text("startup_nodes", text, node_list);
  if (text.empty())
    return;
  std::string_view rest = text;
  for (bool more = true; more;) {
    auto end = rest.find(',');
    auto node = parse_network_node(rest.substr(0, end));
    if (!node || nodes.size() == max_nodes)
      return context.fields.problem(
        "startup_nodes", std::string(node_list.rule) + " (at most 1024, ports 1 to 65535); entry "
                           + std::to_string(nodes.size() + 1) + " is not");
    nodes.push_back(std::move(*node));
    more = end != std::string_view::npos;
    rest = more ? rest.substr(end + 1) : std::string_view{};
  }
}

} // namespace

std::optional<network_node> parse_network_node(std::string_view text) {
  text = trimmed(text);
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  auto host = text.substr(0, colon);
  auto digits = text.substr(colon + 1);
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2); // IPv6
  constexpr std::string_view never_in_host = " \t\r\n\v\f/@[]?#";
  if (host.empty() || host.size() > 255 || host.find_first_of(never_in_host) != host.npos
      || digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
    return std::nullopt;
  auto port = parse_integer(digits);
  if (!port || *port < 1 || *port > 65'535)
    return std::nullopt;
  return network_node{std::string(host), static_cast<std::uint16_t>(*port)};
}

redis_l2_options read_resp_options(l2_reading_context& context) {
  auto& fields = context.fields;
  redis_l2_options redis;
  network_node node;
  constexpr std::size_t max_host_bytes = 255;
  fields.text("host", node.host, {"must be a non-empty string", true, false, max_host_bytes});
  fields.whole("port", node.port, {1, 65'535, {}}, true);
  redis.nodes = {node};
  fields.whole("num_workers", redis.num_workers, positive_workers);
  fields.text("username", redis.username);
  fields.text("password", redis.password);
  fall_back(context, "LMCACHE_RESP_USERNAME", redis.username);
  fall_back(context, "LMCACHE_RESP_PASSWORD", redis.password);
  context.cpp.boolean("cluster", redis.cluster);
  read_own(context, redis);
  check_credentials(context, redis);
  return redis;
}

redis_l2_options read_valkey_options(l2_reading_context& context) {
  auto& fields = context.fields;
  redis_l2_options redis;
  redis.connect_timeout_ms = 10'000;
  read_nodes(context, redis.nodes);
  fields.truth("cluster_mode", redis.cluster);
  fields.text("username", redis.username);
  fields.text("password", redis.password);
  fields.text("key_prefix", redis.key_prefix);
  if (redis.key_prefix.find('@') != std::string::npos)
    fields.problem("key_prefix", "must not contain @, which separates the parts of a key");
  fields.whole("num_workers", redis.num_workers, positive_workers);
  bool tls = false;
  fields.truth("tls_enable", tls);
  std::uint32_t database = 0;
  const bool has_database = fields.has("database_id");
  fields.nullable_whole("database_id", database, {0, 0x7FFFFFFF, {}});
  if (has_database && redis.cluster)
    fields.remark("database_id", "is ignored in a cluster, which has only one");
  else if (has_database)
    redis.database_id = database;
  fields.seconds("request_timeout", redis.request_timeout_ms, seconds_range);
  fields.seconds("connection_timeout", redis.connect_timeout_ms, seconds_range);
  fields.nullable_whole("ttl_seconds", redis.ttl_s, {1, max_seconds, {}});
  read_own(context, redis);
  if (redis.tls && !tls)
    context.cpp.problem("tls", "must go with tls_enable true; without it nothing is encrypted");
  else if (tls && !redis.tls)
    redis.tls.emplace();
  check_credentials(context, redis);
  return redis;
}

} // namespace actord
