// The files of one recording.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace actord {

struct trace_file_limits {
  int64_t max_bytes = 0;  // of one file; 0: there is one
  int64_t max_files = 10; // kept; 0: all
};

/// Appends whole frames to NAME.lct, then to NAME.1.lct, NAME.2.lct, ... where a file may hold so
/// many bytes. Every file begins with the header. Files have mode 0600: names of models and salts
/// stand in them. A frame stands in a file as a whole or not at all, so a file of a process that
/// was killed ends with at most one piece of a frame. Not thread-safe.
class trace_file {
public:
  /// Makes the first file, or empties it, and writes the header. A text: why it cannot.
  static std::variant<std::unique_ptr<trace_file>, std::string>
  open(const std::string& path, std::string header, trace_file_limits limits);

  trace_file(const trace_file&) = delete;
  ~trace_file();

  /// Returns what went wrong, "" when the frame is written. After a failure nothing more can be
  /// written: the file ends with the last whole frame.
  std::string append(std::string_view frame);
  /// Brings it to the disk and closes it; returns what went wrong. Again: nothing happens.
  std::string close();

  bool is_open() const noexcept {
    return fd_ >= 0;
  }
  /// Of all files, headers included.
  uint64_t bytes() const noexcept {
    return bytes_;
  }
  /// The file that is written now.
  const std::string& path() const noexcept {
    return names_.back();
  }

private:
  trace_file(std::string path, std::string header, trace_file_limits limits);

  std::string begin_file(const std::string& name);
  std::string write(std::string_view frame);
  std::string next_name() const;

  std::string path_, header_;
  trace_file_limits limits_;
  std::deque<std::string> names_; // of the files that are there, oldest first
  uint64_t number_ = 0;           // of the file that is written
  int fd_ = -1;
  int64_t file_bytes_ = 0;
  uint64_t bytes_ = 0;
};

} // namespace actord
