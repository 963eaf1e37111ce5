#include "runtime/thread_unit.hpp"

#include <caf/intrusive_ptr.hpp>

#include <cassert>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace actord::runtime {

namespace {

// One message a turn: answers leave in the order in which they became ready, and a session that
// hashes a long prompt in slices lets the gateway send in between. A turn costs some 50 ns.
constexpr std::size_t messages_per_turn = 1;

} // namespace

thread_unit::thread_unit(caf::actor_system* system)
  : caf::execution_unit(system), wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
}

thread_unit::~thread_unit() {
  // What nobody will run any more still holds a reference.
  for (const auto* queue : {&ready_, &remote_})
    for (auto* job : *queue)
      caf::intrusive_ptr_release(job);
  ::close(wake_fd_);
}

void thread_unit::adopt() noexcept {
  owner_ = std::this_thread::get_id();
}

void thread_unit::exec_later(caf::resumable* job) {
  if (std::this_thread::get_id() == owner_) {
    ready_.push_back(job);
    return;
  }
  {
    std::lock_guard guard{remote_mutex_};
    remote_.push_back(job);
  }
  wake();
}

void thread_unit::wake() noexcept {
  uint64_t one = 1;
  // A full counter means that the owner has been woken already. The flag comes second: whoever sees
  // it finds the descriptor readable, so clearing both never leaves the descriptor readable for
  // good.
  [[maybe_unused]] auto n = ::write(wake_fd_, &one, sizeof one);
  woken_.store(true, std::memory_order_release);
}

void thread_unit::take_remote() {
  if (!woken_.load(std::memory_order_relaxed) || !woken_.exchange(false, std::memory_order_acquire))
    return;
  uint64_t count = 0;
  [[maybe_unused]] auto n = ::read(wake_fd_, &count, sizeof count);
  std::lock_guard guard{remote_mutex_};
  ready_.insert(ready_.end(), remote_.begin(), remote_.end());
  remote_.clear();
}

bool thread_unit::run(std::size_t turns) {
  take_remote();
  for (; turns > 0 && !ready_.empty(); --turns) {
    auto* job = ready_.front();
    ready_.pop_front();
    if (job->resume(this, messages_per_turn) == caf::resumable::resume_later)
      ready_.push_back(job);
    else
      caf::intrusive_ptr_release(job);
  }
  return !ready_.empty();
}

} // namespace actord::runtime
