#include "storage/raw_block_format.hpp"

#include "storage/blake2b.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <utility>

namespace actord {

namespace {

constexpr size_t container_header_bytes = 32;
constexpr size_t slot_header_bytes = 24;
constexpr size_t extended_slot_header_bytes = 40;
constexpr size_t magic_bytes = 8;
constexpr std::string_view slot_magic = "LMCBLK01";
constexpr std::string_view checksum_magic = "XXH3SUM1";
// No server lives to write so many; next to the end of the range nothing could follow.
constexpr uint64_t max_sequence = UINT64_MAX / 2;

/// Little-endian fields one after the other.
class field_writer {
public:
  explicit field_writer(std::span<std::byte> out) : out_{out} {
  }
  void text(std::string_view value) {
    for (char c : value)
      put(static_cast<std::byte>(c));
  }
  template <class T>
  void number(T value) {
    for (size_t i = 0; i < sizeof value; ++i)
      put(static_cast<std::byte>(value >> (8 * i)));
  }

private:
  void put(std::byte byte) {
    out_[at_++] = byte;
  }
  std::span<std::byte> out_;
  size_t at_ = 0;
};

/// @pre the bytes read are there
class field_reader {
public:
  explicit field_reader(std::span<const std::byte> in) : in_{in} {
  }
  bool text(std::string_view expected) {
    bool same = true;
    for (char c : expected)
      same &= in_[at_++] == static_cast<std::byte>(c);
    return same;
  }
  template <class T>
  T number() {
    T result = 0;
    for (size_t i = 0; i < sizeof result; ++i)
      result |= static_cast<T>(in_[at_++]) << (8 * i);
    return result;
  }

private:
  std::span<const std::byte> in_;
  size_t at_ = 0;
};

std::string shown(std::string_view option, uint64_t value) {
  return std::string{option} + ' ' + std::to_string(value);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 128; });
}

/// What is wrong with the metadata's half of a configuration whose block size is right.
std::string meta_error(const raw_block_config& config) {
  const auto block = config.block_align_bytes;
  if (config.meta_total_bytes % block != 0)
    return shown("meta_total_bytes", config.meta_total_bytes) + " is no multiple of "
           + shown("block_align", block) + "; round it";
  if (config.meta_total_bytes / 2 / block < 2)
    return shown("meta_total_bytes", config.meta_total_bytes)
           + " leaves no room for an index: each half must exceed " + shown("block_align", block)
           + "; set it to " + std::to_string(4 * block) + " or more";
  if (config.meta_magic.size() != magic_bytes || !is_ascii(config.meta_magic))
    return "meta_magic must be " + std::to_string(magic_bytes) + " ASCII characters, not "
           + std::to_string(config.meta_magic.size()) + " bytes; leave it at LMCIDX01";
  if (config.meta_version == 0)
    return "meta_version 0 must be above 0; leave it at 1";
  return {};
}

} // namespace

std::string raw_block_config_error(const raw_block_config& config) {
  const auto block = config.block_align_bytes;
  if (config.device_path.empty())
    return "device_path is missing; name a block device or a file that has its full size";
  if (!std::has_single_bit(block))
    return shown("block_align", block) + " is no power of two; use the device's block size";
  if (block < container_header_bytes)
    return shown("block_align", block) + " has no room for a header of "
           + std::to_string(container_header_bytes) + " bytes; use the device's block size";
  if (config.header_bytes % block != 0 || config.header_bytes < slot_header_bytes)
    return shown("header_bytes", config.header_bytes) + " must be a multiple of "
           + shown("block_align", block) + " and above 0; round it up";
  if (config.slot_bytes == 0)
    return "slot_bytes is missing; set it to header_bytes plus the largest object, rounded up to "
           "block_align";
  if (config.slot_bytes % block != 0)
    return shown("slot_bytes", config.slot_bytes) + " is no multiple of "
           + shown("block_align", block) + "; round it up";
  if (config.slot_bytes <= config.header_bytes)
    return shown("slot_bytes", config.slot_bytes) + " leaves no room for a payload after "
           + shown("header_bytes", config.header_bytes) + "; raise slot_bytes";
  if (auto error = meta_error(config); !error.empty())
    return error;
  if (config.capacity_bytes > 0 && config.capacity_bytes <= config.meta_total_bytes)
    return shown("capacity_bytes", config.capacity_bytes) + " must exceed "
           + shown("meta_total_bytes", config.meta_total_bytes)
           + "; raise it, or leave it out to use the whole device";
  return {};
}

raw_block_layout_result
make_raw_block_layout(const raw_block_config& config, uint64_t device_bytes) {
  if (auto error = raw_block_config_error(config); !error.empty())
    return {std::nullopt, std::move(error)};
  const auto capacity
    = config.capacity_bytes > 0 ? std::min(config.capacity_bytes, device_bytes) : device_bytes;
  if (capacity < config.meta_total_bytes || capacity - config.meta_total_bytes < config.slot_bytes)
    return {std::nullopt, "the " + std::to_string(capacity) + " bytes usable of device_path '"
                            + config.device_path + "' have no room for "
                            + shown("meta_total_bytes", config.meta_total_bytes) + " and one of "
                            + shown("slot_bytes", config.slot_bytes)
                            + "; use a larger device or file (it is never grown), or a smaller "
                              "meta_total_bytes"};
  return {raw_block_layout{config, capacity}, {}};
}

raw_block_layout::raw_block_layout(raw_block_config config, uint64_t capacity_bytes)
  : config_{std::move(config)}, capacity_bytes_{capacity_bytes} {
}

uint64_t raw_block_layout::container_bytes() const noexcept {
  return config_.meta_total_bytes / 2 / config_.block_align_bytes * config_.block_align_bytes;
}

std::optional<uint64_t> raw_block_layout::slot_at(uint64_t offset) const noexcept {
  if (offset < data_offset() || (offset - data_offset()) % config_.slot_bytes != 0)
    return std::nullopt;
  const auto slot = (offset - data_offset()) / config_.slot_bytes;
  return slot < max_slots() ? std::optional{slot} : std::nullopt;
}

void encode_container_header(const raw_block_layout& layout, const container_header& header,
                             std::span<std::byte> block) {
  assert(block.size() == layout.config().block_align_bytes);
  std::fill(block.begin(), block.end(), std::byte{0});
  field_writer out{block};
  out.text(layout.config().meta_magic);
  out.number(layout.config().meta_version);
  out.number(header.sequence);
  out.number(header.payload_bytes);
  out.number(header.payload_crc32);
}

std::optional<container_header>
decode_container_header(const raw_block_layout& layout, uint32_t container,
                        std::span<const std::byte> block) {
  if (block.size() < container_header_bytes)
    return std::nullopt;
  field_reader in{block};
  const bool own = in.text(layout.config().meta_magic);
  const bool same_version = in.number<uint32_t>() == layout.config().meta_version;
  container_header result;
  result.sequence = in.number<uint64_t>();
  result.payload_bytes = in.number<uint64_t>();
  result.payload_crc32 = in.number<uint32_t>();
  const bool numbered = result.sequence > 0 && result.sequence <= max_sequence
                        && container_of(result.sequence) == container;
  const bool fits
    = result.payload_bytes > 0 && result.payload_bytes <= layout.container_payload_bytes();
  return own && same_version && numbered && fits ? std::optional{result} : std::nullopt;
}

uint64_t slot_identity(std::string_view raw_block_name) noexcept {
  std::array<uint8_t, sizeof(uint64_t)> digest{};
  blake2b(std::as_bytes(std::span{raw_block_name}), digest);
  return field_reader{std::as_bytes(std::span{digest})}.number<uint64_t>();
}

uint64_t payload_checksum(std::span<const std::byte> payload) noexcept {
  return XXH3_64bits(payload.data(), payload.size());
}

void encode_slot_header(const slot_header& header, std::span<std::byte> block) {
  assert(block.size() >= slot_header_bytes);
  std::fill(block.begin(), block.end(), std::byte{0});
  field_writer out{block};
  out.text(slot_magic);
  out.number(header.identity);
  out.number(header.payload_bytes);
  if (header.checksum && block.size() >= extended_slot_header_bytes) {
    out.text(checksum_magic);
    out.number(*header.checksum);
  }
}

std::optional<slot_header> decode_slot_header(std::span<const std::byte> block) {
  if (block.size() < slot_header_bytes)
    return std::nullopt;
  field_reader in{block};
  if (!in.text(slot_magic))
    return std::nullopt;
  slot_header result;
  result.identity = in.number<uint64_t>();
  result.payload_bytes = in.number<uint64_t>();
  if (block.size() >= extended_slot_header_bytes && in.text(checksum_magic))
    result.checksum = in.number<uint64_t>();
  return result;
}

bool describes(const slot_header& header, std::string_view raw_block_name,
               uint64_t payload_bytes) noexcept {
  return header.identity == slot_identity(raw_block_name) && header.payload_bytes == payload_bytes;
}

bool intact(const slot_header& header, std::span<const std::byte> payload) noexcept {
  return payload.size() >= header.payload_bytes
         && (!header.checksum
             || payload_checksum(payload.first(header.payload_bytes)) == *header.checksum);
}

} // namespace actord
