// Objects as files of a folder, byte for byte as the Python server's `fs` and `fs_native` keep them
// (spec l2-adapters §5, §6).
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/fs_options.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord::runtime {
class io_backend;
}

namespace actord {

/// An object is a file that holds its bytes and nothing else. It appears under its name at once and
/// whole (temporary file, rename), so that a crash, and other servers that use the same folder,
/// leave no half of one behind. With `verify_checksums` an extended attribute tells what the bytes
/// are; a file without one was written by another server and is served unverified.
///
/// Work is done by coroutines on the threads of its rings, `lanes` objects of a call at a time on
/// each. `done` is called on one of these threads; several calls may be under way.
class fs_backend final : public l2_backend {
public:
  explicit fs_backend(fs_options options);
  /// For tests: over these in place of rings.
  fs_backend(fs_options options, std::vector<std::shared_ptr<runtime::io_backend>> io);
  /// Waits until every call is answered.
  ~fs_backend() override;

  std::string open() override;
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  /// One scan at a time; another one is told at once that there is nothing.
  void scan(page more) override;
  std::vector<std::pair<std::string, std::string>> status() const override;
  uint64_t capacity_bytes() const override;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace actord
