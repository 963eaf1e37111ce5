#include "actors/gateway/http/status_json.hpp"

#include <set>

#include <algorithm>

namespace actord::http {

namespace {

double seconds(int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000;
}

json l1_json(const l1_status& l1, const l1_options& options) {
  const auto& usage = l1.usage;
  const auto total = static_cast<double>(usage.total_bytes);
  return {
    {"is_healthy", true},
    {"total_object_count", usage.resident_objects + usage.staged_objects},
    {"write_locked_count", usage.staged_objects},
    {"read_locked_count", usage.read_locked_objects},
    {"temporary_count", usage.temporary_objects},
    {"staging_object_count", usage.staged_objects},
    {"staging_bytes", usage.staging_bytes},
    {"memory_used_bytes", usage.used_bytes},
    {"memory_total_bytes", usage.total_bytes},
    {"memory_configured_bytes", usage.configured_bytes},
    {"capacity_bytes_by_backend", {{"dram", usage.configured_bytes}}},
    {"memory_usage_ratio", total > 0 ? static_cast<double>(usage.used_bytes) / total : 0.0},
    {"write_ttl_seconds", options.write_ttl_ms / 1000},
    {"read_ttl_seconds", options.read_ttl_ms / 1000},
    {"columns", usage.columns},
    {"leases", usage.leases},
    {"claims", usage.claims},
    {"reservations", usage.reservations},
    {"quarantined", usage.quarantined},
    {"evicted_bytes", l1.evicted_bytes},
    {"evictable_bytes", l1.evictable_bytes},
    {"index_bytes", usage.index_bytes},
    {"dirty_objects", usage.dirty_objects},
  };
}

size_t draining(const status_facts& facts) {
  return static_cast<size_t>(
    std::ranges::count(facts.adapters, l2_state::draining, &l2_adapter_status::state));
}

void add_l2_counts(json& to, const status_facts& facts) {
  to["num_l2_adapters"] = facts.adapters.size();
  to["num_active_adapters"] = facts.adapters.size() - draining(facts);
  to["num_draining_adapters"] = draining(facts);
}

json store_controller_json(const status_facts& facts) {
  const auto& stores = facts.stores;
  json result{{"is_healthy", true},
              {"thread_alive", true},
              {"pending_keys_count", stores.waiting},
              {"in_flight_task_count", stores.in_flight}};
  add_l2_counts(result, facts);
  result["in_flight_bytes"] = stores.in_flight_bytes;
  result["lost_keys_count"] = stores.lost;
  result["failed_keys_count"] = stores.failed;
  return result;
}

json prefetch_controller_json(const status_facts& facts, const l2_options& options) {
  const auto& prefetch = facts.prefetch;
  json result{{"is_healthy", true},
              {"thread_alive", true},
              {"max_in_flight", options.prefetch_max_in_flight},
              {"submission_queue_size", 0},
              {"pending_queue_size", prefetch.waiting},
              {"in_flight_request_count", prefetch.in_lookup + prefetch.in_load},
              {"lookup_phase_count", prefetch.in_lookup},
              {"load_phase_count", prefetch.in_load},
              {"completed_results_count", 0}};
  add_l2_counts(result, facts);
  result["overdue_count"] = prefetch.overdue;
  result["warming_count"] = prefetch.warming;
  return result;
}

json adapter_json(const l2_adapter_status& adapter) {
  json result{{"is_healthy", adapter.state == l2_state::ready},
              {"type", adapter.info.name},
              {"adapter_index", adapter.info.index},
              {"shared", adapter.info.shared},
              {"state", to_text(adapter.state)},
              {"total_bytes_used", adapter.usage.used_bytes},
              {"total_capacity_bytes", adapter.usage.capacity_bytes},
              {"usage_fraction", adapter.usage.fraction()},
              {"objects", adapter.usage.objects},
              {"locked_objects", adapter.usage.locked_objects},
              {"index_bytes", adapter.usage.index_bytes},
              {"scanning", adapter.scanning},
              {"stores", adapter.stores},
              {"loads", adapter.loads},
              {"lookups", adapter.lookups},
              {"stored_objects", adapter.stored_objects},
              {"loaded_objects", adapter.loaded_objects},
              {"failed_objects", adapter.failed},
              {"corrupt_objects", adapter.corrupt},
              {"wrong_length_objects", adapter.wrong_length + adapter.usage.wrong_length},
              {"missing_objects", adapter.missing},
              {"evicted_objects", adapter.evicted},
              {"in_flight_tasks", adapter.in_flight},
              {"breaker_opened", adapter.breaker_opened}};
  if (!adapter.last_error.empty())
    result["last_error"] = adapter.last_error;
  for (const auto& [name, value] : adapter.details)
    result[name] = value;
  return result;
}

json l2_eviction_json(const status_facts& facts) {
  json adapters = json::array();
  for (const auto& each : facts.adapters)
    adapters.push_back({{"adapter_index", each.info.index},
                        {"current_usage", each.usage.fraction()},
                        {"total_bytes_used", each.usage.used_bytes},
                        {"total_capacity_bytes", each.usage.capacity_bytes},
                        {"num_cache_salt_buckets", each.salts.size()}});
  return {{"is_healthy", true}, {"thread_alive", true}, {"adapters", std::move(adapters)}};
}

json eviction_json(const eviction_status& eviction) {
  return {{"is_healthy", true},
          {"thread_alive", true},
          {"eviction_policy", eviction.policy},
          {"trigger_watermark", eviction.trigger_watermark},
          {"eviction_ratio", eviction.eviction_ratio},
          {"rounds", eviction.rounds},
          {"evicted_bytes", eviction.evicted_bytes}};
}

json storage_json(const status_facts& facts, const daemon_options& options) {
  const auto& tag = options.l1.tag;
  const auto l1 = l1_json(facts.l1, options.l1);
  const auto store = store_controller_json(facts);
  const auto eviction = eviction_json(facts.eviction);
  const auto& usage = facts.l1.usage;
  json adapters = json::array();
  for (const auto& each : facts.adapters)
    adapters.push_back(adapter_json(each));
  return {
    {"is_healthy", true},
    {"l1_managers", json::object({{tag, l1}})},
    {"store_controllers", json::object({{tag, store}})},
    {"l1_eviction_controllers", json::object({{tag, eviction}})},
    {"prefetch_controller", prefetch_controller_json(facts, options.l2)},
    {"l2_eviction_controller", l2_eviction_json(facts)},
    {"l2_adapters", adapters},
    {"num_l2_adapters", adapters.size()},
    {"l1_usage", json::array({usage.used_bytes, usage.total_bytes})},
    {"l1_capacity_bytes_by_backend", {{"dram", usage.configured_bytes}}},
    {"l1_manager", l1},
    {"store_controller", store},
    {"l1_eviction_controller", eviction},
    {"eviction_controller", eviction},
  };
}

json kv_events_json(const kv_event_status& events) {
  return {{"enabled", events.enabled},
          {"incarnation", events.incarnation},
          {"log_depth", events.log_depth},
          {"log_capacity", events.log_capacity},
          {"next_seq", events.next_seq},
          {"lost_markers", 0}, // nothing on the way to the log drops
          {"unbound_stores", events.unbound_stores},
          {"subscribers", events.subscribers}};
}

// What the workers of a client hold between prepare and commit.
json leases_json(const client_status& of, const std::optional<transfer_status>& transfer) {
  const std::set<int64_t> own{of.instance_ids.begin(), of.instance_ids.end()};
  uint64_t writes = 0, reads = 0;
  if (transfer)
    for (const auto& instance : transfer->instances)
      if (own.contains(instance.instance_id)) {
        writes += instance.pending_writes;
        reads += instance.pending_reads;
      }
  return {{"writes", writes}, {"reads", reads}};
}

json gateway_json(const gateway_status& gateway, const std::optional<transfer_status>& transfer) {
  json clients = json::array();
  for (const auto& client : gateway.clients)
    clients.push_back({{"peer", client.peer},
                       {"requests", client.requests},
                       {"waiting", client.waiting},
                       {"instances", client.instances},
                       {"instance_ids", client.instance_ids},
                       {"open_requests", client.open_requests},
                       {"leases", leases_json(client, transfer)}});
  return {{"requests", gateway.requests},   {"refused", gateway.refused},
          {"malformed", gateway.malformed}, {"cut", gateway.cut},
          {"overdue", gateway.overdue},     {"clients", std::move(clients)}};
}

json bus_json(const event_bus_status& bus) {
  json subscribers = json::array();
  for (const auto& each : bus.subscribers)
    subscribers.push_back({{"name", each.name},
                           {"dispatched", each.dispatched},
                           {"handled", each.mailbox.handled},
                           {"thrown", each.mailbox.thrown},
                           {"dropped", each.mailbox.dropped},
                           {"waiting", each.mailbox.waiting}});
  return {{"enabled", bus.enabled},
          {"capacity", bus.capacity},
          {"published", bus.published},
          {"dispatched", bus.dispatched},
          {"dropped", bus.dropped},
          {"waiting", bus.waiting},
          {"subscribers", std::move(subscribers)}};
}

void add_lmcache_driven(json& to, const transfer_status& transfer) {
  json ids = json::array(), meta = json::object();
  for (const auto& instance : transfer.instances) {
    ids.push_back(instance.instance_id);
    json one{{"model_name", instance.model_name}, {"world_size", instance.world_size}};
    if (instance.layout)
      one["kv_cache_layout"] = layout_json(*instance.layout);
    meta[std::to_string(instance.instance_id)] = std::move(one);
  }
  to["registered_gpu_ids"] = std::move(ids);
  to["cache_context_meta"] = std::move(meta);
}

void add_engine_driven(json& to, const transfer_status& transfer) {
  json ids = json::array(), meta = json::object();
  for (const auto& instance : transfer.instances) {
    ids.push_back(instance.instance_id);
    const auto name = std::to_string(instance.instance_id);
    // `lmcache bench engine` looks for the size of a token there, whichever the mode.
    if (!to["cache_context_meta"].contains(name))
      to["cache_context_meta"][name]
        = {{"model_name", instance.model_name},
           {"world_size", instance.world_size},
           {"kv_cache_layout", {{"cache_size_per_token", instance.bytes_per_token}}}};
    meta[name] = {{"model_name", instance.model_name},
                  {"world_size", instance.world_size},
                  {"block_size", instance.block_size},
                  {"use_mla", instance.use_mla},
                  {"pickle", instance.pickle},
                  {"pending_writes", instance.pending_writes},
                  {"pending_reads", instance.pending_reads}};
  }
  to["registered_non_cuda_instance_ids"] = std::move(ids);
  to["non_cuda_context_meta"] = std::move(meta);
}

size_t instances_of(const std::optional<transfer_status>& transfer) {
  return transfer ? transfer->instances.size() : 0;
}

} // namespace

json layout_json(const gpu::paged_layout& layout) {
  json groups = json::array();
  size_t layers = 0;
  for (size_t i = 0; i < layout.kernel_groups.size(); ++i) {
    const auto& group = layout.kernel_groups[i];
    const auto& info = gpu::info_of(group.geometry.format);
    layers += group.layers.size();
    groups.push_back({{"kernel_group_idx", i},
                      {"engine_group_idx", group.engine_group_id},
                      {"object_group_idx", group.object_group},
                      {"num_layers", group.layers.size()},
                      {"layer_indices", group.layers},
                      {"tokens_per_block", group.tokens_per_block},
                      {"slots_per_block", group.geometry.slots},
                      {"dtype", "torch." + std::string{group.geometry.type.name}},
                      {"engine_kv_concrete_shape", gpu::concrete_shape(group)},
                      {"is_mla", info.is_mla},
                      {"engine_kv_format", info.name},
                      {"engine_kv_shape", info.shape},
                      {"attention_backend", info.attention_backend}});
  }
  return {{"num_layers", layers},
          {"num_blocks", layout.num_blocks},
          {"cache_size_per_token", layout.cache_bytes_per_token},
          {"kernel_groups", std::move(groups)}};
}

json status_json(const status_facts& facts, const daemon_options& options) {
  const auto& mp = options.mp;
  json result{
    {"is_healthy", true},
    {"engine_type", "MPCacheServer"},
    {"chunk_size", mp.chunk_size},
    {"hash_algorithm", mp.hash_algorithm},
    {"active_sessions", facts.sessions.sessions},
    {"storage_manager", storage_json(facts, options)},
    {"active_prefetch_jobs", facts.sessions.active_lookups},
    {"active_p2p_lookup_jobs", 0},
    {"p2p_enabled", false},
    {"p2p_state", "unregistered"},
    {"p2p_peer_count", 0},
    {"p2p_peers", json::array()},
    {"worker_liveness",
     {{"enabled", mp.worker_reap_timeout_ms > 0},
      {"reap_timeout_seconds", seconds(mp.worker_reap_timeout_ms)},
      {"registration_grace_seconds", seconds(mp.worker_registration_grace_ms)},
      {"tracked_instances",
       instances_of(facts.lmcache_driven) + instances_of(facts.engine_driven)}}},
    {"kv_events", kv_events_json(facts.kv_events)},
  };
  if (facts.lmcache_driven)
    add_lmcache_driven(result, *facts.lmcache_driven);
  if (facts.engine_driven)
    add_engine_driven(result, *facts.engine_driven);
  result["zmq_gateway"] = gateway_json(facts.gateway, facts.engine_driven);
  result["event_bus"] = bus_json(facts.bus);
  json actors = json::array();
  for (const auto& each : facts.actors) // the daemon stops in order instead of restarting one
    actors.push_back({{"name", each.name}, {"backlog", each.backlog}, {"restarts", 0}});
  result["actors"] = std::move(actors);
  return result;
}

} // namespace actord::http
