#include "actors/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace actord {

namespace {

using clock = std::chrono::steady_clock;

// A pipe that polls as writable takes this much at once (PIPE_BUF), whoever else writes to it.
constexpr size_t most_at_once = 4096;

// After that the thread is stuck in a write.
constexpr auto grace = std::chrono::milliseconds(200);

} // namespace

struct log_writer::channel {
  int fd = -1;
  std::deque<std::string> waiting;
  size_t bytes = 0; // of `waiting`
  log_counts counts;
  uint64_t untold = 0; // discarded lines that no line has told of

  // Of the thread alone: whole lines on their way, the first `done` bytes of them written.
  std::string going;
  size_t done = 0;
  uint64_t going_lines = 0;

  bool idle() const {
    return waiting.empty() && going_lines == 0;
  }
};

struct log_writer::shared_state {
  shared_state(log_limits bounds, std::function<std::string(uint64_t)> gap_line)
    : limits(bounds), gap(std::move(gap_line)), wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd < 0)
      throw std::system_error(errno, std::generic_category(), "cannot start the log");
  }
  ~shared_state() {
    ::close(wake_fd);
  }

  void run();
  void fill(channel& from);
  bool push(channel& to) const;
  void wake() const;
  bool all_idle() const {
    return std::ranges::all_of(channels, [](const channel& each) { return each.idle(); });
  }

  const log_limits limits;
  const std::function<std::string(uint64_t)> gap;
  const int wake_fd;
  std::mutex mutex; // of everything below
  std::condition_variable news;
  std::array<channel, 2> channels;
  bool stopping = false, ended = false;
};

void log_writer::shared_state::wake() const {
  const uint64_t one = 1;
  static_cast<void>(!::write(wake_fd, &one, sizeof one)); // full: awake already
}

// Takes as many lines as one write may carry.
void log_writer::shared_state::fill(channel& from) {
  if (from.going_lines > 0 || from.waiting.empty())
    return;
  from.going.clear();
  from.done = 0;
  if (from.untold > 0 && gap && &from == &channels[0])
    from.going = gap(std::exchange(from.untold, 0));
  do {
    auto& line = from.waiting.front();
    from.bytes -= line.size();
    from.going += line;
    from.waiting.pop_front();
    ++from.going_lines;
  } while (!from.waiting.empty()
           && from.going.size() + from.waiting.front().size() <= most_at_once);
}

// Returns whether the lines on their way are through; a stream that takes nothing loses them.
bool log_writer::shared_state::push(channel& to) const {
  const auto size = std::min(to.going.size() - to.done, most_at_once);
  const auto written = ::write(to.fd, to.going.data() + to.done, size);
  if (written < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (written < 0) {
    to.done = to.going.size() + 1;
    return true;
  }
  to.done += static_cast<size_t>(written);
  return to.done == to.going.size();
}

void log_writer::shared_state::run() {
  std::unique_lock lock{mutex};
  for (;;) {
    std::array<pollfd, 3> fds{pollfd{wake_fd, POLLIN, 0}, pollfd{-1, POLLOUT, 0},
                              pollfd{-1, POLLOUT, 0}};
    for (size_t i = 0; i < channels.size(); ++i) {
      fill(channels[i]);
      if (channels[i].going_lines > 0)
        fds[i + 1].fd = channels[i].fd;
    }
    if (all_idle()) {
      news.notify_all();
      if (stopping)
        break;
    }
    lock.unlock();
    ::poll(fds.data(), fds.size(), -1);
    uint64_t count = 0;
    if (fds[0].revents != 0)
      static_cast<void>(!::read(wake_fd, &count, sizeof count));
    std::array<bool, 2> through{};
    for (size_t i = 0; i < channels.size(); ++i)
      through[i] = fds[i + 1].revents != 0 && push(channels[i]);
    lock.lock();
    for (size_t i = 0; i < channels.size(); ++i)
      if (through[i]) {
        auto& counts = channels[i].counts;
        const bool lost = channels[i].done > channels[i].going.size();
        (lost ? counts.discarded : counts.written) += std::exchange(channels[i].going_lines, 0);
      }
    if (ended)
      return; // left behind
  }
  ended = true;
  news.notify_all();
}

log_writer::log_writer(int error_fd, int output_fd, log_limits limits,
                       std::function<std::string(uint64_t)> gap)
  : state_(std::make_shared<shared_state>(limits, std::move(gap))) {
  state_->channels[0].fd = error_fd;
  state_->channels[1].fd = output_fd;
  thread_ = std::thread([state = state_] { state->run(); });
  ::pthread_setname_np(thread_.native_handle(), "log");
}

log_writer::~log_writer() {
  close(std::chrono::milliseconds(0));
}

void log_writer::write(stream to, std::string line) {
  std::lock_guard lock{state_->mutex};
  auto& into = state_->channels[static_cast<size_t>(to)];
  ++into.counts.accepted;
  if (state_->stopping) {
    ++into.counts.discarded;
    return;
  }
  const bool was_idle = into.idle();
  into.bytes += line.size();
  into.waiting.push_back(std::move(line));
  while (into.waiting.size() > state_->limits.lines || into.bytes > state_->limits.bytes) {
    into.bytes -= into.waiting.front().size();
    into.waiting.pop_front();
    ++into.counts.discarded;
    ++into.untold;
  }
  if (was_idle)
    state_->wake();
}

bool log_writer::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock{state_->mutex};
  return state_->news.wait_for(lock, limit, [&] { return state_->all_idle() || state_->ended; });
}

void log_writer::close(std::chrono::milliseconds limit) {
  if (!thread_.joinable())
    return;
  flush(limit);
  std::unique_lock lock{state_->mutex};
  state_->stopping = true;
  for (auto& each : state_->channels) {
    each.counts.discarded += each.waiting.size() + std::exchange(each.going_lines, 0);
    each.waiting.clear();
    each.bytes = 0;
  }
  state_->wake();
  const bool ended = state_->news.wait_for(lock, grace, [&] { return state_->ended; });
  state_->ended = true;
  lock.unlock();
  if (ended)
    thread_.join();
  else
    thread_.detach();
}

log_counts log_writer::counts(stream of) const {
  std::lock_guard lock{state_->mutex};
  return state_->channels[static_cast<size_t>(of)].counts;
}

} // namespace actord
