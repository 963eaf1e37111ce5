// zmq_gateway: one reply per request.
#include "actors/clock.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/operations.hpp"
#include "actors/gateway/zmq_gateway.hpp"
#include "actors/log.hpp"

#include <utility>

namespace actord {

namespace {

bool has_deadline(wire::operation op) {
  return op != wire::operation::store && op != wire::operation::retrieve
         && op != wire::operation::wait_prefetch_status;
}

} // namespace

ticket_id zmq_gateway::accept(client& from, const incoming& message, wire::operation op) {
  const auto ticket = ++last_ticket_;
  auto& entry = pending_[ticket];
  entry.identity = from.identity;
  entry.uid = text_view(message.frames[0]);
  entry.operation_frame = text_view(message.frames[1]);
  entry.op = op;
  entry.since = clock().now();
  if (has_deadline(op)) {
    entry.deadline_ms = now_ms(*this) + options_.request_timeout_ms;
    deadlines_.emplace(entry.deadline_ms, ticket);
  }
  ++from.waiting;
  tell_load();
  return ticket;
}

void zmq_gateway::answer(ticket_id ticket, std::optional<std::string> body) {
  if (auto i = pending_.find(ticket); i != pending_.end())
    close_ticket(ticket, i->second.operation_frame, std::move(body));
}

void zmq_gateway::refuse(ticket_id ticket, std::string_view reason) {
  auto i = pending_.find(ticket);
  if (i == pending_.end())
    return;
  const auto op = i->second.op;
  ++counters_.refused;
  note(wire::info(op).name, reason);
  if (wire::refused_by_text(op))
    close_ticket(ticket, wire::refusal_frame(op, reason), std::nullopt);
  else if (op == wire::operation::get_chunk_size) // a null would end the client (spec §8.2)
    close_ticket(ticket, i->second.operation_frame, wire::encode_int(options_.chunk_tokens));
  else
    close_ticket(ticket, i->second.operation_frame,
                 wire::refusal(op, clients_.mode(i->second.instance_id)));
}

void zmq_gateway::close_ticket(ticket_id ticket, std::string_view operation_frame,
                               std::optional<std::string> body) {
  auto& entry = pending_.at(ticket);
  send_reply(entry.identity, entry.uid, operation_frame, std::move(body));
  if (entry.started)
    meters_.handled(entry.op, clock().now() - entry.since);
  if (entry.deadline_ms != 0)
    deadlines_.erase({entry.deadline_ms, ticket});
  if (auto* owner = clients_.find(entry.identity)) {
    --owner->waiting;
    if (entry.lane) {
      owner->lane_busy = false;
      owner->lane_request_id.clear();
      ready_lanes_.push_back(owner->identity);
    }
  }
  started_ -= entry.started ? 1 : 0;
  pending_.erase(ticket);
  tell_load();
  if (stopping_ && pending_.empty())
    for (auto& stopper : std::exchange(stoppers_, {}))
      stopper.deliver(caf::ok_atom_v);
}

void zmq_gateway::send_reply(const std::string& identity, std::string_view uid,
                             std::string_view operation, std::optional<std::string> body) {
  auto result = link_.socket.send(identity, uid, operation, std::move(body));
  if (result != zmq_socket::sent::full)
    return; // `gone`: nobody is left to tell
  auto* peer = clients_.find(identity);
  if (!peer || peer->may_live)
    return;
  ++counters_.cut;
  peer->may_live = true; // it may only be stopped, and write on when it goes on
  if (auto others = cuts_told_.admit(clock().now()))
    log_warn(log_part::zmq_gateway,
             "A client does not read its replies and was disconnected ({} requests received){}",
             peer->received, *others);
  link_.socket.cut(peer->link);
}

void zmq_gateway::note(std::string_view what, std::string_view reason) {
  if (auto others = refusals_told_.admit(clock().now()))
    log_warn(log_part::zmq_gateway, "{} refused: {}{}", what, reason, *others);
}

} // namespace actord
