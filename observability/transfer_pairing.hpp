// From the START and END of a piece of work to its throughput or duration.
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/sampling.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace actord {

constexpr size_t max_pending_transfers = 65536;
constexpr size_t max_pending_phases = 8192;

/// Pairs the START and END events of device stores, or of retrieves: one object for each (spec
/// observability §2.4.6). A pair is named by its transfer key, or by (session, device) when the
/// events carry none. STARTs whose END never comes leave oldest first. Times are Unix seconds.
class transfer_pairing {
public:
  explicit transfer_pairing(size_t capacity = max_pending_transfers) : starts_(capacity) {
  }

  /// A second START of the same name replaces the first.
  void start(std::string_view transfer_key, std::string_view session_id, std::string_view device,
             double now);
  /// Returns GB/s (10^9 bytes); nothing when there was no START, no bytes or no time between.
  std::optional<double> end(std::string_view transfer_key, std::string_view session_id,
                            std::string_view device, int64_t bytes, double now);

  size_t pending() const noexcept {
    return starts_.size();
  }

private:
  bounded_table<sample_identity, double, sample_identity_hash> starts_;
};

/// Pairs the submission and completion of L2 tasks (spec observability §2.4.6): one object for
/// stores, named by (adapter_index, task_id), one for loads, named by (request_id, adapter_index).
class task_pairing {
public:
  explicit task_pairing(size_t capacity = max_pending_transfers) : starts_(capacity) {
  }

  void start(uint64_t major_id, uint64_t minor_id, int64_t total_bytes, double now);
  /// @param bytes_transferred what the completion says; the submitted size when it says nothing
  /// Returns GB/s as `transfer_pairing::end` does.
  std::optional<double>
  end(uint64_t major_id, uint64_t minor_id, std::optional<int64_t> bytes_transferred, double now);

  size_t pending() const noexcept {
    return starts_.size();
  }

private:
  struct submission {
    double time = 0;
    int64_t total_bytes = 0;
  };
  bounded_table<sample_identity, submission, sample_identity_hash> starts_;
};

/// Pairs the START and END of the phases of blended requests (spec observability §2.4.10), named by
/// (phase, session, worker). `phase` is the caller's number for it.
class phase_pairing {
public:
  explicit phase_pairing(size_t capacity = max_pending_phases) : starts_(capacity) {
  }

  /// Returns whether an older START had to leave: the first time deserves a warning.
  bool
  start(uint32_t phase, std::string_view session_id, std::optional<int64_t> worker_id, double now);
  /// Returns milliseconds; nothing when there was no START or time went backwards.
  std::optional<double>
  end(uint32_t phase, std::string_view session_id, std::optional<int64_t> worker_id, double now);

  size_t pending() const noexcept {
    return starts_.size();
  }

private:
  bounded_table<sample_identity, double, sample_identity_hash> starts_;
};

} // namespace actord
