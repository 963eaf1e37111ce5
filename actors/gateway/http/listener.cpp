#include "actors/gateway/http/listener.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace actord::http {

namespace {

constexpr size_t receive_bytes = 64 * 1024;
constexpr auto linger_limit = std::chrono::milliseconds(2'000);
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace

listener::listener(const listener_options& options, serve_function serve,
                   instant_function is_instant)
  : options_(options), serve_(std::move(serve)), is_instant_(std::move(is_instant)) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_id;
  if (epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    throw std::system_error(errno, std::generic_category(),
                            "the HTTP gateway gets no descriptors; raise the limit (ulimit -n)");
}

listener::~listener() {
  stop(std::chrono::milliseconds(0));
  close_sockets();
  close(wake_);
  close(epoll_);
}

void listener::start() {
  assert(!thread_.joinable());
  for (size_t i = 0; i < sockets_.size(); ++i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = first_socket_id + i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_[i].fd, &event);
  }
  thread_ = std::thread([this] { loop(); });
  for (size_t i = 0; i < options_.workers; ++i)
    workers_.emplace_back([this] { work(); });
}

void listener::stop(std::chrono::milliseconds drain) {
  if (!thread_.joinable())
    return;
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
    drain_ = drain;
  }
  wake();
  thread_.join();
  {
    std::lock_guard guard{mutex_};
    ended_ = true;
  }
  has_job_.notify_all();
  for (auto& worker : workers_)
    worker.join();
  workers_.clear();
}

void listener::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  [[maybe_unused]] auto written = write(wake_, &one, sizeof one);
}

void listener::work() {
  pthread_setname_np(pthread_self(), "http-worker");
  while (true) {
    job next;
    {
      std::unique_lock guard{mutex_};
      has_job_.wait(guard, [this] { return ended_ || !jobs_.empty(); });
      if (jobs_.empty())
        return;
      next = std::move(jobs_.front());
      jobs_.pop_front();
    }
    auto outcome = serve_(next.bytes, next.peer, next.site, next.last);
    {
      std::lock_guard guard{mutex_};
      results_.push_back({next.id, std::move(outcome)});
    }
    wake();
  }
}

void listener::loop() {
  pthread_setname_np(pthread_self(), "http-sockets");
  std::array<epoll_event, 64> events;
  auto now = clock::now();
  while (!drained(now)) {
    const auto count = epoll_wait(epoll_, events.data(), events.size(), wait_ms(now));
    now = clock::now();
    for (int i = 0; i < count; ++i) {
      const auto id = events[i].data.u64;
      if (id == wake_id)
        deliver_results();
      else if (id >= first_connection_id)
        on_event(id, events[i].events);
      else if (id - first_socket_id < sockets_.size()) // else closed in this round
        accept_from(sockets_[id - first_socket_id]);
    }
    expire(now);
    sweep();
  }
  {
    std::lock_guard guard{mutex_};
    jobs_.clear();
  }
  for (auto& [id, one] : connections_)
    close(one.fd);
  connections_.clear();
}

bool listener::drained(clock::time_point now) const {
  if (!draining_)
    return false;
  return connections_.empty() || now >= drain_deadline_;
}

int listener::wait_ms(clock::time_point now) const {
  auto next = clock::time_point::max();
  for (const auto& [id, one] : connections_)
    if (one.now != phase::working)
      next = std::min(next, one.deadline);
  if (!accepting_ && !draining_)
    next = std::min(next, accept_again_);
  if (draining_)
    next = std::min(next, drain_deadline_);
  if (next == clock::time_point::max())
    return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

void listener::deliver_results() {
  uint64_t count = 0;
  [[maybe_unused]] auto got = read(wake_, &count, sizeof count);
  std::vector<result> results;
  bool stopping = false;
  {
    std::lock_guard guard{mutex_};
    results.swap(results_);
    stopping = stopping_;
  }
  if (stopping && !draining_)
    begin_drain();
  for (auto& done : results)
    if (auto i = connections_.find(done.id); i != connections_.end()) {
      answer(i->second, std::move(done.outcome));
      drive(i->second);
    }
}

void listener::begin_drain() {
  draining_ = true;
  {
    std::lock_guard guard{mutex_};
    drain_deadline_ = clock::now() + drain_;
  }
  close_sockets();
  for (auto& [id, one] : connections_)
    if (one.now == phase::receiving && one.in.empty())
      one.now = phase::closed;
}

void listener::on_event(uint64_t id, uint32_t events) {
  auto i = connections_.find(id);
  if (i == connections_.end() || i->second.now == phase::closed)
    return;
  auto& one = i->second;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0)
    one.now = phase::closed;
  else if ((events & EPOLLIN) != 0)
    receive(one);
  drive(one);
}

void listener::receive(connection& from) {
  std::array<char, receive_bytes> buffer;
  const auto count = recv(from.fd, buffer.data(), buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (count <= 0) {
    from.now = phase::closed;
    return;
  }
  if (from.now != phase::receiving)
    return; // what comes after a refused request is thrown away
  if (from.in.empty())
    from.deadline = clock::now() + options_.head;
  from.in.append(buffer.data(), static_cast<size_t>(count));
}

void listener::drive(connection& one) {
  bool again = true;
  while (again) {
    const auto before = one.now;
    if (before == phase::receiving && !one.in.empty())
      take_request(one);
    else if (before == phase::sending)
      flush(one);
    again = one.now != before;
  }
}

void listener::take_request(connection& from) {
  const auto skip = from.in.find_first_not_of("\r\n"); // some clients end a body with a line
  from.in.erase(0, skip);
  auto frame = find_frame(from.in, options_.frames);
  switch (frame.found) {
    case frame::state::head_missing: return;
    case frame::state::refused: return refuse(from, frame.status, frame.reason);
    case frame::state::complete: {
      auto bytes = from.in.substr(0, frame.bytes);
      from.in.erase(0, frame.bytes);
      return dispatch(from, std::move(bytes));
    }
    case frame::state::body_missing: break;
  }
  if (buffered_bytes() > options_.buffered_bytes)
    return refuse(from, 503, "too many large requests at once; send it again later");
  if (std::exchange(from.has_head, true))
    return;
  from.deadline = clock::now() + options_.body;
  if (frame.wants_continue)
    send(from.fd, go_on.data(), go_on.size(), MSG_NOSIGNAL);
}

void listener::dispatch(connection& from, std::string bytes) {
  from.has_head = false;
  from.now = phase::working;
  if (is_instant_(bytes))
    return answer(from, serve_(bytes, from.peer, from.site, draining_));
  {
    std::lock_guard guard{mutex_};
    if (jobs_.size() < options_.queued) {
      jobs_.push_back({from.id, std::move(bytes), from.peer, from.site, draining_});
      has_job_.notify_one();
      watch(from, 0);
      return;
    }
  }
  refuse(from, 503, "too many requests at once; send it again later");
}

void listener::refuse(connection& one, int status, const std::string& reason) {
  one.in.clear();
  one.unread = true;
  answer(one, {closing_answer(status, reason), false});
}

void listener::answer(connection& one, codec::outcome outcome) {
  if (outcome.bytes.empty()) {
    one.now = phase::closed;
    return;
  }
  one.out = std::move(outcome.bytes);
  one.sent = 0;
  one.keep_open = outcome.keep_open && !draining_;
  await(one, phase::sending, options_.send);
}

void listener::flush(connection& to) {
  while (to.sent < to.out.size()) {
    const auto count = send(to.fd, to.out.data() + to.sent, to.out.size() - to.sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && errno == EAGAIN)
      return watch(to, EPOLLOUT);
    if (count < 0) {
      to.now = phase::closed;
      return;
    }
    to.sent += static_cast<size_t>(count);
  }
  to.out.clear();
  to.active = clock::now();
  if (to.keep_open)
    return await(to, phase::receiving, to.in.empty() ? options_.idle : options_.head);
  if (!to.unread) {
    to.now = phase::closed;
    return;
  }
  // Closing with unread input would reset the connection and take the reply away from the client.
  shutdown(to.fd, SHUT_WR);
  await(to, phase::lingering, linger_limit);
}

void listener::await(connection& one, phase next, std::chrono::milliseconds limit) {
  one.now = next;
  one.deadline = clock::now() + limit;
  if (next != phase::sending)
    watch(one, EPOLLIN);
}

void listener::watch(const connection& one, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = one.id;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, one.fd, &event);
}

void listener::expire(clock::time_point now) {
  if (!accepting_ && !draining_ && now >= accept_again_)
    set_accepting(true);
  for (auto& [id, one] : connections_) {
    if (one.now == phase::working || one.now == phase::closed || now < one.deadline)
      continue;
    if (one.now == phase::receiving && !one.in.empty()) {
      refuse(one, 408, "the request did not arrive in time; send it at once");
      drive(one);
      continue;
    }
    if (one.now == phase::sending) { // else the system would keep the rest of the reply for it
      const linger at_once{1, 0};
      setsockopt(one.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    one.now = phase::closed;
  }
}

void listener::sweep() {
  for (auto i = connections_.begin(); i != connections_.end();) {
    if (i->second.now != phase::closed) {
      ++i;
      continue;
    }
    close(i->second.fd);
    i = connections_.erase(i);
  }
}

size_t listener::buffered_bytes() const {
  size_t total = 0;
  for (const auto& [id, one] : connections_)
    total += one.in.size();
  return total;
}

} // namespace actord::http
