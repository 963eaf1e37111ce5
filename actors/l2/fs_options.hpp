// How a folder of objects is used.
#pragma once

#include <cstdint>
#include <string>

namespace actord {

/// What is safe on the disk when a store answers: nothing; the file's bytes; its name too.
enum class fs_sync : uint8_t { off, file, all };

struct fs_options {
  std::string base_path;        // made, with its parents, when missing
  std::string relative_tmp_dir; // below base_path, "": temporary files lie beside the others
  uint64_t read_ahead_size = 0; // bytes read first, so that the kernel reads ahead; 0: all at once
  bool use_odirect = false;     // around the page cache, where file system and memory allow it
  fs_sync fsync = fs_sync::off;
  bool shard_dirs = false;      // 65,536 folders by hash in place of one
  bool verify_checksums = true; // keeps a checksum with each file and compares it when it is read
  uint64_t max_capacity_bytes = 0; // 0: 80 % of what is free on the volume at the start
  uint64_t align_bytes = 4096;     // of objects in the pool: a file may be padded by less than that
  uint32_t rings = 2;              // threads; the kernel copies cached bytes on them
  uint32_t ring_entries = 128;     // operations in flight on each
  uint32_t lanes = 8;              // objects of one call that are worked on at once, on each ring
  uint32_t quarantine_files = 64;  // kept of those found corrupt; further ones are removed
  uint32_t store_limit_ms = 30'000; // time limit of a whole call
  uint32_t load_limit_ms = 30'000;
  uint32_t probe_limit_ms = 10'000; // of probe and erase

  /// What is wrong with them, "" when nothing is.
  std::string error() const;
};

} // namespace actord
