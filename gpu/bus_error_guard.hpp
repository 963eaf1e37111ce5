// Survival of SIGBUS: another process may cut a shared segment while we copy
// from or to it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace actord::gpu {

/// What a guarded range gives up when a page of it faults.
enum class on_fault : uint32_t {
  replace_page, // the page only: the rest may still be good (a full /dev/shm)
  replace_rest, // everything from that page on: the segment was truncated there
};

/// A range of mapped memory in which a SIGBUS does not end the process: what is
/// gone is replaced by private zero pages, the copy under way goes on with
/// them, and the range is broken from then on. Registering waits for nobody and
/// may be done from every thread. Unregister before unmapping.
class guarded_range {
public:
  guarded_range() noexcept = default;
  guarded_range(guarded_range&& other) noexcept;
  guarded_range& operator=(guarded_range&& other) noexcept;
  guarded_range(const guarded_range&) = delete;
  guarded_range& operator=(const guarded_range&) = delete;
  ~guarded_range();

  /// False for a default-made one, and when the table of ranges is full.
  bool registered() const noexcept;

  /// Whether a page of the range was replaced. Never goes back.
  bool broken() const noexcept;

private:
  friend guarded_range register_guarded_range(void* begin, size_t bytes, on_fault policy) noexcept;

  static constexpr uint32_t none = UINT32_MAX;
  uint32_t index_ = none;
};

/// How many ranges can be registered at once in the process.
constexpr size_t max_guarded_ranges = 16384;

/// Guards `bytes` from `begin` on, which must be page-aligned. The result is
/// not `registered()` when `max_guarded_ranges` are.
guarded_range register_guarded_range(void* begin, size_t bytes,
                                     on_fault policy = on_fault::replace_page) noexcept;

/// Installs the process-wide handler; later calls do nothing. A SIGBUS outside
/// of every guarded range goes where it would have gone before.
void install_bus_error_guard() noexcept;

} // namespace actord::gpu
