// The keys that were found not to be followed, as far as they come again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace actord {

/// Whether a key is followed costs a hash byte by byte (sampling.hpp), and nearly none is. Hot keys
/// pay once: this remembers the last 4096 of them, one per place, by a mark of 64 uniform bits. Two
/// keys with one mark would be taken for one; among a million the odds are 3e-8, and no more than a
/// sample would be missing. 32 KiB.
class unfollowed_keys {
public:
  bool has(uint64_t mark) const {
    return marks_[mark % places] == mark && mark != 0;
  }
  void put(uint64_t mark) {
    marks_[mark % places] = mark;
  }

private:
  static constexpr size_t places = 4096;

  std::vector<uint64_t> marks_ = std::vector<uint64_t>(places, 0);
};

} // namespace actord
