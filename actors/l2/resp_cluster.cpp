// How a resp_pool finds the node of a key.
#include "actors/l2/resp_node.hpp"
#include "actors/l2/resp_pool.hpp"
#include "actors/l2/resp_request.hpp"

#include <utility>

namespace actord {

// Asks a node which slots lie where.
class resp_pool::refresh final : public resp_sink {
public:
  refresh(resp_pool& pool, network_node from) : pool_(pool), from_(std::move(from)) {
  }

  bool answered(resp_command&, resp_reply& reply, const std::string&) override {
    pool_.asking_for_slots_ = false;
    return pool_.learn_slots(reply, from_) || reply.what == resp_reply::kind::error;
  }

  void failed(resp_command&, const std::string&) override {
    pool_.asking_for_slots_ = false;
  }

private:
  resp_pool& pool_;
  network_node from_;
};

resp_pool::node* resp_pool::node_at(const network_node& address) {
  auto text = to_text(address);
  const auto found = nodes_.find(text);
  if (found != nodes_.end())
    return found->second.get();
  if (nodes_.size() >= max_nodes)
    return nullptr;
  auto made = std::make_unique<node>();
  made->address = address;
  made->text = text;
  ++counts_.nodes;
  return nodes_.emplace(std::move(text), std::move(made)).first->second.get();
}

resp_pool::node* resp_pool::reachable_node() {
  for (auto& [text, each] : nodes_)
    if (each->has_ready_line())
      return each.get();
  return nullptr;
}

resp_pool::node* resp_pool::owner(const resp_command& command) {
  if (!settings_.cluster)
    return node_at(settings_.seeds.front());
  if (command.slot && slots_[*command.slot])
    return slots_[*command.slot];
  if (auto found = reachable_node()) // it says where the slot lies
    return found;
  return node_at(settings_.seeds[next_seed_++ % settings_.seeds.size()]);
}

std::vector<network_node> resp_pool::primaries() const {
  if (!settings_.cluster)
    return {settings_.seeds.front()};
  std::set<const node*> seen;
  std::vector<network_node> result;
  for (const auto* each : slots_)
    if (each && seen.insert(each).second)
      result.push_back(each->address);
  return result;
}

bool resp_pool::learn_slots(const resp_reply& reply, const network_node& from) {
  if (reply.what != resp_reply::kind::list)
    return false;
  const auto ranges = parse_resp_slots(*reply.tree);
  if (!ranges || ranges->empty())
    return false;
  slots_.fill(nullptr);
  for (auto range : *ranges) {
    if (range.primary.host.empty())
      range.primary.host = from.host;
    if (auto* const owner = node_at(range.primary))
      for (size_t slot = range.first; slot <= range.last; ++slot)
        slots_[slot] = owner;
  }
  return true;
}

void resp_pool::ask_for_slots(node& from) {
  constexpr std::chrono::seconds least_pause{1};
  if (asking_for_slots_ || now_ < next_ask_)
    return;
  asking_for_slots_ = true;
  next_ask_ = now_ + least_pause;
  resp_command command;
  command.head = resp_request({"CLUSTER", "SLOTS"});
  command.queue = resp_queue::lookup;
  command.sink = std::make_shared<refresh>(*this, from.address);
  enqueue(from, std::move(command));
}

bool resp_pool::redirect(node& from, resp_command& command, const resp_reply& reply) {
  if (!settings_.cluster || reply.what != resp_reply::kind::error
      || command.redirects >= max_redirects)
    return false;
  auto where = parse_resp_redirect(reply.text);
  if (!where)
    return false;
  if (where->node.host.empty())
    where->node.host = from.address.host;
  auto* const to = node_at(where->node);
  if (!to)
    return false;
  ++counts_.redirects;
  ++command.redirects;
  command.to_slot_owner = where->ask;
  if (!where->ask) {
    slots_[where->slot] = to;
    ask_for_slots(*to);
  }
  enqueue(*to, std::move(command));
  return true;
}

// False when the reply cannot be one to this command.
bool resp_pool::deliver(node& from, resp_command& command, resp_reply& reply) {
  return redirect(from, command, reply) || command.sink->answered(command, reply, from.text);
}

} // namespace actord
