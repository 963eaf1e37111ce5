// When and how the index of a device is written to it.
#pragma once

#include "actors/l2/raw_block_device.hpp"
#include "runtime/io_backend.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace actord {

/// Writes checkpoints, one at a time, on an io_backend of its own: copying, encoding and summing up
/// 400,000 entries takes a second, in which the rings go on. Payload, flush, header, flush:
/// whenever the power fails, one of the two containers is whole, and what it lists is on the disk.
class raw_block_saver {
public:
  using over = std::function<void(bool saved)>;

  raw_block_saver(raw_block_device& device, std::shared_ptr<runtime::io_backend> io);

  /// Writes what the index says from now on at the earliest; `told` is called once, on the thread
  /// of its io_backend or, when that takes no more work, here. Any thread.
  void request(over told);
  /// Begins one when it is due. Returns when to ask again. Any one thread.
  runtime::io_clock::duration tick();
  /// Writes the last one if the index changed. Blocks; nothing may be stored any more.
  void finish();

private:
  static runtime::ring_task run(raw_block_saver& self);
  bool start();
  void ended(const std::string& error);

  raw_block_device& device_;
  std::shared_ptr<runtime::io_backend> io_;
  runtime::io_time due_;
  std::mutex mutex_; // of what follows
  bool running_ = false;
  std::vector<over> waiting_, waiting_next_;
  std::string last_error_;
};

} // namespace actord
