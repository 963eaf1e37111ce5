#include "runtime/io_ring.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace actord::runtime {

namespace {

// What completions carry that are no operation's; operations are aligned, their addresses are not.
constexpr uint64_t wake_tag = 1;
constexpr uint64_t cancel_tag = 2;

constexpr uint64_t max_part_bytes
  = 1ull << 30; // a length in an entry has 32 bits, the kernel 2 GiB
constexpr uint64_t max_region_bytes = 1ull << 30; // of registered memory
constexpr int opcode_ftruncate = 55;              // since Linux 6.9; this liburing lacks the name

/// The kernel clamps queues that are longer; completions must fit for everything in flight.
io_ring_options within_bounds(io_ring_options options) {
  constexpr uint32_t max_entries = 4096;
  options.entries = std::clamp(options.entries, 1u, max_entries);
  return options;
}

int opcode_of(io_kind kind) {
  switch (kind) {
    case io_kind::openat: return IORING_OP_OPENAT;
    case io_kind::statx: return IORING_OP_STATX;
    case io_kind::read: return IORING_OP_READ;
    case io_kind::readv: return IORING_OP_READV;
    case io_kind::write: return IORING_OP_WRITE;
    case io_kind::writev: return IORING_OP_WRITEV;
    case io_kind::fsync: return IORING_OP_FSYNC;
    case io_kind::renameat: return IORING_OP_RENAMEAT;
    case io_kind::unlinkat: return IORING_OP_UNLINKAT;
    case io_kind::mkdirat: return IORING_OP_MKDIRAT;
    case io_kind::close: return IORING_OP_CLOSE;
    case io_kind::ftruncate: return opcode_ftruncate;
    case io_kind::fsetxattr: return IORING_OP_FSETXATTR;
    case io_kind::fgetxattr: return IORING_OP_FGETXATTR;
  }
  return IORING_OP_NOP;
}

void fill_paths(io_uring_sqe* sqe, const io_operation& op) {
  const auto length = static_cast<unsigned>(op.length);
  switch (op.kind) {
    case io_kind::openat: io_uring_prep_openat(sqe, op.fd, op.path, op.flags, op.mode); break;
    case io_kind::statx:
      io_uring_prep_statx(sqe, op.fd, op.path, op.flags, op.mode,
                          static_cast<struct ::statx*>(op.bytes));
      break;
    case io_kind::renameat:
      io_uring_prep_renameat(sqe, op.fd, op.path, op.to_fd, op.to_path, 0);
      break;
    case io_kind::unlinkat: io_uring_prep_unlinkat(sqe, op.fd, op.path, op.flags); break;
    case io_kind::mkdirat: io_uring_prep_mkdirat(sqe, op.fd, op.path, op.mode); break;
    case io_kind::fsetxattr:
      io_uring_prep_fsetxattr(sqe, op.fd, op.path, static_cast<const char*>(op.bytes), op.flags,
                              length);
      break;
    case io_kind::fgetxattr:
      io_uring_prep_fgetxattr(sqe, op.fd, op.path, static_cast<char*>(op.bytes), length);
      break;
    default: break;
  }
}

} // namespace

struct io_ring::kernel {
  io_uring ring{};
  std::array<bool, io_kinds> can{};
  std::span<std::byte> fixed; // what is registered, in regions of max_region_bytes

  int open(const io_ring_options& options);
  void fix(std::span<std::byte> memory);
  io_uring_sqe* entry();
  void fill(io_uring_sqe* sqe, const io_operation& op) const;
  void fill_bytes(io_uring_sqe* sqe, const io_operation& op) const;
};

/// Returns 0 or -errno.
int io_ring::kernel::open(const io_ring_options& options) {
  // Newer kernels save interrupts between threads; older ones refuse the flags.
  constexpr unsigned wishes[]
    = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN, 0};
  int error = 0;
  for (auto wish : wishes) {
    io_uring_params params{};
    params.flags = wish | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    // For every operation in flight, a cancellation of each, and the wake-up: never too few.
    params.cq_entries = 4 * options.entries;
    error = io_uring_queue_init_params(options.entries, &ring, &params);
    if (error != -EINVAL)
      break;
  }
  if (error != 0)
    return error;
  if (auto* probe = io_uring_get_probe_ring(&ring)) {
    for (size_t kind = 0; kind < io_kinds; ++kind)
      can[kind] = io_uring_opcode_supported(probe, opcode_of(static_cast<io_kind>(kind))) != 0;
    io_uring_free_probe(probe);
  }
  if (!options.memory.empty())
    fix(options.memory);
  return 0;
}

void io_ring::kernel::fix(std::span<std::byte> memory) {
  std::vector<iovec> regions;
  for (uint64_t at = 0; at < memory.size(); at += max_region_bytes)
    regions.push_back({memory.data() + at, std::min(max_region_bytes, memory.size() - at)});
  if (io_uring_register_buffers(&ring, regions.data(), static_cast<unsigned>(regions.size())) == 0)
    fixed = memory;
}

/// An empty entry; what fills the queue is handed to the kernel first.
io_uring_sqe* io_ring::kernel::entry() {
  auto* sqe = io_uring_get_sqe(&ring);
  while (!sqe) {
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
  }
  return sqe;
}

void io_ring::kernel::fill_bytes(io_uring_sqe* sqe, const io_operation& op) const {
  const auto length = static_cast<unsigned>(std::min(op.length, max_part_bytes));
  const auto* bytes = static_cast<const std::byte*>(op.bytes);
  const auto reading = op.kind == io_kind::read;
  const auto inside
    = !fixed.empty() && bytes >= fixed.data() && bytes + length <= fixed.data() + fixed.size();
  const auto at = inside ? static_cast<uint64_t>(bytes - fixed.data()) : 0;
  const auto region = at / max_region_bytes;
  if (inside && (at + length - 1) / max_region_bytes == region) {
    if (reading)
      io_uring_prep_read_fixed(sqe, op.fd, op.bytes, length, op.offset, static_cast<int>(region));
    else
      io_uring_prep_write_fixed(sqe, op.fd, op.bytes, length, op.offset, static_cast<int>(region));
  } else if (reading) {
    io_uring_prep_read(sqe, op.fd, op.bytes, length, op.offset);
  } else {
    io_uring_prep_write(sqe, op.fd, op.bytes, length, op.offset);
  }
  sqe->rw_flags = op.flags;
}

void io_ring::kernel::fill(io_uring_sqe* sqe, const io_operation& op) const {
  switch (op.kind) {
    case io_kind::read:
    case io_kind::write: fill_bytes(sqe, op); break;
    case io_kind::readv:
    case io_kind::writev:
      io_uring_prep_rw(opcode_of(op.kind), sqe, op.fd, op.bytes, static_cast<unsigned>(op.length),
                       op.offset);
      sqe->rw_flags = op.flags;
      break;
    case io_kind::fsync: io_uring_prep_fsync(sqe, op.fd, 0); break;
    case io_kind::close: io_uring_prep_close(sqe, op.fd); break;
    case io_kind::ftruncate:
      io_uring_prep_rw(opcode_ftruncate, sqe, op.fd, nullptr, 0, op.length);
      break;
    default: fill_paths(sqe, op); break;
  }
  io_uring_sqe_set_data(sqe, const_cast<io_operation*>(&op));
}

io_ring::io_ring(const io_ring_options& options)
  : options_(within_bounds(options)), inbox_(options.inbox), kernel_(std::make_unique<kernel>()) {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  in_flight_.reserve(options_.entries);
  // A ring belongs to the thread that made it.
  std::promise<int> opened;
  auto answer = opened.get_future();
  thread_ = std::thread([this, told = std::move(opened)]() mutable { run(std::move(told)); });
  const auto error = answer.get();
  if (error == 0)
    return;
  thread_.join();
  ::close(wake_fd_);
  throw std::system_error(-error, std::generic_category(), "cannot make an io_uring");
}

io_ring::~io_ring() {
  ending_ = true;
  wake();
  thread_.join();
  ::close(wake_fd_);
}

bool io_ring::has_fixed_memory() const noexcept {
  return !kernel_->fixed.empty();
}

void io_ring::wake() noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(wake_fd_, &one, sizeof one);
}

bool io_ring::post(std::function<void()> work) {
  const auto waiting = inbox_.push(std::move(work));
  if (waiting == 1)
    wake();
  return waiting != 0;
}

void io_ring::wait_for(const std::atomic<bool>& flag) {
  flag.wait(false);
}

int64_t io_ring::perform_now(const io_operation& op) noexcept {
  return perform(op);
}

void io_ring::start(io_operation& op) noexcept {
  if (!kernel_->can[static_cast<size_t>(op.kind)]) {
    done_here_.emplace_back(&op, perform(op));
    return;
  }
  next_deadline_ = std::min(next_deadline_, op.deadline);
  waiting_.push_back(&op);
}

/// Moves operations from the line to the ring.
void io_ring::admit() {
  while (!waiting_.empty() && in_flight_.size() < options_.entries) {
    auto& op = *waiting_.front();
    waiting_.pop_front();
    auto* sqe = kernel_->entry();
    kernel_->fill(sqe, op);
    op.place = static_cast<uint32_t>(in_flight_.size());
    in_flight_.push_back(&op);
  }
}

/// Resumes the waiter, which may start more, or starts what is left.
void io_ring::finish(io_operation& op, int64_t result) {
  if (conclude(op, result, now()))
    op.waiter.resume();
  else
    start(op);
}

void io_ring::reap() {
  constexpr unsigned at_a_time = 64;
  std::array<std::pair<uint64_t, int32_t>, at_a_time> told;
  for (;;) {
    std::array<io_uring_cqe*, at_a_time> entries;
    const auto count = io_uring_peek_batch_cqe(&kernel_->ring, entries.data(), at_a_time);
    for (unsigned i = 0; i < count; ++i)
      told[i] = {io_uring_cqe_get_data64(entries[i]), entries[i]->res};
    io_uring_cq_advance(&kernel_->ring, count);
    for (unsigned i = 0; i < count; ++i) {
      const auto [tag, result] = told[i];
      if (tag == wake_tag)
        wake_armed_ = false;
      if (tag == wake_tag || tag == cancel_tag)
        continue;
      auto& op = *reinterpret_cast<io_operation*>(tag);
      in_flight_.back()->place = op.place;
      in_flight_[op.place] = in_flight_.back();
      in_flight_.pop_back();
      finish(op, result);
    }
    if (count < at_a_time)
      return;
  }
}

/// Asks the kernel to end what is late, and ends what still waits in line.
void io_ring::cancel_late(io_time now) {
  if (now < next_deadline_)
    return;
  next_deadline_ = no_deadline;
  for (auto* op : in_flight_) {
    if (op->deadline > now) {
      next_deadline_ = std::min(next_deadline_, op->deadline);
    } else if (!op->cancelled) {
      op->cancelled = true;
      // In the queue it stands before whatever might be started later at the same address.
      auto* sqe = kernel_->entry();
      io_uring_prep_cancel64(sqe, reinterpret_cast<uint64_t>(op), 0);
      io_uring_sqe_set_data64(sqe, cancel_tag);
    }
  }
  std::deque<io_operation*> kept;
  for (auto* op : waiting_) {
    if (op->deadline <= now) {
      done_here_.emplace_back(op, -ETIMEDOUT);
    } else {
      next_deadline_ = std::min(next_deadline_, op->deadline);
      kept.push_back(op);
    }
  }
  waiting_.swap(kept);
}

void io_ring::take_inbox() {
  for (auto& work : inbox_.take_all())
    work();
}

/// Submits, and waits for a completion, a wake-up or the next deadline.
void io_ring::sleep() {
  if (!wake_armed_) {
    uint64_t count = 0;
    [[maybe_unused]] auto n = ::read(wake_fd_, &count, sizeof count);
    auto* sqe = kernel_->entry();
    io_uring_prep_poll_add(sqe, wake_fd_, POLLIN);
    io_uring_sqe_set_data64(sqe, wake_tag);
    wake_armed_ = true;
  }
  // Looked at after the wake-ups were eaten above: whoever pushes from here on wakes the poll.
  const auto more = inbox_.counts().waiting != 0 || !done_here_.empty();
  const auto left
    = next_deadline_ == no_deadline ? io_clock::duration::max() : next_deadline_ - now();
  auto* ring = &kernel_->ring;
  if (more || (ending_ && idle()) || left <= io_clock::duration::zero()) {
    io_uring_submit_and_get_events(ring);
  } else if (next_deadline_ == no_deadline) {
    io_uring_submit_and_wait(ring, 1);
  } else {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    __kernel_timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(ring, &first, 1, &limit, nullptr);
  }
}

bool io_ring::idle() const noexcept {
  return in_flight_.empty() && waiting_.empty() && done_here_.empty()
         && inbox_.counts().waiting == 0;
}

void io_ring::run(std::promise<int> opened) {
  pthread_setname_np(pthread_self(), "io-ring");
  const auto error = kernel_->open(options_);
  opened.set_value(error);
  if (error != 0)
    return;
  while (!ending_ || !idle()) {
    take_inbox();
    for (auto ready = std::exchange(done_here_, {}); auto [op, result] : ready)
      finish(*op, result);
    cancel_late(now());
    admit();
    sleep();
    reap();
  }
  io_uring_queue_exit(&kernel_->ring);
}

} // namespace actord::runtime
