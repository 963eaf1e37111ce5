#include "actors/l2/resp_pool.hpp"

#include "actors/l2/resp_node.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr auto out_of_step = "the server answered a command with something that is no answer to it";

} // namespace

resp_pool::resp_pool(resp_settings settings, std::shared_ptr<job_inbox> inbox, resp_counts& counts)
  : settings_(std::move(settings)), inbox_(std::move(inbox)), counts_(counts),
    epoll_(epoll_create1(EPOLL_CLOEXEC)), now_(resp_clock::now()), random_(std::random_device{}()) {
  epoll_event event{EPOLLIN, {.u64 = 0}};
  if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, inbox_->fd(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "no epoll for the store");
  for (const auto& seed : settings_.seeds)
    node_at(seed);
}

resp_pool::~resp_pool() {
  close("the store is closing");
  ::close(epoll_);
}

void resp_pool::submit(resp_command command) {
  if (auto to = owner(command))
    enqueue(*to, std::move(command));
  else
    command.sink->failed(command, "the cluster has more nodes than this server keeps");
}

void resp_pool::submit(resp_command command, const network_node& to) {
  if (auto found = node_at(to))
    enqueue(*found, std::move(command));
  else
    command.sink->failed(command, "the cluster has more nodes than this server keeps");
}

void resp_pool::enqueue(node& to, resp_command command, bool in_front) {
  if (closed_) {
    command.sink->failed(command, closed_why_);
    return;
  }
  if (waiting_ >= max_waiting) {
    command.sink->failed(command, "too many commands wait for " + to.text);
    return;
  }
  ++waiting_;
  auto& queue = to.waiting[static_cast<size_t>(command.queue)];
  if (in_front)
    queue.push_front(std::move(command));
  else
    queue.push_back(std::move(command));
  dirty_.insert(&to);
}

// Lookups first: somebody waits for them. Loads and writes take turns.
std::optional<resp_command> resp_pool::take_waiting(node& from) {
  constexpr auto load = static_cast<size_t>(resp_queue::load);
  constexpr auto write = static_cast<size_t>(resp_queue::write);
  const size_t first = ++from.turns % 2 ? load : write;
  for (auto each : {static_cast<size_t>(resp_queue::lookup), first, load + write - first}) {
    auto& queue = from.waiting[each];
    if (queue.empty())
      continue;
    auto result = std::move(queue.front());
    queue.pop_front();
    --waiting_;
    return result;
  }
  return std::nullopt;
}

void resp_pool::cancel(const resp_sink& sink, const std::string& why) {
  std::deque<resp_command> cancelled;
  for (auto& [text, each] : nodes_)
    for (auto& queue : each->waiting) {
      std::deque<resp_command> rest;
      for (auto& command : queue)
        (command.sink.get() == &sink ? cancelled : rest).push_back(std::move(command));
      waiting_ -= queue.size() - rest.size();
      queue = std::move(rest);
    }
  std::vector<line*> dead;
  for (auto& [number, each] : lines_) {
    for (auto& command : each->connection.take_back(sink, why))
      cancelled.push_back(std::move(command));
    if (each->connection.now() == resp_connection::phase::dead)
      dead.push_back(each.get());
  }
  for (auto each : dead)
    bury(*each, end_of_line::cancelled);
  for (auto& each : cancelled)
    each.sink->failed(each, why);
}

void resp_pool::close(const std::string& why) {
  closed_ = true;
  closed_why_ = why;
  while (!lines_.empty()) {
    auto& each = *lines_.begin()->second;
    each.connection.kill(why);
    bury(each, end_of_line::cancelled);
  }
  for (auto& [text, each] : nodes_)
    fail_waiting(*each, why);
  dirty_.clear();
}

void resp_pool::fail_waiting(node& of, const std::string& why) {
  const auto text = of.text + ": " + why;
  while (auto command = take_waiting(of))
    command->sink->failed(*command, text);
}

void resp_pool::turn(resp_time limit) {
  using std::chrono::milliseconds;
  std::array<epoll_event, 64> events;
  now_ = resp_clock::now();
  settle();
  const auto wait = std::chrono::ceil<milliseconds>(next_limit(limit) - now_).count();
  const auto count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000)));
  now_ = resp_clock::now();
  for (int i = 0; i < count; ++i) {
    const auto found = lines_.find(events[static_cast<size_t>(i)].data.u64);
    if (found != lines_.end()) // the inbox is number 0
      work(*found->second);
  }
  expire();
  settle();
}

resp_time resp_pool::next_limit(resp_time limit) const {
  for (const auto& [number, each] : lines_)
    if (const auto its = each->connection.limit(settings_.request_timeout))
      limit = std::min(limit, *its);
  for (const auto& [text, each] : nodes_)
    if (each->lookup_limit)
      limit = std::min(limit, *each->lookup_limit);
  return limit;
}

void resp_pool::expire() {
  std::vector<line*> late;
  for (auto& [number, each] : lines_)
    if (const auto limit = each->connection.limit(settings_.request_timeout);
        limit && *limit <= now_)
      late.push_back(each.get());
  for (auto each : late) {
    const auto timeout = each->was_ready ? settings_.request_timeout : settings_.connect_timeout;
    each->connection.kill(each->connection.pending() + " within " + std::to_string(timeout.count())
                          + " ms");
    bury(*each, end_of_line::timed_out);
  }
  for (auto& [text, each] : nodes_)
    if (each->lookup_limit && *each->lookup_limit <= now_) {
      each->lookup_limit.reset();
      reach_failed(*each, "the host name was not resolved within "
                            + std::to_string(settings_.connect_timeout.count()) + " ms");
    }
}

// Sends what can be sent until nothing can.
void resp_pool::settle() {
  while (!dirty_.empty()) {
    auto& each = **dirty_.begin();
    dirty_.erase(dirty_.begin());
    pump(each);
  }
}

void resp_pool::work(line& at) {
  std::vector<resp_connection::finished> finished;
  at.connection.work(now_, finished);
  auto& from = at.to;
  bool sensible = true;
  if (!at.was_ready && at.connection.now() == resp_connection::phase::ready) {
    at.was_ready = true;
    from.failures = 0;
  }
  for (auto& each : finished)
    if (!sensible)
      each.command.sink->failed(each.command, from.text + ": " + out_of_step);
    else if (sensible = deliver(from, each.command, each.reply); !sensible)
      at.connection.kill(out_of_step);
  if (at.connection.now() == resp_connection::phase::dead)
    bury(at, end_of_line::lost);
  else
    watch(at);
  if (from.waiting_count() > 0)
    dirty_.insert(&from);
}

void resp_pool::watch(line& at) {
  const auto socket = at.connection.socket_count();
  const uint32_t events
    = EPOLLIN | EPOLLRDHUP | (at.connection.wants_write() ? uint32_t{EPOLLOUT} : 0);
  if (socket == at.watched_socket && events == at.watched_events)
    return;
  epoll_event event{events, {.u64 = at.number}};
  const int what = socket == at.watched_socket ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  epoll_ctl(epoll_, what, at.connection.fd(), &event);
  at.watched_socket = socket;
  at.watched_events = events;
}

} // namespace actord
