// An open device of slots, as all rings see it.
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/raw_block_options.hpp"
#include "runtime/io_backend.hpp"
#include "storage/raw_block_slots.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace actord {

/// What happened so far.
struct raw_block_counters {
  std::atomic<uint64_t> stored = 0, found_stored = 0; // written; there already
  std::atomic<uint64_t> loaded = 0, unverified = 0;   // unverified: of the loaded, without checksum
  std::atomic<uint64_t> absent = 0, wrong_length = 0, corrupt = 0;
  std::atomic<uint64_t> no_space = 0, failed = 0;
  std::atomic<uint64_t> bounced = 0; // copied because O_DIRECT does not take their memory
  std::atomic<uint64_t> dropped = 0; // entries of the checkpoint that the start did not take
  std::atomic<uint64_t> checkpoints = 0, checkpoints_failed = 0;
};

struct raw_block_device {
  explicit raw_block_device(raw_block_options chosen) : options(std::move(chosen)) {
  }

  const raw_block_options options;
  int fd = -1;
  bool direct = false; // O_DIRECT
  // Set once by open:
  std::optional<raw_block_layout> layout;

  // Held for a few entries' time at most: lookups wait for it.
  std::mutex mutex;
  std::optional<raw_block_slots> slots;
  uint64_t sequence = 0; // of the newest checkpoint on the device
  // The device has a checkpoint that was not taken over, whose slots no store may touch before
  // another one has taken its place: after a power cut, it would be served again.
  std::atomic<bool> foreign_index = false;

  std::atomic<uint64_t> active = 0; // calls that move bytes
  std::atomic<int64_t> last_io = 0; // when the last one ended, ticks of the rings' clock
  raw_block_counters counters;
};

/// What became of one object.
struct raw_block_outcome {
  l2_result result = l2_result::failed;
  uint64_t stored_bytes = 0;
  int error = 0;                 // errno of what failed
  const char* reason = nullptr;  // in its place, where it is none
  bool after_checkpoint = false; // a checkpoint makes room: try again then
};

/// Opens, locks and reads the device. Not on a ring's thread: it waits for `io`. Returns what is
/// wrong, "" if nothing.
/// @param real `io` works on the kernel's files, so that they can be locked
std::string open_raw_block(runtime::io_backend& io, raw_block_device& device, bool real);

// Each works on one object; on the ring's thread. The device and the item stay until it is done.
runtime::ring_step<raw_block_outcome>
raw_block_store(runtime::io_backend& io, raw_block_device& device, const l2_item& item,
                runtime::io_time deadline);
runtime::ring_step<raw_block_outcome>
raw_block_load(runtime::io_backend& io, raw_block_device& device, const l2_item& item,
               runtime::io_time deadline);

// From the index alone; any thread.
raw_block_outcome raw_block_probe(raw_block_device& device, const object_ref& object);
raw_block_outcome raw_block_erase(raw_block_device& device, const object_ref& object);

} // namespace actord
