// A whole device: the peer's image built and read, and every kind of damage to it.
#include "storage/crc32.hpp"
#include "storage/raw_block_checkpoint.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <algorithm>
#include <map>

using namespace actord;
using namespace actord::test;

namespace {

void put(bytes& image, uint64_t offset, std::span<const std::byte> data) {
  REQUIRE_LE(offset + data.size(), image.size());
  std::copy(data.begin(), data.end(), image.begin() + static_cast<ptrdiff_t>(offset));
}

/// The part of a device that is there.
std::span<const std::byte> part(const bytes& image, uint64_t offset, uint64_t size) {
  const auto begin = std::min<uint64_t>(offset, image.size());
  return std::span{image}.subspan(begin, std::min<uint64_t>(size, image.size() - begin));
}

bytes payload_of(const nlohmann::json& slot) {
  return bytes(slot.at("payload_len").get<size_t>(),
               static_cast<std::byte>(slot.at("payload_fill_byte").get<int>()));
}

void put_container(bytes& image, uint64_t sequence, std::string_view text) {
  const auto layout = golden_layout();
  const auto offset = layout.container_offset(container_of(sequence));
  bytes block(4096);
  encode_container_header(layout, {sequence, text.size(), crc32(test::as_bytes(text))}, block);
  put(image, offset, block);
  put(image, offset + block.size(), test::as_bytes(text));
}

/// The golden image as ours writes it.
bytes written_image(bool checksums) {
  const auto layout = golden_layout();
  bytes image(layout.capacity_bytes());
  for (const auto& slot : raw_block_image()["slots"]) {
    const auto payload = payload_of(slot);
    slot_header header{slot_identity(raw_block_name(key_of(slot["key"]))), payload.size(), {}};
    if (checksums)
      header.checksum = payload_checksum(payload);
    bytes block(4096);
    encode_slot_header(header, block);
    put(image, layout.slot_offset(slot["slot"]), block);
    put(image, layout.payload_offset(slot["slot"]), payload);
  }
  for (uint32_t container : {0u, 1u})
    put_container(image, container + 1, encode_checkpoint(layout, 3, golden_entries(container)));
  return image;
}

/// The checkpoint that a start would use.
std::optional<checkpoint_result> loaded(const bytes& image) {
  const auto layout = golden_layout();
  const auto block
    = [&](uint32_t container) { return part(image, layout.container_offset(container), 4096); };
  for (const auto& each : container_candidates(layout, block(0), block(1))) {
    const auto payload
      = part(image, layout.container_offset(each.container) + 4096, each.header.payload_bytes);
    if (intact(each.header, payload))
      return decode_checkpoint(layout, payload);
  }
  return std::nullopt;
}

/// Whether a start would use exactly what this golden container lists.
bool uses(const bytes& image, uint32_t container) {
  const auto result = loaded(image);
  return result && result->error.empty() && result->entries == golden_entries(container);
}

std::optional<bytes> read_entry(const bytes& image, const checkpoint_entry& entry) {
  const auto layout = golden_layout();
  const auto header = decode_slot_header(part(image, layout.slot_offset(entry.slot), 4096));
  const auto payload = part(image, layout.payload_offset(entry.slot), entry.payload_bytes);
  if (!header || !describes(*header, entry.name, entry.payload_bytes) || !intact(*header, payload))
    return std::nullopt;
  return bytes(payload.begin(), payload.end());
}

/// Calls `check(byte)` with each bit of [begin, end) flipped in turn.
template <class Check>
void for_each_flip(bytes& image, uint64_t begin, uint64_t end, Check check) {
  for (auto at = begin; at < end; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      image[at] ^= static_cast<std::byte>(1 << bit);
      check(at - begin);
      image[at] ^= static_cast<std::byte>(1 << bit);
    }
}

size_t length_of(uint32_t container) {
  return raw_block_image()["metadata_containers"][container]["payload_len"];
}

} // namespace

TEST_CASE("the peer's image comes out byte for byte") {
  const auto& golden = raw_block_image();
  bytes expected(golden["config"]["device_size"].get<size_t>());
  for (const auto& each : golden["metadata_containers"]) {
    put(expected, each["file_offset"], from_hex(each["header32_hex"].get<std::string>()));
    put(expected, each["payload_offset"], test::as_bytes(each["payload_text"].get<std::string>()));
  }
  for (const auto& each : golden["slots"]) {
    put(expected, each["file_offset"], from_hex(each["header24_hex"].get<std::string>()));
    put(expected, each["payload_offset"], payload_of(each));
  }
  CHECK(written_image(false) == expected);
}

TEST_CASE("the image is read back, with checksums and without") {
  for (bool checksums : {false, true}) {
    const auto image = written_image(checksums);
    CHECK(uses(image, 1));
    const auto checkpoint = loaded(image);
    size_t read = 0;
    for (const auto& slot : raw_block_image()["slots"])
      for (const auto& entry : checkpoint->entries)
        if (entry.slot == slot["slot"].get<uint64_t>()) {
          CHECK(read_entry(image, entry) == payload_of(slot));
          ++read;
        }
    CHECK_EQ(read, 2);
  }
}

TEST_CASE("a flipped bit in a container makes the other one count") {
  auto image = written_image(false);
  const auto layout = golden_layout();
  for (uint32_t container : {0u, 1u}) {
    const auto offset = layout.container_offset(container);
    for_each_flip(image, offset, offset + 32, [&](uint64_t byte) {
      CAPTURE(byte);
      // Nothing protects the sequence but that it belongs into its container. A wrong one makes an
      // older checkpoint count at worst; headers and checksums of slots tell what of it still is.
      if (byte >= 12 && byte < 20)
        CHECK((uses(image, 0) || uses(image, 1)));
      else
        CHECK(uses(image, container == 1 ? 0 : 1));
    });
    for_each_flip(image, offset + 4096, offset + 4096 + length_of(container),
                  [&](uint64_t) { CHECK(uses(image, container == 1 ? 0 : 1)); });
    // Bytes behind both mean nothing.
    for_each_flip(image, offset + 32, offset + 64, [&](uint64_t) { CHECK(uses(image, 1)); });
    put(image, offset, bytes(4096));
    CHECK(uses(image, 1 - container));
    image = written_image(false);
  }
}

TEST_CASE("a sequence that belongs into the other container is refused") {
  auto image = written_image(false);
  image[32768 + 12] ^= std::byte{1};
  CHECK(uses(image, 0));
  CHECK(container_candidates(golden_layout(), part(image, 0, 4096), part(image, 32768, 4096)).size()
        == 1);
}

TEST_CASE("a checkpoint that was written in part is never used") {
  const auto before = written_image(false);
  auto after = before;
  auto entries = golden_entries(1);
  entries[0].payload_bytes = 77;
  const auto text = encode_checkpoint(golden_layout(), 3, entries);
  put_container(after, 3, text); // over the first
  REQUIRE(loaded(after)->entries == entries);
  const auto torn = [&](size_t header_bytes, size_t payload_bytes) {
    auto image = before;
    put(image, 0, part(after, 0, header_bytes));
    put(image, 4096, part(after, 4096, payload_bytes));
    return image;
  };
  for (size_t size = 0; size < text.size(); ++size) {
    const bool complete = std::equal(text.begin() + static_cast<ptrdiff_t>(size), text.end(),
                                     reinterpret_cast<const char*>(before.data()) + 4096 + size);
    if (complete)
      continue;
    CHECK(uses(torn(4096, size), 1)); // the header came first
    CHECK(uses(torn(0, size), 1));    // the payload came first
  }
  CHECK(uses(torn(0, text.size()), 1));
  for (size_t size = 0; size < 32; ++size) {
    const auto result = loaded(torn(size, text.size()));
    REQUIRE(result);
    CHECK((result->entries == golden_entries(1) || result->entries == entries));
  }
}

TEST_CASE("a device that ends too early has the checkpoints that are whole") {
  const auto image = written_image(false);
  const auto first_end = 4096 + length_of(0), second_end = 32768 + 4096 + length_of(1);
  for (size_t size = 0; size < second_end; ++size) {
    const bytes cut(image.begin(), image.begin() + static_cast<ptrdiff_t>(size));
    if (size < first_end)
      CHECK_FALSE(loaded(cut));
    else if (size == first_end || size > 32768)
      CHECK(uses(cut, 0));
  }
  CHECK(uses(bytes(image.begin(), image.begin() + static_cast<ptrdiff_t>(second_end)), 1));
}

TEST_CASE("a flipped bit in a slot is noticed; without a checksum in its header only") {
  const auto entry = golden_entries(0)[1];
  const auto slot = golden_layout().slot_offset(entry.slot);
  auto plain = written_image(false), summed = written_image(true);
  for_each_flip(plain, slot, slot + 24, [&](uint64_t) { CHECK_FALSE(read_entry(plain, entry)); });
  for_each_flip(summed, slot, slot + 40, [&](uint64_t byte) {
    // Without its mark a checksum is none, and the payload is whole.
    CHECK_EQ(read_entry(summed, entry).has_value(), byte >= 24 && byte < 32);
  });
  const auto payload = slot + 4096;
  for_each_flip(summed, payload, payload + entry.payload_bytes,
                [&](uint64_t) { CHECK_FALSE(read_entry(summed, entry)); });
  plain[payload] ^= std::byte{1};
  CHECK(read_entry(plain, entry));
}

TEST_CASE("a slot written in part is noticed, whichever half came first") {
  const auto before = written_image(true);
  const auto layout = golden_layout();
  const auto old_entry = golden_entries(0)[1];
  // Another object of the same size goes into the slot.
  const checkpoint_entry new_entry{"n@0x01000100@0@" + std::string(64, '0'), old_entry.slot,
                                   old_entry.payload_bytes, ""};
  const bytes payload(new_entry.payload_bytes, std::byte{99});
  bytes block(4096);
  encode_slot_header({slot_identity(new_entry.name), payload.size(), payload_checksum(payload)},
                     block);
  for (size_t size = 1; size < payload.size(); size += 97) {
    auto image = before;
    put(image, layout.payload_offset(old_entry.slot), std::span{payload}.first(size));
    CHECK_FALSE(read_entry(image, old_entry));
    put(image, layout.slot_offset(old_entry.slot), block);
    CHECK_FALSE(read_entry(image, old_entry));
    CHECK_FALSE(read_entry(image, new_entry));
  }
}
