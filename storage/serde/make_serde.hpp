// A serde from its configuration.
#pragma once

#include "storage/serde/serde.hpp"

#include <string>

namespace actord {

/// The `"serde": {...}` object of an `--l2-adapter` (spec l2-adapters §10), parsed,
/// with the file of the master key read.
struct serde_options {
  std::string type;                        // fp8, aesgcm
  std::string fp8_dtype = "float8_e4m3fn"; // of fp8
  std::string key_provider = "hkdf";       // of aesgcm, as all below
  int64_t aes_bits = 128;                  // 128, 256
  std::string master_key_path;             // for messages only
  std::span<const std::byte> master_key;   // the whole file, a newline at its end included
  bool bind_identity = false;              // cpp.bind_identity: write version 2
  bool refuse_unbound = false;             // cpp.refuse_unbound: read version 2 only
};

struct serde_made {
  std::unique_ptr<const serde> made; // empty with an error
  std::string error;                 // names key, value and remedy; never key material
};

/// Checks the options and makes the serde. Pure; keeps no reference to
/// `options.master_key`, which the caller may wipe. Called while starting up.
serde_made make_serde(const serde_options& options);

} // namespace actord
