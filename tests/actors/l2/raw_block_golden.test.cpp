// The peer's image served, and ours judged by a checker that shares no code with what wrote it.
#include "tests/fixtures/raw_block_twin.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace actord;
using namespace actord::fixtures;
using json = nlohmann::ordered_json;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;

std::string text_of(std::string_view hex) {
  const auto raw = actord::test::from_hex(hex);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string payload_of(const nlohmann::json& slot) {
  return std::string(slot.at("payload_len").get<size_t>(),
                     static_cast<char>(slot.at("payload_fill_byte").get<int>()));
}

/// The image as the peer left it.
std::string golden_image() {
  const auto& golden = actord::test::raw_block_image();
  std::string result(golden["config"]["device_size"].get<size_t>(), '\0');
  const auto put
    = [&](size_t offset, const std::string& bytes) { result.replace(offset, bytes.size(), bytes); };
  for (const auto& each : golden["metadata_containers"]) {
    put(each["file_offset"], text_of(each["header32_hex"].get<std::string>()));
    put(each["payload_offset"], each["payload_text"].get<std::string>());
  }
  for (const auto& each : golden["slots"]) {
    put(each["file_offset"], text_of(each["header24_hex"].get<std::string>()));
    put(each["payload_offset"], payload_of(each));
  }
  return result;
}

std::vector<object_ref> golden_objects() {
  std::vector<object_ref> result;
  for (const auto& each : actord::test::raw_block_image()["slots"])
    result.push_back(to_ref(actord::test::key_of(each["key"]), each["payload_len"]));
  return result;
}

uint64_t number_at(const std::string& bytes, size_t offset, size_t width) {
  uint64_t result = 0;
  for (size_t i = width; i-- > 0;)
    result = result << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return result;
}

/// CRC-32 as IEEE 802.3 defines it, bit by bit.
uint32_t plain_crc32(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (char each : bytes) {
    crc ^= static_cast<uint8_t>(each);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/// The text of a container that is exactly as the specification says. `sequence`: what it must be.
std::string checked_container(const std::string& image, size_t offset, uint64_t sequence) {
  CHECK_EQ(image.substr(offset, 8), "LMCIDX01");
  CHECK_EQ(number_at(image, offset + 8, 4), 1u);
  CHECK_EQ(number_at(image, offset + 12, 8), sequence);
  const auto length = number_at(image, offset + 20, 8);
  REQUIRE_LE(length, 32'768 - 4096);
  CHECK_EQ(image.substr(offset + 32, 4096 - 32), std::string(4096 - 32, '\0'));
  const auto text = image.substr(offset + 4096, length);
  CHECK_EQ(number_at(image, offset + 28, 4), plain_crc32(text));
  const auto padding = (4096 - length % 4096) % 4096;
  CHECK_EQ(image.substr(offset + 4096 + length, padding), std::string(padding, '\0'));
  return text;
}

/// A golden index without the descriptions that this server has no use for.
std::string without_descriptions(const std::string& text) {
  auto index = json::parse(text);
  for (auto& [name, entry] : index["entries"].items())
    entry["shape"] = entry["dtype"] = entry["fmt"] = entry["cached_positions"] = nullptr;
  return index.dump();
}

std::string golden_text(size_t container) {
  return actord::test::raw_block_image()["metadata_containers"][container]["payload_text"];
}

struct golden_twin : raw_block_twin {
  golden_twin() {
    options.config = actord::test::golden_config();
    options.use_odirect = false;
    options.store_lanes = 1; // in order
  }
  std::string& image() {
    return disk->at("/rawdev.img")->bytes;
  }
};

} // namespace

TEST_CASE_FIXTURE(golden_twin, "the peer's image is opened and its payloads are served exactly") {
  const auto& golden = actord::test::raw_block_image()["slots"];
  disk->put("/rawdev.img", golden_image());
  size_t live
    = 1; // the second was erased; the third has a world of no size, which no engine asks for
  SUBCASE("as it is") {
  }
  SUBCASE("with the older index") {
    image().replace(32'768, 4096, 4096, '\0');
    live = 2;
  }
  REQUIRE_EQ(open(), "");
  slots loaded{golden_objects(), 1};
  results expected(3, absent);
  std::fill_n(expected.begin(), live, ok);
  CHECK_EQ(probe(loaded), expected);
  CHECK_EQ(load(loaded), expected);
  for (size_t i = 0; i < live; ++i)
    CHECK(loaded.bytes(i) == payload_of(golden[i]));
  CHECK_EQ(status("loaded_unverified"), std::to_string(live));
  CHECK_EQ(status("dropped_at_start"), "1");
  CHECK_EQ(scan().size(), live);
  // What the peer says of an entry goes back to it.
  uut.reset();
  const auto container = live == 1 ? 0u : 1u;
  auto wanted = json::parse(golden_text(1 - container));
  wanted["entries"].erase(raw_block_name(actord::test::key_of(golden[2]["key"])));
  CHECK_EQ(checked_container(image(), container * 32'768, live == 1 ? 3 : 2), wanted.dump());
}

TEST_CASE_FIXTURE(golden_twin,
                  "the same keys and payloads make an image that the specification accepts") {
  const auto& golden = actord::test::raw_block_image()["slots"];
  disk->put("/rawdev.img", std::string(196'608, '\0'));
  auto checksums = false;
  SUBCASE("plain") {
  }
  SUBCASE("with checksums") {
    checksums = true;
  }
  SUBCASE("in whole blocks, with checksums") {
    checksums = options.use_odirect = true;
  }
  options.verify_checksums = checksums;
  REQUIRE_EQ(open(), "");
  slots stored{golden_objects(), 1};
  for (size_t i = 0; i < 3; ++i)
    std::memset((*stored.batch())[i].bytes, golden[i]["payload_fill_byte"].get<int>(),
                (*stored.batch())[i].object.length_bytes);
  CHECK_EQ(store(stored), results{ok, ok, ok});
  checkpoint();
  slots second{{golden_objects()[1]}, 2};
  CHECK_EQ(erase(second), results{ok});
  uut.reset();
  for (size_t container : {0u, 1u})
    CHECK_EQ(checked_container(image(), container * 32'768, container + 1),
             without_descriptions(golden_text(container)));
  const auto expected = golden_image();
  for (const auto& each : golden) {
    const size_t offset = each["file_offset"];
    CHECK_EQ(image().substr(offset, 24), text_of(each["header24_hex"].get<std::string>()));
    CHECK_EQ(image().substr(offset + 24, 8), checksums ? "XXH3SUM1" : std::string(8, '\0'));
    CHECK_EQ(number_at(image(), offset + 32, 8) != 0, checksums);
    CHECK_EQ(image().substr(offset + 40, 16'384 - 40), expected.substr(offset + 40, 16'384 - 40));
  }
}
