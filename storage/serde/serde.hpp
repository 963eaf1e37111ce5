// What happens to an object's bytes on their way between L1 and an L2 adapter.
#pragma once

#include "storage/object_key.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace actord {

/// What a serde is told of an object. Refers to the caller's texts.
struct serde_object {
  const object_key& key;
  std::string_view dtype; // torch name without prefix, as in `bfloat16`
  uint64_t plain_bytes = 0;
};

enum class serde_fault : uint8_t {
  none,
  too_short,     // stored bytes end early: a miss
  wrong_length,  // stored bytes are longer than the object's, or no whole elements: a miss
  wrong_version, // not a frame of this serde: a miss
  unbound,       // a frame that names no key, and such are refused: a miss
  bad_tag,       // another key's frame, another master key, or changed bytes: a miss
  changed,       // not the bytes that were stored under that name: a miss
  wrong_dtype,   // the serde does not know the element type
  wrong_salt,    // the key's salt is longer than a salt may be
  wrong_buffer,  // the caller's buffer has another size than announced
  no_nonce,      // no random bytes, or as many frames as one key may seal
  crypto_failed, // OpenSSL refused, for want of memory
};

/// One line for logs: what is wrong and what to do about it. Static storage.
std::string_view explain(serde_fault fault) noexcept;

struct stored_size {
  uint64_t bytes = 0;   // 0 with a fault
  bool is_exact = true; // false: `bytes` is the most that can come
  serde_fault fault = serde_fault::none;
};

struct encode_result {
  uint64_t bytes = 0; // written to the front of `out`
  serde_fault fault = serde_fault::none;
};

/// The working half of a serde: contexts and derived keys, for one thread at a
/// time. Buffers are the caller's and may not overlap; no call allocates, but
/// that OpenSSL does when it derives the key of a salt that the lane has not seen
/// of late.
class serde_lane {
public:
  virtual ~serde_lane() = default;

  /// @pre `out` holds `stored_size(object).bytes` at least. After a fault nothing in
  /// `out` may be stored.
  virtual encode_result
  encode(const serde_object& object, std::span<const std::byte> plain, std::span<std::byte> out)
    = 0;

  /// Takes `stored` as untrusted. `plain_out` has `object.plain_bytes`; after a
  /// fault it holds no byte that came out of `stored`. Until the call returns it may
  /// hold bytes that were not verified: nobody else may read it.
  virtual serde_fault decode(const serde_object& object, std::span<const std::byte> stored,
                             std::span<std::byte> plain_out)
    = 0;
};

/// One configured transform (spec cache-core §7, l2-adapters §10). Const and shared
/// by all threads, each of which works through a lane of its own.
class serde {
public:
  virtual ~serde() = default;
  /// Its name in the configuration. Static storage.
  virtual std::string_view type() const noexcept = 0;
  /// How many bytes to set aside for `encode`, and what the adapter will hold.
  virtual stored_size size_of(const serde_object& object) const noexcept = 0;
  /// The serde outlives its lanes.
  virtual std::unique_ptr<serde_lane> open_lane() const = 0;
};

} // namespace actord
