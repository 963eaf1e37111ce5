// Objects in the equal slots of a block device or a file of fixed size, laid out as the Python
// server's `raw_block` does (spec l2-adapters §8).
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/raw_block_options.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord::runtime {
class io_backend;
}

namespace actord {

/// A slot holds a header and the object's bytes, moved in one transfer. What is in which slot is an
/// index in memory, written to the device as a checkpoint now and then and at the end: after a
/// crash, what was stored since the last one is gone, and everything else is whole.
///
/// Bytes are moved by coroutines on the threads of its rings; lookups and removals are answered by
/// the index at once. A store that finds no slot but some that a checkpoint would free writes one
/// and tries again, once.
class raw_block_backend final : public l2_backend {
public:
  explicit raw_block_backend(raw_block_options options);
  /// For tests: over these in place of rings; `saver` writes checkpoints. Without a timer.
  raw_block_backend(raw_block_options options, std::vector<std::shared_ptr<runtime::io_backend>> io,
                    std::shared_ptr<runtime::io_backend> saver);
  /// Waits until every call is answered and the last checkpoint is written.
  ~raw_block_backend() override;

  std::string open() override;
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  /// One scan at a time; another one is told at once that there is nothing.
  void scan(page more) override;
  std::vector<std::pair<std::string, std::string>> status() const override;
  uint64_t capacity_bytes() const override;
  /// Slots, or what the index has room for.
  uint64_t capacity_objects() const override;

  /// Begins a checkpoint when one is due, as the timer does. For tests; one thread.
  void tick();

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace actord
