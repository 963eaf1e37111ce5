// The index of a raw_block device as it is stored on it: JSON in two containers that take turns
// (spec l2-adapters §8.2, §8.3).
#pragma once

#include "storage/raw_block_format.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// A reader takes no more, a writer makes no more.
constexpr size_t max_checkpoint_entries = 400'000;
constexpr uint64_t max_checkpoint_bytes = 128u << 20;

/// What is in one slot.
struct checkpoint_entry {
  std::string name; // raw_block_name() of its key
  uint64_t slot = 0;
  uint64_t payload_bytes = 0;
  /// Shape, dtype, fmt and cached positions as the peer wrote them: the members of a JSON object
  /// without its braces. Nothing here needs them; they go back to the peer as they came. Empty:
  /// all null, which the peer takes too.
  std::string description;

  bool operator==(const checkpoint_entry&) const = default;
};

/// The payload of a container, byte for byte as the peer writes it for these entries in this order.
/// Empty where it would exceed max_checkpoint_entries, max_checkpoint_bytes or the container.
/// @pre names are UTF-8
std::string encode_checkpoint(const raw_block_layout& layout, uint64_t next_slot,
                              std::span<const checkpoint_entry> entries);

/// Bytes that an entry takes in a checkpoint at most, its comma included.
uint64_t checkpoint_entry_bytes(const raw_block_layout& layout, const checkpoint_entry& entry);

/// Bytes of entries that a checkpoint has room for.
uint64_t checkpoint_room_bytes(const raw_block_layout& layout);

struct checkpoint_result {
  std::string error; // why all of it is rejected, and the remedy; empty: it is taken
  uint64_t next_slot = 0;
  std::vector<checkpoint_entry> entries; // in the order of their names' first mention
  size_t skipped = 0;                    // entries that are no slot's or have no possible size
};

/// Reads the payload of an intact container. Order of members is free, unknown ones are skipped,
/// of members with one name the last counts. Two entries may claim one slot: its header tells whose
/// it is. Memory: a small multiple of `payload`, whatever it says.
checkpoint_result
decode_checkpoint(const raw_block_layout& layout, std::span<const std::byte> payload);

/// A container whose header is plausible.
struct container_candidate {
  uint32_t container = 0; // 0 or 1
  container_header header;
};

/// The containers worth reading, that of the highest sequence first, out of the first blocks of
/// both. The first whose payload is intact() counts, even if decode_checkpoint() rejects it: the
/// other is older. The next checkpoint has the sequence after it, 1 if there is none, so that it
/// takes the place of the other container and outranks this one.
std::vector<container_candidate>
container_candidates(const raw_block_layout& layout, std::span<const std::byte> first_block,
                     std::span<const std::byte> second_block);

/// Whether these are the bytes that the header was written for.
/// @param payload `header.payload_bytes` or more
bool intact(const container_header& header, std::span<const std::byte> payload) noexcept;

} // namespace actord
