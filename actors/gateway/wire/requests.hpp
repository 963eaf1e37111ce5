// What engines ask for, decoded: one struct per operation, bounds checked,
// nothing left of the wire's form.
#pragma once

#include "gpu/descriptors.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace actord::wire {

/// W3C Trace Context as a client sent it, unread.
struct trace_headers {
  std::string traceparent, tracestate;
};

/// IPCCacheServerKey (spec wire-protocol §2.2). Ranges are in tokens.
struct cache_key {
  std::string model_name;
  uint32_t world_size = 1;           // 1..255
  std::optional<uint32_t> worker_id; // empty: the scheduler, all ranks
  std::vector<uint32_t> token_ids;   // whole request so far
  uint64_t start = 0;
  uint64_t end = 0; // exclusive; may exceed token_ids
  std::string request_id;
  std::string cache_salt;
  int64_t num_kv_readers = 0;
  std::shared_ptr<const trace_headers> trace; // null: none came
};

using block_lists = std::vector<std::vector<int64_t>>; // one list per kernel group

struct register_kv_cache {
  int64_t instance_id = 0;                      // 63-bit random
  std::vector<gpu::tensor_descriptor> kv_cache; // layer order
  std::string model_name;
  uint32_t world_size = 1;
  std::string engine_type; // vllm, atom, sglang, trtllm, mock
  gpu::layout_hints hints;
  std::vector<gpu::engine_group_info> groups;
};
struct register_engine_driven {
  int64_t instance_id = 0;
  std::string model_name;
  uint32_t world_size = 1;
  int64_t block_size = 0, num_layers = 0, hidden_dim_size = 0;
  std::string dtype; // as sent
  bool use_mla = false;
  std::optional<int64_t> num_physical_slots;
};
struct unregister {
  int64_t instance_id = 0;
  bool engine_driven = false;
};
struct store {
  cache_key key;
  int64_t instance_id = 0;
  block_lists blocks;
  std::string event_handle;
};
struct retrieve {
  cache_key key;
  int64_t instance_id = 0;
  block_lists blocks;
  std::string event_handle;
  int64_t skip_first_n_tokens = 0;
};
struct lookup {
  cache_key key;
};
struct query_prefetch_status {
  std::string request_id;
};
struct wait_prefetch_status {
  std::string request_id;
  double timeout_s = 0;
};
struct free_lookup_locks {
  cache_key key;
};
struct end_session {
  std::string request_id;
};
struct prepare_store {
  cache_key key;
  int64_t instance_id = 0;
};
struct commit_store {
  cache_key key;
  int64_t instance_id = 0;
  std::string data;
};
struct prepare_retrieve {
  cache_key key;
  int64_t instance_id = 0;
};
struct commit_retrieve {
  cache_key key;
  int64_t instance_id = 0;
};
struct clear {
  bool force = false;
};
struct get_chunk_size {};
struct ping {
  std::optional<int64_t> instance_id;
};
struct noop {};
struct block_allocation {
  std::string request_id;
  std::vector<int64_t> block_ids;
  std::vector<uint32_t> token_ids;
};
struct report_block_allocation {
  int64_t instance_id = 0;
  std::string model_name;
  std::vector<block_allocation> records;
};
struct get_experimental {};
struct subscribe_kv_events {
  int64_t instance_id = 0;
  std::string model_name;
  int64_t cursor = 0, max_events = 0;
};

using request = std::variant<register_kv_cache, register_engine_driven, unregister, store, retrieve,
                             lookup, query_prefetch_status, wait_prefetch_status, free_lookup_locks,
                             end_session, prepare_store, commit_store, prepare_retrieve,
                             commit_retrieve, clear, get_chunk_size, ping, noop,
                             report_block_allocation, get_experimental, subscribe_kv_events>;

} // namespace actord::wire
