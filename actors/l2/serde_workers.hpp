// The threads that encode and decode.
#pragma once

#include "storage/serde/serde.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace actord {

/// A fixed number of threads, each with a lane of the serde of its own. Jobs wait in one line; it
/// is as long as whoever posts them lets it become.
class serde_workers {
public:
  using job = std::function<void(serde_lane&)>;

  /// Throws std::system_error when there can be no thread.
  /// @param of outlives them
  serde_workers(const serde& of, uint32_t count);
  /// Ends once every job is done.
  ~serde_workers();
  serde_workers(const serde_workers&) = delete;
  serde_workers& operator=(const serde_workers&) = delete;

  /// Any thread.
  void post(job what);

private:
  void run(serde_lane& lane);
  void end();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<job> jobs_;
  bool ends_ = false;
  std::vector<std::unique_ptr<serde_lane>> lanes_;
  std::vector<std::thread> threads_;
};

} // namespace actord
