// How long blocks of GPU memory keep their tokens, lie idle, and are used again.
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/sampling.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace actord {

/// Where the samples of `l0_lifecycle` go, in seconds, never negative.
struct l0_lifecycle_sink {
  virtual ~l0_lifecycle_sink() = default;
  virtual void lifetime(int64_t instance_id, std::string_view model_name, double seconds) = 0;
  virtual void idle_before_evict(int64_t instance_id, std::string_view model_name, double seconds)
    = 0;
  virtual void reuse_gap(int64_t instance_id, std::string_view model_name, double seconds) = 0;
};

struct l0_lifecycle_limits {
  size_t max_blocks = 1'000'000;
  size_t max_links = 1'000'000; // pairs of a request and a block it owns
  size_t max_models = 10000;    // names beyond are counted as `__other__`
};

/// Follows the sampled GPU blocks of every engine instance (spec observability §3.3). Nothing from
/// an engine is kept at its own length: tokens and request ids are kept as `sample_identity`. At
/// the limit of blocks the oldest contents leave without a sample; at the limit of links the oldest
/// request is taken as ended. `now` is the event's time in Unix seconds; a gap that is negative
/// because time was set back is no sample.
class l0_lifecycle {
public:
  /// @param sink outlives this
  l0_lifecycle(l0_lifecycle_sink& sink, uint32_t threshold, l0_lifecycle_limits limits = {});

  /// One record: block i holds the i-th of equal shares of `token_ids`.
  void
  allocated(int64_t instance_id, std::string_view model_name, std::string_view request_id,
            std::span<const int64_t> block_ids, std::span<const uint32_t> token_ids, double now);
  void session_ended(std::string_view request_id);
  /// Forgets the blocks of an instance that is gone, without samples. O(all blocks).
  void drop_instance(int64_t instance_id);

  size_t blocks() const noexcept {
    return blocks_.size();
  }
  size_t links() const noexcept {
    return links_;
  }

private:
  struct block_key {
    int64_t instance_id = 0;
    int64_t block_id = 0;
    bool operator==(const block_key&) const = default;
  };
  struct block_key_hash {
    size_t operator()(const block_key& key) const noexcept {
      return static_cast<size_t>(sample_hash(key));
    }
  };
  using owner_set = std::unordered_set<sample_identity, sample_identity_hash>;
  using block_set = std::unordered_set<block_key, block_key_hash>;
  struct block {
    sample_identity tokens;
    owner_set owners; // none: released
    double allocated = 0;
    double last_used = 0;
    std::array<double, 4> reuses{}; // ring
    size_t reuse_count = 0;
    uint32_t model = 0;
  };

  static uint64_t sample_hash(const block_key& key) noexcept {
    return l0_sample_hash(static_cast<uint64_t>(key.instance_id),
                          static_cast<uint64_t>(key.block_id));
  }
  void place(const block_key& key, const sample_identity& tokens, uint32_t model,
             const sample_identity& request, double now);
  void report_eviction(const block_key& key, const block& evicted, double now);
  void link(const block_key& key, block& owned, const sample_identity& request);
  void unlink_owners(const block_key& key, const block& leaving);
  void end_request(sample_identity request);
  uint32_t intern(std::string_view model_name);

  l0_lifecycle_sink& sink_;
  uint32_t threshold_;
  l0_lifecycle_limits limits_;
  bounded_table<block_key, block, block_key_hash> blocks_;
  bounded_table<sample_identity, block_set, sample_identity_hash> requests_;
  size_t links_ = 0;
  std::vector<std::string> models_;
  std::unordered_map<std::string, uint32_t> model_index_;
};

} // namespace actord
