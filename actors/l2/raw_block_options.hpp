// How a device of equal slots is used.
#pragma once

#include "storage/raw_block_format.hpp"

#include <cstdint>
#include <string>

namespace actord {

struct raw_block_options {
  raw_block_config config;     // geometry: the same as the other server's
  bool use_odirect = true;     // around the page cache, where file system and memory allow it
  bool load_checkpoint = true; // start with what the device holds
  bool verify_on_load = true;  // and compare the header of each of its slots
  bool verify_checksums
    = true;             // keeps a checksum with each payload and compares it when it is read
  bool periodic = true; // checkpoints while it serves, not only at the end
  uint32_t checkpoint_interval_ms = 60'000;
  uint32_t quiet_ms = 100;            // a periodic checkpoint waits for this long without I/O
  uint32_t rings = 2;                 // threads; the kernel copies cached bytes on them
  std::string io_engine = "io_uring"; // as asked for: shown
  uint32_t ring_entries = 256;        // operations in flight on each
  uint32_t store_lanes = 8; // objects of one call that are worked on at once, on each ring
  uint32_t load_lanes = 8;
  uint32_t store_limit_ms = 30'000; // time limit of a whole call
  uint32_t load_limit_ms = 30'000;

  /// What is wrong with them, "" when nothing is.
  std::string error() const;
};

} // namespace actord
