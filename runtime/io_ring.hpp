// Files through io_uring: one ring and the one thread that submits to it and reaps.
#pragma once

#include "runtime/bounded_inbox.hpp"
#include "runtime/io_backend.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace actord::runtime {

struct io_ring_options {
  uint32_t entries = 128; // in flight at most (1 to 4096); more wait in line
  size_t inbox = 65'536;  // posted work that waits at most
  /// Memory that most reads and writes go to, registered with the kernel so that it need not be
  /// pinned for each of them. Where that fails (RLIMIT_MEMLOCK) the operations are ordinary ones.
  std::span<std::byte> memory;
};

/// An io_backend over io_uring (Linux 5.15 and later). What this kernel's rings cannot do is done
/// by plain system calls on the ring's thread.
class io_ring final : public io_backend {
public:
  /// Throws std::system_error when the kernel gives no ring (ENOSYS, EPERM: switched off or
  /// forbidden, as in many containers; ENOMEM).
  explicit io_ring(const io_ring_options& options);
  io_ring(const io_ring&) = delete;
  io_ring& operator=(const io_ring&) = delete;
  /// Waits until everything posted has run and every operation is over.
  ~io_ring() override;

  bool post(std::function<void()> work) override;
  void wait_for(const std::atomic<bool>& flag) override;
  io_time now() const noexcept override {
    return io_clock::now();
  }
  void start(io_operation& op) noexcept override;
  int64_t perform_now(const io_operation& op) noexcept override;

  /// Whether `io_ring_options::memory` is registered. Any thread.
  bool has_fixed_memory() const noexcept;

private:
  struct kernel; // keeps liburing.h out of everyone's sight

  void run(std::promise<int> opened);
  void take_inbox();
  void admit();
  void finish(io_operation& op, int64_t result);
  void reap();
  void cancel_late(io_time now);
  void sleep();
  void wake() noexcept;
  bool idle() const noexcept;

  const io_ring_options options_;
  bounded_inbox<std::function<void()>> inbox_;
  std::atomic<bool> ending_ = false;
  int wake_fd_ = -1;
  std::unique_ptr<kernel> kernel_;
  // The thread's own:
  std::vector<io_operation*> in_flight_;
  std::deque<io_operation*> waiting_;
  std::deque<std::pair<io_operation*, int64_t>> done_here_; // without the ring, not yet told
  io_time next_deadline_ = no_deadline;                     // no operation's is before it
  bool wake_armed_ = false;
  std::thread thread_;
};

} // namespace actord::runtime
