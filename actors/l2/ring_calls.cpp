#include "actors/l2/ring_calls.hpp"

#include "actors/log.hpp"
#include "runtime/io_blocking.hpp"
#include "runtime/io_ring.hpp"

#include <system_error>

namespace actord {

ring_set make_rings(uint32_t count, uint32_t entries, std::string_view what) {
  constexpr uint32_t blocking_threads = 4;
  constexpr size_t waiting_calls = 65'536;
  ring_set result;
  try {
    runtime::io_ring_options ring;
    ring.entries = entries;
    ring.inbox = waiting_calls;
    for (uint32_t i = 0; i < count; ++i)
      result.push_back(std::make_shared<runtime::io_ring>(ring));
  } catch (const std::system_error& error) {
    log_warn(
      log_part::l2,
      "no io_uring for {} ({}): blocking threads are used, which are slower and cannot cancel "
      "what hangs. Allow io_uring_setup, io_uring_enter and io_uring_register in the "
      "container's seccomp profile and set the sysctl kernel.io_uring_disabled to 0",
      what, error.what());
    result.clear();
    for (uint32_t i = 0; i < blocking_threads; ++i)
      result.push_back(std::make_shared<runtime::io_blocking>(waiting_calls));
  }
  return result;
}

} // namespace actord
