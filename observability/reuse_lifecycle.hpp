// How soon a chunk that was stored or read is read again, in time and in chunks.
#pragma once

#include "observability/sampling.hpp"
#include "observability/unfollowed_keys.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace actord {

/// Where the samples of `reuse_lifecycle` go.
struct reuse_lifecycle_sink {
  virtual ~reuse_lifecycle_sink() = default;
  /// @param seconds never negative
  /// @param objects chunks of this salt that were read or written since, this one included
  virtual void reuse(std::string_view cache_salt, double seconds, uint64_t objects) = 0;
};

struct reuse_lifecycle_limits {
  size_t max_salts = 10000;
  size_t max_tracked = 100000;
  uint64_t seed = 0; // of the choice of victims
};

/// A chunk as reuse sees it: without rank and group.
struct reuse_key {
  std::string_view cache_salt;
  chunk_hash hash;
};

/// Follows the sampled chunks of each salt (spec observability §3.2). Every chunk counts once per
/// event, sampled or not. Salts beyond the limit share one count under `__other__`; a chunk beyond
/// the limit takes the place of a random one. O(1) per key. `now` is the event's time in Unix
/// seconds; a gap that is negative because time was set back is no sample.
class reuse_lifecycle {
public:
  /// @param sink outlives this
  reuse_lifecycle(reuse_lifecycle_sink& sink, uint32_t threshold,
                  reuse_lifecycle_limits limits = {});

  /// @param keys the event's succeeded keys, in its order
  void read_finished(std::span<const reuse_key> keys, double now);
  void write_finished(std::span<const reuse_key> keys, double now);

  size_t tracked() const noexcept {
    return entries_.size();
  }
  size_t salts() const noexcept {
    return counts_.size();
  }

private:
  struct entry {
    sample_identity id;
    double time = 0;
    uint64_t count = 0; // of its salt, then
  };
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using count_map = std::unordered_map<std::string, uint64_t, text_hash, std::equal_to<>>;

  /// A chunk of an event that may be followed, with the count of its salt.
  struct candidate {
    const reuse_key* key;
    uint64_t mark, count;
  };

  void finished(std::span<const reuse_key> keys, double now, bool is_read);
  /// Finds out who of the candidates, all of one salt, is followed.
  void decide(std::string_view salt, double now, bool is_read);
  void saw(std::string_view salt, const candidate& chunk, double now, bool is_read);
  bool named_before(uint64_t mark);
  count_map::value_type& count_of(std::string_view cache_salt);
  void track(const entry& added);

  reuse_lifecycle_sink& sink_;
  uint32_t threshold_;
  reuse_lifecycle_limits limits_;
  std::mt19937_64 random_;
  count_map counts_;
  std::vector<uint64_t> seen_; // of one event: an open table of marks
  std::array<candidate, sample_lanes> candidates_;
  size_t candidate_count_ = 0;
  unfollowed_keys unfollowed_;
  std::vector<entry> entries_;
  std::unordered_map<sample_identity, uint32_t, sample_identity_hash> index_; // into entries_
};

} // namespace actord
