#include "runtime/io_blocking.hpp"

#include <cerrno>
#include <utility>

#include <pthread.h>

namespace actord::runtime {

io_blocking::io_blocking(size_t inbox) : inbox_(inbox), thread_([this] { run(); }) {
}

io_blocking::~io_blocking() {
  ending_ = true;
  ++pushes_;
  pushes_.notify_one();
  thread_.join();
}

bool io_blocking::post(std::function<void()> work) {
  if (inbox_.push(std::move(work)) == 0)
    return false;
  ++pushes_;
  pushes_.notify_one();
  return true;
}

void io_blocking::wait_for(const std::atomic<bool>& flag) {
  flag.wait(false);
}

void io_blocking::start(io_operation& op) noexcept {
  line_.push_back(&op);
}

int64_t io_blocking::perform_now(const io_operation& op) noexcept {
  return perform(op);
}

void io_blocking::run() {
  pthread_setname_np(pthread_self(), "io-blocking");
  for (;;) {
    const auto seen = pushes_.load();
    for (auto& work : inbox_.take_all())
      work();
    if (line_.empty()) {
      if (inbox_.counts().waiting != 0)
        continue;
      if (ending_)
        return;
      pushes_.wait(seen);
      continue;
    }
    auto& op = *line_.front();
    line_.pop_front();
    op.cancelled = now() >= op.deadline;
    if (conclude(op, op.cancelled ? -ECANCELED : perform(op), now()))
      op.waiter.resume();
    else
      line_.push_back(&op);
  }
}

} // namespace actord::runtime
