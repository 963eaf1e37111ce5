#include "actors/l2/staging_pool.hpp"

#include <algorithm>

namespace actord {

staging_pool::buffer staging_pool::take(uint64_t bytes) {
  if (!holds(bytes))
    return {};
  const auto room = room_of(bytes);
  std::vector<buffer> dropped; // freed without the lock
  {
    std::lock_guard lock{mutex_};
    if (used_bytes_ + room > max_bytes_)
      return {};
    used_bytes_ += room;
    const auto fitting = std::ranges::find(kept_, room, &buffer::room_bytes);
    if (fitting != kept_.end()) {
      auto result = std::move(*fitting);
      kept_.erase(fitting);
      kept_bytes_ -= room;
      return result;
    }
    while (used_bytes_ + kept_bytes_ > max_bytes_) {
      kept_bytes_ -= kept_.back().room_bytes;
      dropped.push_back(std::move(kept_.back()));
      kept_.pop_back();
    }
    peak_bytes_ = std::max(peak_bytes_, used_bytes_ + kept_bytes_);
  }
  dropped.clear();
  buffer result;
  result.bytes.reset(static_cast<std::byte*>(std::aligned_alloc(align_bytes_, room)));
  result.room_bytes = room;
  if (!result) {
    std::lock_guard lock{mutex_};
    used_bytes_ -= room;
  }
  return result;
}

void staging_pool::give_back(buffer used) {
  if (!used)
    return;
  std::lock_guard lock{mutex_};
  used_bytes_ -= used.room_bytes;
  kept_bytes_ += used.room_bytes;
  kept_.push_back(std::move(used));
}

uint64_t staging_pool::used_bytes() const {
  std::lock_guard lock{mutex_};
  return used_bytes_;
}

uint64_t staging_pool::held_bytes() const {
  std::lock_guard lock{mutex_};
  return used_bytes_ + kept_bytes_;
}

uint64_t staging_pool::peak_bytes() const {
  std::lock_guard lock{mutex_};
  return peak_bytes_;
}

} // namespace actord
