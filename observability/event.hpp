// What happened, when, to which request.
#pragma once

#include "observability/event_type.hpp"
#include "storage/object_ref.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace actord {

namespace trace {
struct recorded_call; // observability/trace/calls.hpp
}
struct trace_parent; // observability/tracing/trace_parent.hpp

/// One memory object; length_bytes 0: not told.
using event_key = object_ref;

/// Several events of one step share their keys. Never null.
using event_keys = std::shared_ptr<const std::vector<event_key>>;

// One struct per shape of details; the rows of the table say which event has which.

struct l1_keys_details {
  std::string l1_tag; // "": not told
  event_keys keys;
};

struct eviction_tick_details {
  double usage = 0, watermark = 0; // shares of L1
  bool triggered = false;
  uint64_t used_bytes = 0, total_bytes = 0;
};

struct failure_details {
  std::string during, reason; // "": not told
  event_keys keys;
};

struct sm_keys_details {
  event_keys succeeded, failed;
};

/// What one store behind L1 said to a lookup.
struct l2_answer {
  int64_t adapter_index = 0;
  std::string l2_name;
  double start_s = 0, end_s = 0; // Unix; the end is its answer, or when nobody waited any more
  int64_t found = 0;
  bool answered = false;
};

/// A step of a store, lookup or load between L1 and L2.
struct l2_details {
  std::optional<int64_t> request_id; // of the prefetch controller
  std::optional<int64_t> adapter_index, task_id;
  std::string l2_name;
  int64_t key_count = 0, adapter_count = 0, succeeded = 0, failed = 0;
  std::optional<int64_t> bytes; // to be moved, or moved
  std::map<std::string, int64_t> key_count_per_salt;
  std::string external_request_id; // the engine's; "": of none
  std::vector<l2_answer> answers;  // of a lookup that is over
};

/// A lookup comes.
struct request_details {
  std::shared_ptr<const trace_parent> parent = nullptr; // null: the client named no trace
};

struct lookup_details {
  std::string model_name;
  std::shared_ptr<const std::vector<chunk_hash>> chain; // never null
  uint64_t chunk_tokens = 0, sequence_tokens = 0;
  std::vector<std::string> dtypes;
  std::vector<std::vector<int64_t>> shapes;
};

struct lookup_result_details {
  std::string model_name, cache_salt;
  uint64_t found_chunks = 0, requested_tokens = 0, hit_tokens = 0;
  uint64_t l1_hit_tokens = 0, l2_hit_tokens = 0, l1_hit_keys = 0, l2_hit_keys = 0;
  std::string early_exit_reason;
  uint64_t requested_keys = 0, prefetch_request_id = 0;
  double seconds = 0; // from the request to its result
};

/// Which store or retrieve; the same for all of its events.
struct transfer_name {
  std::string device; // "": not told
  std::optional<int64_t> engine_id;
  std::string model_name, cache_salt;
  std::string transfer_key;                             // "<request id>#<n>"
  std::shared_ptr<const trace_parent> parent = nullptr; // null: the client named no trace
};

struct transfer_details {
  std::shared_ptr<const transfer_name> what; // never null
  uint64_t chunks = 0, total_bytes = 0;      // of its END: moved
  std::optional<uint64_t> tokens;
  double seconds = 0;       // of its END: that the copy took
  bool success = true;      // of its END: also when there was nothing to move
  std::string failure = {}; // of its END: why not
};

struct phase_sample {
  enum class kind : uint8_t { kernel, staging } phase = kind::kernel;
  enum class way : uint8_t { h2d, d2h } direction = way::h2d;
  int64_t device_index = 0;
  double elapsed_ms = 0;
  int64_t bytes = 0;
  std::string transfer_key;
  double start_s = 0, end_s = 0; // Unix
};

struct phase_samples_details {
  std::vector<phase_sample> samples;
  std::string ended_transfer_key;
};

struct tokens_details {
  std::shared_ptr<const std::vector<chunk_hash>> chain; // never null; of the request, from chunk 0
  std::shared_ptr<const std::vector<uint32_t>> tokens;  // of the request, from token 0
  uint32_t first_chunk = 0, end_chunk = 0;              // the ones that were stored
  uint32_t chunk_tokens = 0;
};

struct session_end_details {
  std::string request_id;
};

/// Blocks of an engine's own cache that a request was given.
struct block_record {
  std::string request_id;
  std::vector<int64_t> block_ids;
  std::vector<uint32_t> token_ids;
};

struct block_allocation_details {
  int64_t instance_id = 0;
  std::string model_name;
  std::shared_ptr<const std::vector<block_record>> records; // never null
};

struct timeout_details {
  std::string message, exception_type, stacktrace;
};

/// A step of a blended request; which fields a step has is in its row.
struct blend_details {
  std::optional<int64_t> worker_id;
  int64_t num_tokens = 0, fingerprint_hits = 0, prefix_hits = 0, prefix_chunks = 0;
  int64_t storage_hits = 0, stale_chunks = 0, requested_tokens = 0, hit_tokens = 0;
  int64_t prefix_hit_tokens = 0, segmented_prefix_hit_tokens = 0, non_prefix_hit_tokens = 0;
  int64_t matches = 0, keys = 0, found_keys = 0, l2_keys = 0, num_chunks = 0;
  int64_t scattered_tokens = 0, prefix_scattered = 0, shifted = 0, dropped = 0;
  bool no_gpu_context = false, timed_out = false, success = true;
  std::string reason, model_name;
};

/// A call that is worth recording.
struct trace_call_details {
  std::shared_ptr<const trace::recorded_call> call; // never null
  double t_mono = 0;                                // seconds of the monotonic clock
  uint64_t number = 0; // one more than that of the last one, whoever published it
};

using event_details
  = std::variant<std::monostate, l1_keys_details, eviction_tick_details, failure_details,
                 sm_keys_details, l2_details, lookup_details, lookup_result_details,
                 transfer_details, phase_samples_details, tokens_details, session_end_details,
                 block_allocation_details, timeout_details, blend_details, trace_call_details,
                 request_details>;

/// The details are of the struct that the row of `type` names.
struct event {
  event_type type = event_type::l1_read_reserved;
  double time_s = 0;      // Unix time of its publication
  std::string session_id; // the engine's request id; "" where an event belongs to none
  event_details details;
};

} // namespace actord
