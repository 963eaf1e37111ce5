// Where things lie on a raw_block device, and its two kinds of headers (spec l2-adapters §8.1,
// §8.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace actord {

/// What the bytes of a device depend on.
struct raw_block_config {
  std::string device_path; // block device or pre-sized file, spelled as by the other server
  uint64_t slot_bytes = 0;
  uint64_t capacity_bytes = 0; // 0: the whole device
  uint64_t block_align_bytes = 4096;
  uint64_t header_bytes = 4096;
  uint64_t meta_total_bytes = 256u << 20;
  std::string meta_magic = "LMCIDX01";
  uint32_t meta_version = 1;
};

/// Returns what is wrong with a configuration, with the remedy ("" when nothing is). Options are
/// called as in `--l2-adapter`.
std::string raw_block_config_error(const raw_block_config& config);

/// Offsets on one device: two containers for checkpoints, then slots.
class raw_block_layout {
public:
  /// @pre the configuration has no error and `capacity_bytes` leaves room for a slot: made by
  /// make_raw_block_layout()
  raw_block_layout(raw_block_config config, uint64_t capacity_bytes);

  const raw_block_config& config() const noexcept {
    return config_;
  }
  /// What the checkpoint calls capacity: metadata and slots, the device's size at most.
  uint64_t capacity_bytes() const noexcept {
    return capacity_bytes_;
  }

  /// Both containers have this size; it includes the header block.
  uint64_t container_bytes() const noexcept;
  /// @param container 0 or 1
  uint64_t container_offset(uint32_t container) const noexcept {
    return container * container_bytes();
  }
  /// A container's header fills one block; its payload follows, zero-padded to whole blocks.
  uint64_t container_payload_bytes() const noexcept {
    return container_bytes() - config_.block_align_bytes;
  }

  uint64_t data_offset() const noexcept {
    return config_.meta_total_bytes;
  }
  uint64_t max_slots() const noexcept {
    return (capacity_bytes_ - config_.meta_total_bytes) / config_.slot_bytes;
  }
  uint64_t slot_offset(uint64_t slot) const noexcept {
    return data_offset() + slot * config_.slot_bytes;
  }
  uint64_t payload_offset(uint64_t slot) const noexcept {
    return slot_offset(slot) + config_.header_bytes;
  }
  /// The slot that begins at this byte of the device; none when no slot does.
  std::optional<uint64_t> slot_at(uint64_t offset) const noexcept;
  uint64_t max_payload_bytes() const noexcept {
    return config_.slot_bytes - config_.header_bytes;
  }
  /// Bytes to transfer for `bytes` where only whole blocks can be: fits wherever `bytes` does.
  /// @pre bytes <= max_payload_bytes() or container_payload_bytes()
  uint64_t whole_blocks(uint64_t bytes) const noexcept {
    return (bytes + config_.block_align_bytes - 1) & ~(config_.block_align_bytes - 1);
  }

private:
  raw_block_config config_;
  uint64_t capacity_bytes_;
};

struct raw_block_layout_result {
  std::optional<raw_block_layout> layout;
  std::string error; // reason and remedy when there is none
};

/// The layout of a device or file of `device_bytes`.
raw_block_layout_result
make_raw_block_layout(const raw_block_config& config, uint64_t device_bytes);

/// What a container says of its payload. The magic and version are the configuration's.
struct container_header {
  uint64_t sequence = 0; // the first checkpoint is 1
  uint64_t payload_bytes = 0;
  uint32_t payload_crc32 = 0;

  bool operator==(const container_header&) const = default;
};

/// The container that a checkpoint goes to. @pre sequence > 0
constexpr uint32_t container_of(uint64_t sequence) noexcept {
  return static_cast<uint32_t>((sequence - 1) % 2);
}

/// Fills `block` (one block) with a header and zeros.
void encode_container_header(const raw_block_layout& layout, const container_header& header,
                             std::span<std::byte> block);

/// The header at the begin of a container; none when it is not one of this configuration, has no
/// plausible length, or a sequence number that does not belong into this container. Takes any
/// number of bytes.
std::optional<container_header>
decode_container_header(const raw_block_layout& layout, uint32_t container,
                        std::span<const std::byte> block);

/// What a slot says of its payload.
struct slot_header {
  uint64_t identity = 0;
  uint64_t payload_bytes = 0;
  /// payload_checksum(), an extension in bytes that the peer writes as zeros and does not read:
  /// 8 bytes `XXH3SUM1` at 24, the checksum at 32.
  std::optional<uint64_t> checksum;

  bool operator==(const slot_header&) const = default;
};

/// The identity of the slot of a key: BLAKE2b-64 of its raw_block_name().
uint64_t slot_identity(std::string_view raw_block_name) noexcept;

/// XXH3-64 of a payload, without padding.
uint64_t payload_checksum(std::span<const std::byte> payload) noexcept;

/// Fills `block` (header_bytes) with a header and zeros; the checksum is left out where the block
/// is too small for it.
void encode_slot_header(const slot_header& header, std::span<std::byte> block);

/// The header at the begin of a slot; none when there is none. Takes any number of bytes.
std::optional<slot_header> decode_slot_header(std::span<const std::byte> block);

/// Whether a slot's header is that of an entry: the check of `meta_verify_on_load`.
bool describes(const slot_header& header, std::string_view raw_block_name,
               uint64_t payload_bytes) noexcept;

/// Whether this is the payload that the header was written for, as far as it can tell: the peer's
/// headers have no checksum.
/// @param payload `header.payload_bytes` or more
bool intact(const slot_header& header, std::span<const std::byte> payload) noexcept;

} // namespace actord
