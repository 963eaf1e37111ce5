#include "storage/raw_block_format.hpp"

#include "storage/crc32.hpp"
#include "storage/l2_names.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <algorithm>

using namespace actord;
using namespace actord::test;

namespace {

bytes padded(bytes head, size_t size) {
  head.resize(size);
  return head;
}

/// The error of the golden configuration after a change.
template <class Change>
std::string error_after(Change change) {
  auto config = golden_config();
  change(config);
  return raw_block_config_error(config);
}

bool all_zero(std::span<const std::byte> block) {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

} // namespace

TEST_CASE("the golden device is laid out as the peer lays it out") {
  const auto layout = golden_layout();
  for (const auto& container : raw_block_image()["metadata_containers"]) {
    const uint32_t number = container["container"];
    CHECK_EQ(layout.container_offset(number), container["file_offset"].get<uint64_t>());
    CHECK_EQ(container_of(container["seq"]), number);
  }
  CHECK_EQ(layout.container_payload_bytes(), 32768 - 4096);
  CHECK_EQ(layout.capacity_bytes(), 196608);
  CHECK_EQ(layout.max_slots(), 8);
  CHECK_EQ(layout.max_payload_bytes(), 12288);
  for (const auto& slot : raw_block_image()["slots"]) {
    CHECK_EQ(layout.slot_offset(slot["slot"]), slot["file_offset"].get<uint64_t>());
    CHECK_EQ(layout.payload_offset(slot["slot"]), slot["payload_offset"].get<uint64_t>());
  }
}

TEST_CASE("an offset is a slot's or nobody's") {
  const auto layout = golden_layout();
  for (uint64_t slot = 0; slot < layout.max_slots(); ++slot) {
    CHECK_EQ(layout.slot_at(layout.slot_offset(slot)), slot);
    CHECK_FALSE(layout.slot_at(layout.slot_offset(slot) + 1));
    CHECK_FALSE(layout.slot_at(layout.slot_offset(slot) - 1));
    CHECK_FALSE(layout.slot_at(layout.payload_offset(slot)));
  }
  for (uint64_t offset : {uint64_t{0}, uint64_t{16384}, layout.data_offset() - 16384,
                          layout.slot_offset(8), UINT64_MAX, UINT64_MAX - 16383})
    CHECK_FALSE(layout.slot_at(offset));
}

TEST_CASE("odd capacities leave a rest that nobody uses") {
  auto config = golden_config();
  config.meta_total_bytes = 5 * 4096; // halves of two blocks and a half
  for (uint64_t device_bytes = 20480 + 16384; device_bytes < 200'000; device_bytes += 1111) {
    const auto result = make_raw_block_layout(config, device_bytes);
    REQUIRE(result.layout);
    const auto& layout = *result.layout;
    CHECK_EQ(layout.container_bytes(), 8192);
    CHECK_LE(layout.container_offset(1) + layout.container_bytes(), layout.data_offset());
    CHECK_LE(layout.slot_offset(layout.max_slots()), device_bytes);
    CHECK_GT(layout.slot_offset(layout.max_slots() + 1), device_bytes);
    for (uint64_t size = 1; size <= layout.max_payload_bytes(); size += 777)
      CHECK_LE(layout.whole_blocks(size), layout.max_payload_bytes());
  }
}

TEST_CASE("the capacity is the smaller of what is configured and what is there") {
  auto config = golden_config();
  config.capacity_bytes = 65536 + 2 * 16384;
  CHECK_EQ(make_raw_block_layout(config, 196608).layout->max_slots(), 2);
  CHECK_EQ(make_raw_block_layout(config, 65536 + 16384).layout->max_slots(), 1);
  const auto none = make_raw_block_layout(config, 65536 + 16383);
  CHECK_FALSE(none.layout);
  CHECK_EQ(none.error,
           "the 81919 bytes usable of device_path 'rawdev.img' have no room for meta_total_bytes "
           "65536 and one of slot_bytes 16384; use a larger device or file (it is never grown), or "
           "a smaller meta_total_bytes");
  for (uint64_t device_bytes : {0, 65535, 65536})
    CHECK_FALSE(make_raw_block_layout(config, device_bytes).layout);
}

TEST_CASE("a configuration that cannot work is refused with the option and the remedy") {
  CHECK_EQ(error_after([](auto&) {}), "");
  CHECK_EQ(error_after([](auto& c) { c = {.device_path = "d", .slot_bytes = 8192}; }), "");
  CHECK_EQ(error_after([](auto& c) { c.device_path = ""; }).find("device_path"), 0);
  CHECK_EQ(error_after([](auto& c) { c.block_align_bytes = 0; }).find("block_align 0"), 0);
  CHECK_EQ(error_after([](auto& c) { c.block_align_bytes = 4095; }).find("block_align 4095"), 0);
  CHECK_EQ(error_after([](auto& c) { c.block_align_bytes = 16; }).find("block_align 16"), 0);
  CHECK_EQ(error_after([](auto& c) { c.header_bytes = 0; }).find("header_bytes 0"), 0);
  CHECK_EQ(error_after([](auto& c) { c.header_bytes = 4097; }).find("header_bytes 4097"), 0);
  CHECK_EQ(error_after([](auto& c) { c.slot_bytes = 0; }).find("slot_bytes is missing"), 0);
  CHECK_EQ(error_after([](auto& c) { c.slot_bytes = 12289; }).find("slot_bytes 12289"), 0);
  CHECK_EQ(
    error_after([](auto& c) { c.slot_bytes = 4096; }),
    "slot_bytes 4096 leaves no room for a payload after header_bytes 4096; raise slot_bytes");
  CHECK_EQ(error_after([](auto& c) { c.slot_bytes = 8192; }), "");
  CHECK_EQ(error_after([](auto& c) { c.meta_total_bytes = 65537; }).find("meta_total_bytes"), 0);
  CHECK_EQ(error_after([](auto& c) { c.meta_total_bytes = 0; }).find("meta_total_bytes 0"), 0);
  CHECK_NE(error_after([](auto& c) { c.meta_total_bytes = 3 * 4096; }), "");
  CHECK_EQ(error_after([](auto& c) { c.meta_total_bytes = 4 * 4096; }), "");
  CHECK_EQ(error_after([](auto& c) { c.meta_magic = "LMCIDX0"; }).find("meta_magic"), 0);
  CHECK_EQ(error_after([](auto& c) { c.meta_magic = "LMCIDX\xc3\xa4"; }).find("meta_magic"), 0);
  CHECK_EQ(error_after([](auto& c) { c.meta_version = 0; }).find("meta_version"), 0);
  CHECK_EQ(error_after([](auto& c) { c.capacity_bytes = 65536; }).find("capacity_bytes 65536"), 0);
  CHECK_EQ(error_after([](auto& c) { c.capacity_bytes = 65537; }), "");
}

TEST_CASE("identities of slots equal the peer's") {
  size_t checked = 0;
  for (const auto& vector : l2_vectors()["names"]) {
    const auto name = vector["raw_block_encoded_key"].get<std::string>();
    const auto identity = vector["raw_block_slot_identity_u64"].get<std::string>();
    CHECK_EQ(std::to_string(slot_identity(name)), identity);
    ++checked;
  }
  CHECK_EQ(checked, 14);
}

TEST_CASE("headers of containers equal the peer's and come back") {
  const auto layout = golden_layout();
  for (const auto& vector : raw_block_image()["metadata_containers"]) {
    const auto payload = vector["payload_text"].get<std::string>();
    const container_header header{vector["seq"], payload.size(), crc32(test::as_bytes(payload))};
    bytes block(4096, std::byte{0xee});
    encode_container_header(layout, header, block);
    CHECK(block == padded(from_hex(vector["header32_hex"].get<std::string>()), 4096));
    const uint32_t container = vector["container"];
    CHECK(decode_container_header(layout, container, block) == header);
    CHECK_FALSE(decode_container_header(layout, 1 - container, block));
  }
}

TEST_CASE("a container's header is taken only when all of it is plausible") {
  const auto layout = golden_layout();
  const auto taken = [&](container_header header, uint32_t container) {
    bytes block(4096);
    encode_container_header(layout, header, block);
    return decode_container_header(layout, container, block).has_value();
  };
  CHECK(taken({1, 1, 0}, 0));
  CHECK(taken({2, layout.container_payload_bytes(), 0}, 1));
  CHECK_FALSE(taken({1, 0, 0}, 0));
  CHECK_FALSE(taken({1, layout.container_payload_bytes() + 1, 0}, 0));
  CHECK_FALSE(taken({1, UINT64_MAX, 0}, 0));
  CHECK_FALSE(taken({0, 1, 0}, 1));
  CHECK(taken({UINT64_MAX / 2, 1, 0}, 0));
  CHECK_FALSE(taken({UINT64_MAX / 2 + 2, 1, 0}, 0));
  auto other = golden_config();
  other.meta_version = 2;
  bytes block(4096);
  encode_container_header(*make_raw_block_layout(other, 196608).layout, {1, 1, 0}, block);
  CHECK_FALSE(decode_container_header(layout, 0, block));
  for (size_t size = 0; size < 32; ++size)
    CHECK_FALSE(decode_container_header(layout, 0, std::span{block}.first(size)));
}

TEST_CASE("headers of slots equal the peer's and come back") {
  for (const auto& vector : raw_block_image()["slots"]) {
    const slot_header header{slot_identity(raw_block_name(key_of(vector["key"]))),
                             vector["payload_len"], std::nullopt};
    CHECK_EQ(std::to_string(header.identity), vector["slot_identity_u64"].get<std::string>());
    bytes block(4096, std::byte{0xee});
    encode_slot_header(header, block);
    CHECK(block == padded(from_hex(vector["header24_hex"].get<std::string>()), 4096));
    CHECK(decode_slot_header(block) == header);
  }
}

TEST_CASE("a checksum lies where the peer does not look, and only where there is room") {
  const slot_header plain{0x0102030405060708, 8192, std::nullopt};
  auto summed = plain;
  summed.checksum = 0x1112131415161718;
  bytes with(4096, std::byte{0xee}), without(4096);
  encode_slot_header(summed, with);
  encode_slot_header(plain, without);
  CHECK(std::equal(with.begin(), with.begin() + 24, without.begin()));
  CHECK(all_zero(std::span{without}.subspan(24)));
  CHECK(bytes(with.begin() + 24, with.begin() + 40)
        == from_hex("585848335355"
                    "4d311817161514131211"));
  CHECK(all_zero(std::span{with}.subspan(40)));
  CHECK(decode_slot_header(with) == summed);
  CHECK(decode_slot_header(std::span{with}.first(39)) == plain);
  bytes small(32);
  encode_slot_header(summed, small);
  CHECK(decode_slot_header(small) == plain);
  for (size_t size = 0; size < 24; ++size)
    CHECK_FALSE(decode_slot_header(std::span{with}.first(size)));
}

TEST_CASE("the checksum is XXH3-64 of exactly the payload") {
  CHECK_EQ(payload_checksum({}), 0x2d06800538d394c2);
  bytes payload(5000, std::byte{34});
  const auto sum = payload_checksum(payload);
  CHECK_NE(payload_checksum(std::span{payload}.first(4999)), sum);
  payload[4321] ^= std::byte{1};
  CHECK_NE(payload_checksum(payload), sum);
}
