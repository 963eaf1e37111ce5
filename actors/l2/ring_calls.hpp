// What stores on rings share: the rings themselves, and calls that their end waits for.
#pragma once

#include "runtime/io_backend.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// Calls under way. The owner holds one share itself.
class open_calls {
public:
  void begin() {
    ++count_;
  }
  void end() {
    if (--count_ == 0) {
      none = true;
      none.notify_all();
    }
  }

  std::atomic<bool> none = false;

private:
  std::atomic<uint64_t> count_ = 1;
};

using ring_set = std::vector<std::shared_ptr<runtime::io_backend>>;

/// `count` rings of `entries` operations each. Where io_uring is switched off or forbidden, as in
/// many containers, plain threads, which are said once, for the log.
/// @param what the rings are for
ring_set make_rings(uint32_t count, uint32_t entries, std::string_view what);

/// Runs `work` on the backend's thread and waits until it is done. Any other thread.
template <class Work>
void run_on(runtime::io_backend& io, Work work) {
  // Shared: the ring still touches the flag when the waiting thread is on its way already.
  auto over = std::make_shared<std::atomic<bool>>(false);
  const auto posted = io.post([work = std::move(work), over] {
    work();
    *over = true;
    over->notify_all();
  });
  if (posted)
    io.wait_for(*over);
}

} // namespace actord
