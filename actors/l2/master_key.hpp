// The secret that serdes derive their keys from.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace actord {

/// The whole content of a key file, wiped when it goes.
class master_key {
public:
  static constexpr size_t max_bytes = size_t{1} << 20;

  /// Reads a regular file. May block.
  explicit master_key(const std::string& path);
  ~master_key();
  master_key(const master_key&) = delete;
  master_key& operator=(const master_key&) = delete;

  std::span<const std::byte> bytes() const noexcept {
    return std::span{bytes_}.first(used_);
  }
  /// Why there is none, with the path and never with what is in it; "" when there is.
  const std::string& error() const noexcept {
    return error_;
  }

private:
  /// Returns errno, 0 when all is read.
  int read(const char* path);

  std::vector<std::byte> bytes_; // never grows: no copy stays behind
  size_t used_ = 0;
  std::string error_;
};

} // namespace actord
