// Bodies of replies and stream items, byte for byte as the peer writes them.
#pragma once

#include "storage/object_key.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord::wire {

/// Place of one chunk in the shared pool, for engines that copy themselves
/// (wire-protocol §7.2).
struct slot {
  uint64_t offset = 0; // bytes from the start of the segment
  uint64_t length = 0; // bytes: product of shape times item size
  std::span<const int64_t> shape;
  std::string_view dtype; // torch name without prefix
};

/// KVEventRecord (wire-protocol §2.2, §3.7).
struct kv_event_record {
  uint64_t seq = 0;
  std::string kind; // stored, removed
  std::string medium = "CPU";
  std::string model_name;
  std::vector<chunk_hash> block_hashes;
  std::optional<chunk_hash> parent_block_hash;
  std::vector<uint32_t> token_ids;
};

/// KVEventBatch: one item of the event stream.
struct kv_event_batch {
  bool enabled = true;
  uint64_t incarnation = 0;
  uint64_t next_cursor = 0;
  bool lost = false;
  std::vector<kv_event_record> events;
};

/// Result of store and retrieve. An empty handle says that no device work is
/// pending.
std::string encode_transfer(std::string_view event_handle, bool success);

std::string encode_bool(bool value);
std::string encode_int(int64_t value);
std::string encode_str(std::string_view text);
std::string encode_str_list(std::span<const std::string> texts);

/// Answer to the engine-driven registration; ("", 0) tells the engine to send
/// pickles.
std::string encode_registration(std::string_view shm_name, uint64_t pool_bytes);

/// The chunks that must be written and where; `chunk_indices` count from the
/// range's first chunk.
/// @pre equal lengths
std::string
encode_prepare_store(std::span<const slot> slots, std::span<const uint32_t> chunk_indices);
std::string encode_prepare_store_pickle();

std::string encode_prepare_retrieve_miss();
std::string encode_prepare_retrieve(std::span<const slot> slots);

/// A pickle answer is `head`, `data_bytes` bytes of pickle, `tail`: the caller
/// fills the middle where it likes. The head has capacity for the whole. @pre
/// `data_bytes` < 2^32
std::string encode_prepare_retrieve_head(size_t data_bytes);
std::string_view prepare_retrieve_tail() noexcept;

std::string encode_kv_event_batch(const kv_event_batch& batch);

/// ServerModuleCallResponse that says what went wrong.
std::string encode_module_error(std::string_view reason);

} // namespace actord::wire
