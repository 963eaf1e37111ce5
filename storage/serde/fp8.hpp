// Objects with their elements cast to 8-bit floats.
#pragma once

#include "storage/serde/serde.hpp"

#include <vector>

namespace actord {

enum class fp8_format : uint8_t { e4m3fn, e5m2 };

/// One byte per element in the order of the tensor, no header, no scale (spec
/// cache-core §7.2), so that nothing tells a stored object from other bytes of that
/// length: all servers of a store use the same format. Elements are float16, bfloat16
/// or float32; those that have the format already are copied. Not lossless: large
/// values saturate (e4m3fn) or become infinite (e5m2).
///
/// The casts are those of torch 2.15 on a CPU: both formats were compared with it for
/// all 16-bit values there and all codes back. Older builds make NaN of what
/// saturates here. Lanes have no state.
class fp8_serde final : public serde {
public:
  /// Computes its tables, 128 KiB: about a millisecond.
  explicit fp8_serde(fp8_format format);
  std::string_view type() const noexcept override {
    return "fp8";
  }
  /// Exact: the number of elements.
  stored_size size_of(const serde_object& object) const noexcept override;
  std::unique_ptr<serde_lane> open_lane() const override;

private:
  friend class fp8_lane;
  fp8_format format_;
  // The 8-bit float of every 16-bit one: faster than computing it.
  std::vector<uint8_t> from_float16_, from_bfloat16_;
};

} // namespace actord
