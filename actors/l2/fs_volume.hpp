// An open folder of objects, as all rings see it.
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/fs_options.hpp"
#include "runtime/io_backend.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace actord {

/// What happened so far.
struct fs_counters {
  std::atomic<uint64_t> stored = 0, found_stored = 0; // written; there already
  std::atomic<uint64_t> loaded = 0, unverified = 0;   // unverified: of the loaded, without checksum
  std::atomic<uint64_t> absent = 0, wrong_length = 0, corrupt = 0;
  std::atomic<uint64_t> no_space = 0, failed = 0;
  std::atomic<uint64_t> without_attribute = 0; // stored where no attribute could be kept
  std::atomic<uint64_t> buffered = 0;          // through the page cache in spite of use_odirect
};

struct fs_volume {
  explicit fs_volume(fs_options chosen) : options(std::move(chosen)) {
  }

  const fs_options options;
  int folder = -1;           // base_path
  int temporary_folder = -1; // where files are written before they get their name
  uint64_t writer = 0;       // random: tells our temporary files from others'
  std::atomic<uint64_t> next_temporary = 0;
  std::atomic<uint32_t> quarantined = 0; // files in quarantine
  std::atomic<bool> attributes = true;   // false: the file system keeps none
  std::atomic<bool> direct = true;       // false: it refuses O_DIRECT
  fs_counters counters;
};

/// What became of one object.
struct fs_outcome {
  l2_result result = l2_result::failed;
  uint64_t stored_bytes = 0;
  int error = 0; // errno of what failed
};

/// Makes, opens and tries the folders. On the ring's thread. Returns what is wrong, "" if nothing.
std::string open_fs_volume(runtime::io_backend& io, fs_volume& volume);
void close_fs_volume(runtime::io_backend& io, fs_volume& volume);

// Each works on one object; on the ring's thread. The volume and the item stay until it is done.
runtime::ring_step<fs_outcome> fs_store(runtime::io_backend& io, fs_volume& volume,
                                        const l2_item& item, runtime::io_time deadline);
runtime::ring_step<fs_outcome>
fs_load(runtime::io_backend& io, fs_volume& volume, const l2_item& item, runtime::io_time deadline);
runtime::ring_step<fs_outcome> fs_probe(runtime::io_backend& io, fs_volume& volume,
                                        const l2_item& item, runtime::io_time deadline);
runtime::ring_step<fs_outcome> fs_erase(runtime::io_backend& io, fs_volume& volume,
                                        const l2_item& item, runtime::io_time deadline);

/// Whether a file of this size holds an object of that length: padding is less than `align_bytes`.
inline bool fs_size_fits(uint64_t file_bytes, uint64_t length_bytes, uint64_t align_bytes) {
  return file_bytes >= length_bytes && file_bytes - length_bytes < align_bytes;
}

/// What a failed write or read is to the caller. `error`: errno.
fs_outcome fs_failure(int error);

} // namespace actord
