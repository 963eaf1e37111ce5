// The numbers behind metrics: one cell per time series.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace actord {

/// A sum that only grows. Any thread adds and reads: relaxed, no lock, some 5 ns where nobody else
/// adds at the same time. Cells of one device are shared by both transfers, which is why adding is
/// one step and not a load and a store.
class counter_cell {
public:
  void add(double amount = 1) noexcept {
    value_.fetch_add(amount, std::memory_order_relaxed);
  }
  double value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<double> value_ = 0;
};

/// A distribution over fixed upper bounds, inclusive, ascending; the last bucket is +Inf. Any
/// thread observes and reads; a reader may see an observation in one part and not yet in another.
class histogram_cell {
public:
  /// @param bounds static storage
  explicit histogram_cell(std::span<const double> bounds)
    : bounds_(bounds), counts_(std::make_unique<std::atomic<uint64_t>[]>(bounds.size() + 1)) {
  }

  void observe(double value) noexcept {
    size_t i = 0;
    while (i < bounds_.size() && value > bounds_[i])
      ++i;
    counts_[i].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  std::span<const double> bounds() const noexcept {
    return bounds_;
  }
  /// Observations per bucket, not cumulative; one more than bounds.
  std::vector<uint64_t> counts() const {
    std::vector<uint64_t> result(bounds_.size() + 1);
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = counts_[i].load(std::memory_order_relaxed);
    return result;
  }
  double sum() const noexcept {
    return sum_.load(std::memory_order_relaxed);
  }

private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  std::atomic<double> sum_ = 0;
};

} // namespace actord
