#include "actors/gateway/client_table.hpp"

namespace actord {

client* client_table::find(std::string_view identity) {
  auto i = clients_.find(std::string{identity});
  return i == clients_.end() ? nullptr : &i->second;
}

client& client_table::add(std::string_view identity, connection link, time_ms now) {
  // A descriptor is reused at once: whoever seemed to have come back on it has not.
  if (auto* before = find(link))
    end(*before, false, now);
  auto& fresh = clients_[std::string{identity}];
  fresh.identity = identity;
  fresh.link = link;
  links_[link] = fresh.identity;
  return fresh;
}

void client_table::drop_link(const client& of) {
  if (auto i = links_.find(of.link); i != links_.end() && i->second == of.identity)
    links_.erase(i);
}

client* client_table::find(connection link) {
  auto i = links_.find(link);
  return i == links_.end() ? nullptr : find(i->second);
}

void client_table::bind_instance(client& owner, int64_t instance_id) {
  auto& entry = instances_[instance_id];
  if (entry.owner == owner.identity)
    return;
  if (auto* before = find(entry.owner))
    before->instances.erase(instance_id);
  entry.owner = owner.identity;
  if (owner.instances.size() >= max_instances) {
    instances_.erase(*owner.instances.begin());
    owner.instances.erase(owner.instances.begin());
  }
  owner.instances.insert(instance_id);
}

void client_table::adopt_instance(client& speaker, int64_t instance_id) {
  auto known = instances_.find(instance_id);
  const auto* owner = known == instances_.end() ? nullptr : find(known->second.owner);
  if (!owner || owner->ended)
    bind_instance(speaker, instance_id);
}

void client_table::bind_request(client& owner, const std::string& request_id) {
  auto& bound = requests_[request_id];
  if (bound == owner.identity)
    return;
  if (auto* before = find(bound))
    before->requests.erase(request_id);
  bound = owner.identity;
  if (owner.requests.size() >= max_requests) {
    requests_.erase(*owner.requests.begin());
    owner.requests.erase(owner.requests.begin());
  }
  owner.requests.insert(request_id);
}

void client_table::rebind_request(client& owner, const std::string& request_id) {
  if (requests_.contains(request_id))
    bind_request(owner, request_id);
}

void client_table::forget_request(const std::string& request_id) {
  auto node = requests_.extract(request_id);
  if (!node)
    return;
  if (auto* owner = find(node.mapped()))
    owner->requests.erase(request_id);
}

void client_table::forget_instance(int64_t instance_id) {
  auto node = instances_.extract(instance_id);
  if (!node)
    return;
  if (auto* owner = find(node.mapped().owner))
    owner->instances.erase(instance_id);
}

void client_table::set_mode(int64_t instance_id, wire::instance_mode mode) {
  if (auto i = instances_.find(instance_id); i != instances_.end())
    i->second.mode = mode;
}

wire::instance_mode client_table::mode(std::optional<int64_t> instance_id) const {
  auto i = instance_id ? instances_.find(*instance_id) : instances_.end();
  return i == instances_.end() ? wire::instance_mode::unknown : i->second.mode;
}

void client_table::revive(client& back, connection link) {
  drop_link(back);
  back.link = link;
  links_[link] = back.identity;
  back.ended = back.may_live = false;
  std::erase(ended_, back.identity);
}

void client_table::end(client& gone, bool may_live, time_ms now) {
  if (gone.ended)
    return;
  gone.ended = true;
  gone.may_live = may_live;
  gone.ended_ms = now;
  ended_.push_back(gone.identity);
}

std::vector<estate> client_table::take_due(time_ms now, time_ms grace_ms) {
  std::vector<estate> result;
  std::deque<std::string> later;
  for (auto& identity : ended_) {
    auto* gone = find(identity);
    // A copy for a dead worker is still running: what it holds is given up when it is done.
    if (gone->ended_ms + grace_ms > now || gone->lane_busy || !gone->lane.empty()) {
      later.push_back(std::move(identity));
      continue;
    }
    auto& left = result.emplace_back();
    left.may_live = gone->may_live;
    left.instances.assign(gone->instances.begin(), gone->instances.end());
    left.requests.assign(gone->requests.begin(), gone->requests.end());
    for (const auto& [uid, stream] : gone->streams)
      left.streams.push_back(stream);
    for (const auto& request_id : left.requests)
      requests_.erase(request_id);
    for (auto instance_id : left.instances)
      instances_.erase(instance_id);
    drop_link(*gone);
    clients_.erase(identity);
  }
  ended_ = std::move(later);
  return result;
}

} // namespace actord
