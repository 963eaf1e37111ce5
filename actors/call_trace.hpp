// How parts of the daemon tell the recorder of trace files what they were asked to do.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/messages.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace actord {

// The calls are those of the Python server's storage manager (spec observability §6.4), told when
// they begin, without their result. Each costs one relaxed load while nobody records. Layouts are
// told as so many bytes: what L1 knows of an object.

/// Whether somebody records: ask before anything is collected.
inline bool records_calls(const event_publisher& bus) noexcept {
  return bus.wants(event_type::trace_call);
}

/// Objects of a range whose chunks have these hashes, in the order of the slots.
event_keys
keys_of(const key_space& space, std::span<const chunk_hash> hashes, const std::vector<slot>& slots);

/// A writer asks for buffers: a call for each of its groups, as layouts differ by group.
void trace_reserve_write(event_publisher& bus, const reserve_order& order);
/// A writer is done with what it got.
void trace_finish_write(event_publisher& bus, const event_keys& keys);
/// A lookup, or a warm prefetch (`lock` is false), begins.
void trace_prefetch(event_publisher& bus, const lookup_order& order, const std::string& request_id,
                    bool lock);
/// A reader has found what it was promised; it is done with it, and gives its share back.
void trace_read(event_publisher& bus, const event_keys& keys);
void trace_read_end(event_publisher& bus, const event_keys& keys);
/// Shares of a lookup are given back unread.
void trace_release(event_publisher& bus, const key_space& space,
                   const std::vector<chunk_hash>& chain, const std::vector<group_layout>& groups,
                   const release_order& order);

/// The number that the next call gets. Process-wide, any thread.
uint64_t next_call_number() noexcept;

} // namespace actord
