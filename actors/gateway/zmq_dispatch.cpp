// zmq_gateway: who answers what.
#include "actors/gateway/reply_bodies.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/zmq_gateway.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace actord {

namespace {

constexpr int64_t max_page_events = 1024; // spec wire-protocol §1.7

std::optional<std::string> nothing(const caf::ok_atom&) {
  return std::nullopt;
}

std::optional<std::string> boolean(bool value) {
  return wire::encode_bool(value);
}

std::optional<std::string> transferred(bool success) {
  return wire::encode_transfer({}, success);
}

std::optional<std::string> hit(const prefetch_status& status) {
  if (!status.resolved)
    return std::nullopt;
  return wire::encode_int(status.hit_chunks);
}

// The session that a request names, "" when none.
std::string request_id_of(const wire::request& request) {
  return std::visit(
    [](const auto& x) -> std::string {
      if constexpr (requires { x.key.request_id; })
        return x.key.request_id;
      else if constexpr (requires { x.request_id; })
        return x.request_id;
      else
        return {};
    },
    request);
}

} // namespace

void zmq_gateway::admit(client& from, ticket_id ticket, wire::request request, size_t bytes) {
  auto& entry = pending_.at(ticket);
  bind(from, request);
  entry.instance_id = std::visit(
    [](const auto& x) -> std::optional<int64_t> {
      if constexpr (requires { x.instance_id; })
        return x.instance_id;
      else
        return std::nullopt;
    },
    request);
  // Registrations keep their place among the operations that need them; what frees or ends a
  // request must not overtake its transfers.
  auto request_id = request_id_of(request);
  entry.request_id = request_id;
  const bool busy = from.lane_busy || !from.lane.empty();
  auto names_it = [&](const lane_entry& x) { return x.request_id == request_id; };
  const bool follows
    = busy && !request_id.empty()
      && (from.lane_request_id == request_id || std::ranges::any_of(from.lane, names_it));
  const bool in_lane = wire::info(entry.op).dispatch == wire::dispatch_class::affinity
                       || std::holds_alternative<wire::unregister>(request)
                       || std::holds_alternative<wire::register_kv_cache>(request)
                       || std::holds_alternative<wire::register_engine_driven>(request) || follows;
  if (!in_lane)
    return dispatch(ticket, std::move(request));
  if (from.lane.size() >= max_lane_entries || from.lane_bytes + bytes > max_lane_bytes) {
    std::visit(
      [&](auto& x) {
        using type = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<
                        type, wire::retrieve> || std::is_same_v<type, wire::prepare_retrieve>)
          waive(std::move(x.key));
      },
      request);
    return refuse(ticket, "too many operations of its connection wait already");
  }
  entry.lane = true;
  from.lane.push_back({ticket, std::move(request), std::move(request_id), bytes});
  from.lane_bytes += bytes;
  ready_lanes_.push_back(from.identity);
}

void zmq_gateway::forget(const wire::unregister& request) {
  // The other transfer may still know a worker of this id.
  const auto mode = clients_.mode(request.instance_id);
  const bool other = request.engine_driven
                       ? mode == wire::instance_mode::lmcache_driven
                       : mode == wire::instance_mode::shm || mode == wire::instance_mode::pickle;
  if (!other)
    clients_.forget_instance(request.instance_id);
}

void zmq_gateway::waive(wire::cache_key key) {
  key.num_kv_readers = 1;
  request(peers_.sessions, caf::infinite, atom::release_v,
          box(wire::free_lookup_locks{std::move(key)}))
    .then([](caf::ok_atom) {}, [](caf::error&) {}); // nobody waits for it
}

void zmq_gateway::bind(client& from, const wire::request& request) {
  std::visit(
    [&](const auto& x) {
      using type = std::decay_t<decltype(x)>;
      if constexpr (std::is_same_v<type, wire::lookup>)
        clients_.bind_request(from, x.key.request_id);
      else if constexpr (std::is_same_v<type, wire::free_lookup_locks>)
        clients_.rebind_request(from, x.key.request_id);
      else if constexpr (
        std::is_same_v<
          type, wire::query_prefetch_status> || std::is_same_v<type, wire::wait_prefetch_status>)
        clients_.rebind_request(from, x.request_id);
      else if constexpr (std::is_same_v<type, wire::end_session>)
        clients_.forget_request(x.request_id);
      else if constexpr (std::is_same_v<type, wire::unregister>)
        forget(x);
      else if constexpr (std::is_same_v<type, wire::subscribe_kv_events>)
        clients_.adopt_instance(from, x.instance_id);
      else if constexpr (!std::is_same_v<type, wire::ping> && requires { x.instance_id; })
        clients_.bind_instance(from, x.instance_id);
      if constexpr (std::is_same_v<type, wire::commit_store>)
        if (!x.data.empty())
          clients_.set_mode(x.instance_id, wire::instance_mode::pickle);
    },
    request);
}

bool zmq_gateway::answer_at_once(client& from, const incoming& message, wire::request& request) {
  std::optional<std::string> body;
  if (std::holds_alternative<wire::noop>(request)) {
    body = wire::encode_str("OK");
  } else if (std::holds_alternative<wire::get_chunk_size>(request)) {
    body = wire::encode_int(options_.chunk_tokens);
  } else if (const auto* ping = std::get_if<wire::ping>(&request)) {
    // Always true, also for an unknown instance: a false would keep its worker unhealthy for ever
    // (spec §8.2).
    body = wire::encode_bool(true);
    if (ping->instance_id)
      note_alive(from, *ping->instance_id);
  } else if (std::holds_alternative<wire::get_experimental>(request)) {
    std::vector<std::string> names;
    if (options_.kv_events)
      names.emplace_back("kv_event_stream");
    body = wire::encode_str_list(names);
  } else if (auto* report = std::get_if<wire::report_block_allocation>(&request)) {
    tell_blocks(std::move(*report));
  } else {
    return false;
  }
  send_reply(from.identity, text_view(message.frames[0]), text_view(message.frames[1]),
             std::move(body));
  return true;
}

void zmq_gateway::note_alive(client& from, int64_t instance_id) {
  clients_.adopt_instance(from, instance_id);
  if (peers_.engine_driven)
    send(peers_.engine_driven, atom::seen_v, instance_id);
  if (peers_.lmcache_driven)
    send(peers_.lmcache_driven, atom::seen_v, instance_id);
  send(peers_.events, atom::seen_v, instance_id);
}

void zmq_gateway::tell_blocks(wire::report_block_allocation report) {
  if (!meters_.bus().wants(event_type::mp_vllm_block_allocation))
    return;
  std::vector<block_record> records;
  for (auto& each : report.records)
    records.push_back(
      {std::move(each.request_id), std::move(each.block_ids), std::move(each.token_ids)});
  meters_.bus().publish(event_type::mp_vllm_block_allocation, {},
                        block_allocation_details{
                          report.instance_id, std::move(report.model_name),
                          std::make_shared<const std::vector<block_record>>(std::move(records))});
}

void zmq_gateway::dispatch(ticket_id ticket, wire::request request) {
  if (auto entry = pending_.find(ticket); entry != pending_.end()) {
    const auto now = clock().now();
    meters_.waited(entry->second.op, now - entry->second.since);
    entry->second.since = now;
    entry->second.started = true;
    ++started_;
    tell_load();
  }
  std::visit(
    [&](auto& x) {
      if constexpr (requires { start(ticket, std::move(x)); })
        start(ticket, std::move(x));
      // The others were answered at once.
    },
    request);
}

template <class Result, class Dest, class Encode, class... Ts>
void zmq_gateway::hand_over(ticket_id ticket, const Dest& dest, Encode encode, Ts&&... xs) {
  if (!dest)
    return refuse(ticket, "this transfer mode is switched off; see --supported-transfer-mode");
  request(dest, caf::infinite, std::forward<Ts>(xs)...)
    .then(
      [this, ticket, encode](Result& result) {
        answer(ticket, encode(result));
        run_lanes();
      },
      [this, ticket](caf::error& reason) {
        refuse(ticket, describe(reason));
        run_lanes();
      });
}

void zmq_gateway::start(ticket_id ticket, wire::register_kv_cache request) {
  clients_.set_mode(request.instance_id, wire::instance_mode::lmcache_driven);
  hand_over<caf::ok_atom>(ticket, peers_.lmcache_driven, nothing, atom::open_v,
                          box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::register_engine_driven request) {
  clients_.set_mode(request.instance_id, wire::instance_mode::shm);
  hand_over<pool_offer>(
    ticket, peers_.engine_driven,
    [](const pool_offer& offer) -> std::optional<std::string> {
      return wire::encode_registration(offer.shm_name, offer.size_bytes);
    },
    atom::open_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::unregister request) {
  send(peers_.events, atom::close_v, request.instance_id);
  if (request.engine_driven)
    hand_over<caf::ok_atom>(ticket, peers_.engine_driven, nothing, atom::close_v,
                            request.instance_id);
  else
    hand_over<caf::ok_atom>(ticket, peers_.lmcache_driven, nothing, atom::close_v,
                            request.instance_id);
}

void zmq_gateway::start(ticket_id ticket, wire::store request) {
  hand_over<bool>(ticket, peers_.sessions, transferred, atom::store_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::retrieve request) {
  hand_over<bool>(ticket, peers_.sessions, transferred, atom::retrieve_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::lookup request) {
  hand_over<caf::ok_atom>(ticket, peers_.sessions, nothing, atom::lookup_v,
                          box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::query_prefetch_status request) {
  hand_over<prefetch_status>(ticket, peers_.sessions, hit, atom::status_v,
                             std::move(request.request_id), 0.0);
}

void zmq_gateway::start(ticket_id ticket, wire::wait_prefetch_status request) {
  hand_over<prefetch_status>(ticket, peers_.sessions, hit, atom::status_v,
                             std::move(request.request_id), request.timeout_s);
}

void zmq_gateway::start(ticket_id ticket, wire::free_lookup_locks request) {
  hand_over<caf::ok_atom>(ticket, peers_.sessions, nothing, atom::release_v,
                          box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::end_session request) {
  hand_over<caf::ok_atom>(ticket, peers_.sessions, nothing, atom::end_v,
                          std::move(request.request_id));
}

void zmq_gateway::start(ticket_id ticket, wire::prepare_store request) {
  hand_over<slot_plan>(
    ticket, peers_.sessions,
    [](const slot_plan& plan) -> std::optional<std::string> { return prepare_store_body(plan); },
    atom::reserve_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::commit_store request) {
  hand_over<bool>(ticket, peers_.sessions, boolean, atom::commit_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::prepare_retrieve request) {
  hand_over<slot_plan>(
    ticket, peers_.sessions,
    [](const slot_plan& plan) -> std::optional<std::string> { return prepare_retrieve_body(plan); },
    atom::claim_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::commit_retrieve request) {
  hand_over<bool>(ticket, peers_.sessions, boolean, atom::finish_v, box(std::move(request)));
}

void zmq_gateway::start(ticket_id ticket, wire::clear request) {
  hand_over<caf::ok_atom>(ticket, peers_.l1, nothing, atom::clear_v, request.force);
}

void zmq_gateway::start(ticket_id ticket, wire::subscribe_kv_events request) {
  if (request.cursor < 0 || request.max_events < 1 || request.max_events > max_page_events)
    return refuse(ticket, "cursor must not be negative and max_events must be in 1..1024");
  auto node = pending_.extract(ticket);
  auto& entry = node.mapped();
  started_ -= entry.started ? 1 : 0;
  tell_load();
  deadlines_.erase({entry.deadline_ms, ticket});
  auto* owner = clients_.find(entry.identity);
  --owner->waiting;
  owner->streams[entry.uid] = ticket; // the stream has the number of the request that opened it
  streams_[ticket]
    = {std::move(entry.identity), std::move(entry.uid), std::move(entry.operation_frame)};
  send(peers_.events, atom::subscribe_v,
       kv_subscription{ticket, request.instance_id, std::move(request.model_name), request.cursor,
                       request.max_events});
}

} // namespace actord
