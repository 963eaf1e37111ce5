// Objects with a checksum behind them.
#pragma once

#include "storage/serde/serde.hpp"

namespace actord {

/// For stores that keep bytes and nothing else (docs/formats/serde.md): what was changed, cut off
/// or exchanged with another object is told from what was stored. No protection against somebody
/// who means it: that is aesgcm's. Lanes have no state.
class checksum_serde final : public serde {
public:
  static constexpr size_t overhead_bytes = 24;

  std::string_view type() const noexcept override {
    return "checksum";
  }
  /// Exact.
  stored_size size_of(const serde_object& object) const noexcept override;
  std::unique_ptr<serde_lane> open_lane() const override;
};

} // namespace actord
