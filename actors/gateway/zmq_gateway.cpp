#include "actors/gateway/zmq_gateway.hpp"

#include "actors/clock.hpp"
#include "actors/gateway/wire/decode.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

bool is_text(frame bytes, std::string_view text) {
  return std::ranges::equal(bytes, text, {}, [](std::byte b) { return static_cast<char>(b); });
}

size_t total_bytes(const std::vector<frame>& frames) {
  size_t result = 0;
  for (const auto& part : frames)
    result += part.size();
  return result;
}

} // namespace

zmq_gateway::zmq_gateway(caf::actor_config& cfg, runtime::thread_unit& unit, zmq_gateway_link& link,
                         zmq_gateway_options options, zmq_gateway_peers peers)
  : pinned(cfg, unit), link_(link), options_(options), peers_(std::move(peers)),
    meters_(options_.metrics, options_.bus, options_.gen_ai) {
}

const char* zmq_gateway::name() const {
  return "zmq-gateway";
}

zmq_gateway::behavior_type zmq_gateway::make_behavior() {
  return {
    [this](atom::readable) { on_readable(); },
    [this](atom::stored, uint64_t stream, const boxed<wire::kv_event_batch>& batch) {
      if (auto i = streams_.find(stream); i != streams_.end())
        send_reply(i->second.identity, i->second.uid, i->second.operation_frame,
                   wire::encode_kv_event_batch(*batch));
    },
    [this](atom::end, uint64_t stream) { end_stream(stream); },
    [this](atom::status) { return status(); },
    [this](atom::stop) {
      stopping_ = true;
      while (!streams_.empty())
        end_stream(streams_.begin()->first);
      auto promise = make_response_promise<caf::ok_atom>();
      if (pending_.empty())
        promise.deliver(caf::ok_atom_v);
      else
        stoppers_.push_back(promise);
      return promise;
    },
  };
}

void zmq_gateway::end_stream(uint64_t stream) {
  auto node = streams_.extract(stream);
  if (!node)
    return;
  const auto& entry = node.mapped();
  // The client may have opened another stream under the same uid meanwhile.
  if (auto* owner = clients_.find(entry.identity))
    if (auto known = owner->streams.find(entry.uid);
        known != owner->streams.end() && known->second == stream)
      owner->streams.erase(known);
  send_reply(entry.identity, entry.uid, entry.operation_frame, std::nullopt);
}

void zmq_gateway::on_readable() {
  auto ended = [this](connection link, bool by_peer) { on_connection_end(link, by_peer); };
  link_.socket.drain_monitor(ended);
  for (size_t i = 0; i < messages_per_turn && !stopping_; ++i) {
    if (!link_.socket.receive(message_))
      break;
    on_message(message_);
  }
  run_lanes();
  on_clock();
}

client& zmq_gateway::client_of(const incoming& message) {
  if (auto* known = clients_.find(message.identity)) {
    if (known->ended || known->link.fd != message.fd)
      revive(*known, message);
    return *known;
  }
  // The connection's ACCEPTED must have been seen, or the descriptor would still name its
  // predecessor.
  link_.socket.drain_monitor(
    [this](connection link, bool by_peer) { on_connection_end(link, by_peer); });
  auto link = link_.socket.link_of(message.fd);
  auto& fresh = clients_.add(message.identity, link, now_ms(*this));
  if (!link_.socket.alive(link)) // it left before its messages were read
    clients_.end(fresh, false, now_ms(*this));
  return fresh;
}

// A client that chose its routing id keeps it when it connects again. One that we cut does not: it
// may be alive twice. The last words of a dead client look the same when its descriptor has a new
// owner; that one's first word or its end puts it right.
void zmq_gateway::revive(client& known, const incoming& message) {
  link_.socket.drain_monitor(
    [this](connection link, bool by_peer) { on_connection_end(link, by_peer); });
  auto link = link_.socket.link_of(message.fd);
  if (!known.may_live && link_.socket.alive(link) && !clients_.find(link))
    clients_.revive(known, link);
}

void zmq_gateway::on_message(const incoming& message) {
  auto& from = client_of(message);
  ++from.received;
  ++counters_.requests;
  const auto& frames = message.frames;
  if (frames.size() < 2) {
    ++counters_.malformed;
    return note("malformed message", "it has no operation frame");
  }
  if (frames[1].empty())
    return on_stream_control(from, message);
  auto op = wire::parse_operation(frames[1]);
  if (!op) {
    ++counters_.malformed;
    note("unknown operation", "its frame is no known id or name");
    return send_reply(from.identity, text_view(frames[0]), text_view(frames[1]), std::nullopt);
  }
  if (message.oversized)
    return refuse(accept(from, message, *op), "it has more frames than any operation");
  auto decoded = wire::decode_request(*op, std::span{frames}.subspan(2));
  if (auto* error = std::get_if<wire::decode_error>(&decoded)) {
    ++counters_.malformed;
    auto ticket = accept(from, message, *op);
    pending_.at(ticket).instance_id = error->instance_id;
    // An earlier lookup under this id must not answer for this one.
    if (*op == wire::operation::lookup && error->request_id)
      send(peers_.sessions, atom::lost_v, std::vector<std::string>{*error->request_id});
    if (error->key
        && (*op == wire::operation::retrieve || *op == wire::operation::prepare_retrieve))
      waive(std::move(*error->key));
    return refuse(ticket, error->reason);
  }
  auto& request = std::get<wire::request>(decoded);
  if (!answer_at_once(from, message, request))
    admit(from, accept(from, message, *op), std::move(request), total_bytes(frames));
}

void zmq_gateway::on_stream_control(client& from, const incoming& message) {
  if (message.frames.size() != 3)
    return;
  std::string uid{reinterpret_cast<const char*>(message.frames[0].data()),
                  message.frames[0].size()};
  auto stream = from.streams.find(uid);
  if (stream == from.streams.end())
    return;
  if (is_text(message.frames[2], "ack"))
    send(peers_.events, atom::ack_v, stream->second);
  else if (is_text(message.frames[2], "cancel"))
    send(peers_.events, atom::cancel_v, stream->second);
}

void zmq_gateway::on_connection_end(connection link, bool by_peer) {
  if (auto* gone = clients_.find(link))
    clients_.end(*gone, gone->may_live || !by_peer, now_ms(*this));
}

void zmq_gateway::give_up(const estate& left) {
  for (auto instance_id : left.instances) {
    if (peers_.engine_driven)
      send(peers_.engine_driven, atom::lost_v, instance_id, left.may_live);
    if (peers_.lmcache_driven)
      send(peers_.lmcache_driven, atom::lost_v, instance_id, left.may_live);
  }
  if (!left.requests.empty())
    send(peers_.sessions, atom::lost_v, left.requests);
  for (auto stream : left.streams) {
    streams_.erase(stream);
    send(peers_.events, atom::lost_v, stream);
  }
}

void zmq_gateway::on_clock() {
  const auto now = now_ms(*this);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    ++counters_.overdue;
    constexpr std::string_view reason = "it was not answered within --request-timeout-seconds";
    const auto ticket = deadlines_.begin()->second;
    const auto& late = pending_.at(ticket);
    meters_.overdue(late.op, late.request_id, reason);
    refuse(ticket, reason);
  }
  for (const auto& left : clients_.take_due(now, grace_ms))
    give_up(left);
  if (clients_.any_ended())
    link_.patience_ms = 250;
  else if (!deadlines_.empty())
    link_.patience_ms = std::clamp<long>(deadlines_.begin()->first - now, 1, 1000);
  else
    link_.patience_ms = -1;
}

void zmq_gateway::run_lanes() {
  while (!ready_lanes_.empty()) {
    for (const auto& identity : std::exchange(ready_lanes_, {})) {
      auto* owner = clients_.find(identity);
      if (!owner || owner->lane_busy || owner->lane.empty())
        continue;
      auto entry = std::move(owner->lane.front());
      owner->lane.pop_front();
      owner->lane_bytes -= entry.bytes;
      owner->lane_busy = true;
      owner->lane_request_id = std::move(entry.request_id);
      dispatch(entry.ticket, std::move(entry.request));
    }
  }
}

gateway_status zmq_gateway::status() const {
  auto result = counters_;
  for (const auto& [identity, peer] : clients_.all()) {
    client_status row;
    for (unsigned char c : identity) {
      static constexpr char digits[] = "0123456789abcdef";
      row.peer += {digits[c >> 4], digits[c & 15]};
    }
    row.requests = peer.received;
    row.waiting = peer.waiting;
    row.instances = peer.instances.size();
    row.open_requests = peer.requests.size();
    row.instance_ids.assign(peer.instances.begin(), peer.instances.end());
    result.clients.push_back(std::move(row));
  }
  return result;
}

} // namespace actord
