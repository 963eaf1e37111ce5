// Files through plain system calls on one thread: for kernels that give no io_uring.
#pragma once

#include "runtime/bounded_inbox.hpp"
#include "runtime/io_backend.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

namespace actord::runtime {

/// An io_backend whose operations block its thread one after another, oldest first. Nothing can be
/// cancelled: an operation whose deadline passed while it waited in line does not begin, one that
/// hangs delays all others. Use several of them.
class io_blocking final : public io_backend {
public:
  /// @param inbox posted work that waits at most
  explicit io_blocking(size_t inbox);
  io_blocking(const io_blocking&) = delete;
  io_blocking& operator=(const io_blocking&) = delete;
  /// Waits until everything posted has run and every operation is over.
  ~io_blocking() override;

  bool post(std::function<void()> work) override;
  void wait_for(const std::atomic<bool>& flag) override;
  io_time now() const noexcept override {
    return io_clock::now();
  }
  void start(io_operation& op) noexcept override;
  int64_t perform_now(const io_operation& op) noexcept override;

private:
  void run();

  bounded_inbox<std::function<void()>> inbox_;
  std::atomic<uint32_t> pushes_ = 0; // what the thread waits on when it has nothing to do
  std::atomic<bool> ending_ = false;
  std::deque<io_operation*> line_; // the thread's own
  std::thread thread_;
};

} // namespace actord::runtime
