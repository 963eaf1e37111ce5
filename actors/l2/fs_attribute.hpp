// What is kept beside the bytes of an object, in an extended attribute of its file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace actord {

inline constexpr const char* fs_attribute_name = "user.lmcache_actord";
constexpr size_t fs_attribute_bytes = 32;

/// Tells whether bytes are those that were stored, under this name and with this length.
struct fs_attribute {
  uint64_t length_bytes = 0;
  uint64_t checksum = 0; // XXH3-64 of the object's bytes
  uint64_t identity = 0; // XXH3-64 of the file's name: model, rank, group, hash and salt
  bool operator==(const fs_attribute&) const = default;
};

/// The attribute's bytes: "ACD1", four zeros, then the three numbers, little-endian.
std::array<std::byte, fs_attribute_bytes> encode(const fs_attribute& value);

/// Nothing when the bytes are not an attribute of ours.
std::optional<fs_attribute> decode_fs_attribute(std::span<const std::byte> bytes);

/// XXH3-64.
uint64_t fs_checksum(std::span<const std::byte> bytes);

/// The same of bytes that come in pieces.
class fs_running_checksum {
public:
  fs_running_checksum();
  void add(std::span<const std::byte> bytes);
  uint64_t value() const;

private:
  static constexpr size_t state_bytes = 576; // of xxHash's own
  alignas(64) std::array<std::byte, state_bytes> state_;
};

uint64_t fs_identity(std::string_view file);

} // namespace actord
