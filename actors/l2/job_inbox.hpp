// Work that other threads leave for the one that waits in epoll.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace actord {

/// Any thread posts, one takes. Outlives both.
class job_inbox {
public:
  using job = std::function<void()>;

  /// @throws std::system_error without a descriptor
  job_inbox();
  ~job_inbox();
  job_inbox(const job_inbox&) = delete;
  job_inbox& operator=(const job_inbox&) = delete;

  /// Readable while there is something to take.
  int fd() const noexcept {
    return fd_;
  }
  /// False when it is closed: the job will not be done.
  bool post(job what);
  /// Takes no more; what was posted before still is to be done.
  void close();
  /// Empties it.
  /// @param closed whether that was the last of it
  std::vector<job> take(bool& closed);

private:
  void wake() const noexcept;

  int fd_ = -1;
  std::mutex mutex_;
  std::vector<job> jobs_; // guarded, as those below
  bool closed_ = false;
};

} // namespace actord
