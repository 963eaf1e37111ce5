// The last chunks that came and went, in order.
#pragma once

#include "actors/cache/value_ring.hpp"
#include "actors/gateway/wire/encode.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace actord {

/// A bounded log of KV events with consecutive sequence numbers from 1 (spec wire-protocol §3.7).
/// Bounds: `capacity` records and `max_tokens` remembered tokens; beyond either the oldest go.
/// What records consist of lies in queues of plain values instead of one object each: the log is
/// the largest thing that a busy daemon keeps beside its index.
class kv_event_log {
public:
  static constexpr uint64_t max_tokens = 1 << 20;

  /// @param capacity records; 0 keeps nothing
  explicit kv_event_log(uint32_t capacity = 0) : capacity_(capacity) {
  }

  /// Consecutive chunks of one prompt, a record each.
  /// @param parent the chunk before the first, or null
  /// @param tokens of all of them, equally many each
  /// @pre there is a chunk
  void append_stored(const std::string& model_name, std::span<const chunk_hash> hashes,
                     const chunk_hash* parent, std::span<const uint32_t> tokens);
  void append_removed(const std::string& model_name, std::span<const chunk_hash> hashes);

  /// The records of one model after sequence number `cursor`, at most `max_events` (spec
  /// wire-protocol §3.7: `lost`, `next_cursor`); `enabled` and `incarnation` are left alone.
  wire::kv_event_batch
  page(const std::string& model_name, uint64_t cursor, size_t max_events) const;

  uint64_t next_seq() const {
    return next_seq_;
  }
  size_t size() const {
    return records_.size();
  }
  uint32_t capacity() const {
    return capacity_;
  }

private:
  struct record {
    uint64_t first_hash = 0, first_token = 0; // counted from the log's beginning
    bool stored = false, has_parent = false;  // the parent is the hash before the first
  };

  /// Neighbours that share their model: most logs have one stretch.
  struct stretch {
    std::string model_name;
    uint64_t first_seq = 0;
  };

  void append(const std::string& model_name, const record& added);
  /// Lets the oldest go until so many more fit.
  void make_room(size_t records, size_t tokens);
  uint64_t first_seq() const {
    return next_seq_ - records_.size();
  }
  const std::string& model_of(uint64_t seq) const;
  wire::kv_event_record read(size_t index) const;
  /// Where the hashes of a record begin, its parent among them.
  static uint64_t hash_begin(const record& from) {
    return from.first_hash - (from.has_parent ? 1 : 0);
  }
  uint64_t hash_end() const {
    return gone_hashes_ + hashes_.size();
  }
  uint64_t token_end() const {
    return gone_tokens_ + tokens_.size();
  }

  uint32_t capacity_;
  uint64_t next_seq_ = 1;
  value_ring<record> records_;
  std::deque<stretch> stretches_;
  value_ring<chunk_hash> hashes_;
  value_ring<uint32_t> tokens_;
  uint64_t gone_hashes_ = 0, gone_tokens_ = 0; // in front of the queues
};

} // namespace actord
