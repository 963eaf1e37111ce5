#include "actors/l2/job_inbox.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace actord {

job_inbox::job_inbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "no eventfd for the store");
}

job_inbox::~job_inbox() {
  ::close(fd_);
}

bool job_inbox::post(job what) {
  const std::lock_guard guard{mutex_};
  if (closed_)
    return false;
  jobs_.push_back(std::move(what));
  if (jobs_.size() == 1)
    wake();
  return true;
}

void job_inbox::close() {
  const std::lock_guard guard{mutex_};
  closed_ = true;
  wake();
}

std::vector<job_inbox::job> job_inbox::take(bool& closed) {
  const std::lock_guard guard{mutex_};
  uint64_t drained = 0;
  [[maybe_unused]] const auto count = read(fd_, &drained, sizeof drained);
  closed = closed_;
  return std::exchange(jobs_, {});
}

void job_inbox::wake() const noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const auto count = write(fd_, &one, sizeof one);
}

} // namespace actord
