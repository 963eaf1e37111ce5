#include "gpu/bus_error_guard.hpp"

#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace actord::gpu {

namespace {

enum class state : uint32_t { unused, changing, live };

/// Read by a signal handler, hence nothing but lock-free atomics.
struct entry {
  std::atomic<state> now = state::unused;
  std::atomic<uintptr_t> begin = 0;
  std::atomic<uintptr_t> end = 0;
  std::atomic<on_fault> policy = on_fault::replace_page;
  std::atomic<bool> broken = false;
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free);
static_assert(std::atomic<on_fault>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

std::array<entry, max_guarded_ranges> ranges;
std::atomic<uint32_t> used_ranges = 0; // all entries from here on were never used
uintptr_t page_mask = 0;
struct sigaction previous_action = {};

bool replace_pages(uintptr_t begin, uintptr_t end) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel reports the fault as
  // a number
  return ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0)
         != MAP_FAILED;
}

bool repair(uintptr_t address) noexcept {
  const uint32_t count = used_ranges.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    entry& each = ranges[i];
    if (each.now.load(std::memory_order_acquire) != state::live)
      continue;
    const uintptr_t end = each.end.load(std::memory_order_relaxed);
    if (address < each.begin.load(std::memory_order_relaxed) || address >= end)
      continue;
    const uintptr_t page = address & ~page_mask;
    const bool rest = each.policy.load(std::memory_order_relaxed) == on_fault::replace_rest;
    each.broken.store(true, std::memory_order_release);
    return replace_pages(page, rest ? (end + page_mask) & ~page_mask : page + page_mask + 1);
  }
  return false;
}

void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(number, info, context);
    return;
  }
  if (previous_action.sa_handler == SIG_IGN && info->si_code <= 0)
    return; // somebody sent it; a fault cannot be ignored
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(number);
    return;
  }
  std::signal(number, SIG_DFL);
  std::raise(number); // pending until this handler returns
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool fault = info->si_code > 0;
  if (!fault || !repair(reinterpret_cast<uintptr_t>(info->si_addr)))
    pass_on(number, info, context);
  errno = saved;
}

bool install() noexcept {
  page_mask = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1;
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  [[maybe_unused]] int failed = ::sigaction(SIGBUS, nullptr, &previous_action);
  failed |= ::sigaction(SIGBUS, &action, nullptr);
  assert(failed == 0);
  return true;
}

} // namespace

guarded_range::guarded_range(guarded_range&& other) noexcept
  : index_(std::exchange(other.index_, none)) {
}

guarded_range& guarded_range::operator=(guarded_range&& other) noexcept {
  std::swap(index_, other.index_);
  return *this;
}

guarded_range::~guarded_range() {
  if (registered())
    ranges[index_].now.store(state::unused, std::memory_order_release);
}

bool guarded_range::registered() const noexcept {
  return index_ != none;
}

bool guarded_range::broken() const noexcept {
  return registered() && ranges[index_].broken.load(std::memory_order_acquire);
}

guarded_range register_guarded_range(void* begin, size_t bytes, on_fault policy) noexcept {
  guarded_range result;
  for (uint32_t i = 0; i < max_guarded_ranges; ++i) {
    entry& each = ranges[i];
    state expected = state::unused;
    if (!each.now.compare_exchange_strong(expected, state::changing, std::memory_order_acquire))
      continue;
    each.begin.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_relaxed);
    each.end.store(reinterpret_cast<uintptr_t>(begin) + bytes, std::memory_order_relaxed);
    each.policy.store(policy, std::memory_order_relaxed);
    each.broken.store(false, std::memory_order_relaxed);
    each.now.store(state::live, std::memory_order_release);
    uint32_t used = used_ranges.load(std::memory_order_relaxed);
    while (used <= i && !used_ranges.compare_exchange_weak(used, i + 1, std::memory_order_release))
      continue;
    result.index_ = i;
    return result;
  }
  return result;
}

void install_bus_error_guard() noexcept {
  static const bool installed = install();
  static_cast<void>(installed);
}

} // namespace actord::gpu
