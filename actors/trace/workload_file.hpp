// A file of requests on disk, plain or compressed by gzip.
#pragma once

#include "observability/trace/reader.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

struct gzFile_s;

namespace actord {

/// Its bytes as they were before gzip, if it went through gzip. What a compressed file unfolds to
/// is never kept, so a small file can be as large as it likes.
class workload_file {
public:
  /// Why it cannot be opened otherwise.
  static std::variant<std::shared_ptr<workload_file>, std::string> open(const std::string& path);
  workload_file(const workload_file&) = delete;
  workload_file& operator=(const workload_file&) = delete;
  ~workload_file();

  /// Ends the file at the first error: ask `fault` then.
  size_t read(std::span<char> into);
  /// Why reading ended before the file did; "" when it did not.
  const std::string& fault() const noexcept {
    return fault_;
  }
  /// How far reading got, and how far there is, in the file as it is on disk.
  uint64_t offset_bytes() const;
  uint64_t size_bytes() const noexcept {
    return size_bytes_;
  }

private:
  workload_file(std::string path, gzFile_s* file, uint64_t size_bytes);

  std::string path_;
  gzFile_s* file_;
  uint64_t size_bytes_;
  std::string fault_;
};

} // namespace actord
