// The calls that a trace of level `storage` holds (spec observability §6.3, §6.4).
#pragma once

#include "observability/trace/format.hpp"
#include "storage/object_ref.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord::trace {

/// Keys as calls carry them. Lengths are not written.
using key_list = std::vector<object_ref>;

/// Tensors of one object; as many dtypes as shapes.
struct layout_desc {
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::string> dtypes; // torch.bfloat16
  bool operator==(const layout_desc&) const = default;
};

/// An object of which only the size is known.
layout_desc layout_of(uint64_t object_bytes);

/// Bytes of an object; none when a dtype is unknown, a size negative, or the sum above 2^40.
std::optional<uint64_t> object_bytes(const layout_desc& layout);

/// The objects of one group of layers.
struct key_group {
  key_list keys;
  uint32_t object_group_id = 0;
  layout_desc layout;
  int64_t sliding_window_size = -1; // chunks; -1: full attention
};

struct reserve_write_call {
  key_list keys;
  layout_desc layout;
};

struct finish_write_call {
  key_list keys;
};

struct submit_prefetch_call {
  std::vector<key_group> groups;
  int64_t kv_readers = 1;
  std::string fetching_policy = "prefix"; // or "full"
  bool lock = true;
  std::string external_request_id;
  bool skip_l2 = false;
};

struct read_enter_call {
  key_list keys;
};

struct read_exit_call {
  key_list keys;
};

struct finish_read_call {
  key_list keys;
  int64_t read_locks = 1;
};

using call = std::variant<reserve_write_call, finish_write_call, submit_prefetch_call,
                          read_enter_call, read_exit_call, finish_read_call>;

/// A call on its way to the recorder.
struct recorded_call {
  call what;
};

/// What every qualname of `call` begins with.
inline constexpr std::string_view call_prefix
  = "lmcache.v1.distributed.storage_manager.StorageManager.";

/// The name in records, by the order of `call`'s alternatives.
std::string_view qualname(const call& what);

/// The name in tables: reserve_write, read_prefetched_results.enter. Of any record.
std::string short_name(std::string_view qualname);

/// The record of a call.
record to_record(double t_mono, double t_wall, const call& what);

/// The call of a record, or why it cannot be replayed: another qualname, or arguments that are not
/// as they should be. Takes what older releases wrote: `mode`, `extra_count` (= read locks - 1).
std::variant<call, std::string> to_call(const record& what);

} // namespace actord::trace
