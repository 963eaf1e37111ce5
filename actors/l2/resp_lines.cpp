// How a resp_pool opens, fills and loses connections.
#include "actors/l2/resp_node.hpp"
#include "actors/l2/resp_pool.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

constexpr unsigned max_attempts = 2; // of a command whose connection breaks
constexpr std::chrono::milliseconds first_pause{50}, longest_pause{5'000};

} // namespace

void resp_pool::pump(node& to) {
  fill_lines(to);
  if (to.waiting_count() == 0)
    return;
  open_lines(to);
  if (to.lines.empty() && !to.lookup_limit)
    fail_waiting(to, to.last_error.empty() ? "not reached" : to.last_error);
}

void resp_pool::fill_lines(node& to) {
  std::set<uint64_t> filled;
  while (to.waiting_count() > 0) {
    auto* const chosen = freest(to);
    if (!chosen)
      break;
    chosen->connection.give(*take_waiting(to), now_);
    filled.insert(chosen->number);
  }
  for (auto number : filled)
    if (const auto found = lines_.find(number); found != lines_.end())
      work(*found->second);
}

resp_pool::line* resp_pool::freest(node& of) {
  line* result = nullptr;
  for (auto* each : of.lines)
    if (each->connection.has_room()
        && (!result || each->connection.load_bytes() < result->connection.load_bytes()))
      result = each;
  return result;
}

void resp_pool::open_lines(node& to) {
  auto opening = static_cast<size_t>(
    std::ranges::count_if(to.lines, [](const line* each) { return !each->was_ready; }));
  while (to.lines.size() < settings_.connections && opening < to.waiting_count()
         && now_ >= to.retry_at && !to.lookup_limit && !(to.failures > 0 && opening > 0)) {
    const auto before = to.lines.size();
    open_line(to);
    if (to.lines.size() == before)
      return;
    ++opening;
  }
}

void resp_pool::open_line(node& to) {
  if (to.addresses.empty() || (to.lines.empty() && !spelled_address(to.address)))
    find_addresses(to); // the name may mean another address by now
  if (to.addresses.empty())
    return;
  add_line(to);
}

void resp_pool::add_line(node& to) {
  const auto number = next_line_++;
  auto made = std::make_unique<line>(number, to, settings_.login, to.addresses,
                                     now_ + settings_.connect_timeout);
  auto& opened = *lines_.emplace(number, std::move(made)).first->second;
  to.lines.push_back(&opened);
  ++counts_.connections;
  ++counts_.connects;
  work(opened);
}

void resp_pool::find_addresses(node& of) {
  of.addresses.clear();
  if (const auto spelled = spelled_address(of.address)) {
    of.addresses = {*spelled};
    return;
  }
  of.lookup_limit = now_ + settings_.connect_timeout;
  if (of.looking_up)
    return;
  of.looking_up = true;
  // The pool may be gone by the time the answer comes: then the inbox is closed.
  look_up_host(of.address, [this, inbox = inbox_, address = of.address](host_addresses found) {
    inbox->post([this, address, found = std::move(found)] { looked_up(address, found); });
  });
}

void resp_pool::looked_up(const network_node& address, host_addresses found) {
  auto& of = *node_at(address);
  of.looking_up = false;
  if (!of.lookup_limit || closed_)
    return; // nobody waits any more
  of.lookup_limit.reset();
  if (found.list.empty()) {
    reach_failed(of, found.error);
    return;
  }
  // Not `open_line`, which would look the name up again.
  of.addresses = std::move(found.list);
  add_line(of);
}

void resp_pool::reach_failed(node& of, const std::string& why) {
  ++counts_.failed_connects;
  if (now_ >= of.retry_at) { // else one of several that began together
    const auto pause = std::min(longest_pause, first_pause * (1 << std::min(of.failures, 7U)));
    ++of.failures;
    // Of several clients that lost the same node, not all come back at the same moment.
    of.retry_at = now_ + pause / 2
                  + std::chrono::milliseconds{random_() % static_cast<uint64_t>(pause.count() / 2)};
  }
  of.last_error = why;
  if (of.lines.empty())
    fail_waiting(of, why);
  if (settings_.cluster && !closed_)
    if (auto other = reachable_node())
      ask_for_slots(*other); // another node may have taken its slots over
}

void resp_pool::bury(line& at, end_of_line how) {
  auto& from = at.to;
  const bool was_ready = at.was_ready;
  const auto why = at.connection.error();
  auto left = at.connection.leave();
  std::erase(from.lines, &at);
  --counts_.connections;
  lines_.erase(at.number);
  if (!was_ready)
    reach_failed(from, why);
  // Backwards, each to the front: they keep their order.
  const auto text = from.text + ": " + why;
  std::vector<resp_command> lost;
  while (!left.empty()) {
    auto command = std::move(left.back());
    left.pop_back();
    const bool head = left.empty();
    command.attempts += command.offered && how != end_of_line::cancelled ? 1 : 0;
    if (closed_ || command.attempts >= max_attempts
        || (how == end_of_line::timed_out && head && command.offered))
      lost.push_back(std::move(command));
    else
      enqueue(from, std::move(command), true);
  }
  for (auto& each : lost)
    each.sink->failed(each, text);
  if (from.waiting_count() > 0)
    dirty_.insert(&from);
}

} // namespace actord
