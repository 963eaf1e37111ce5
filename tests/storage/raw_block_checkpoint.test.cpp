#include "storage/raw_block_checkpoint.hpp"

#include "storage/crc32.hpp"
#include "tests/storage/raw_block_fixture.hpp"

#include <functional>
#include <random>

using namespace actord;
using namespace actord::test;

namespace {

checkpoint_result decode(std::string_view text) {
  return decode_checkpoint(golden_layout(), test::as_bytes(text));
}

std::string golden_text(uint32_t container) {
  return raw_block_image()["metadata_containers"][container]["payload_text"];
}

/// The golden checkpoint after a change to its JSON.
checkpoint_result after(const std::function<void(nlohmann::json&)>& change) {
  auto json = nlohmann::json::parse(golden_text(0));
  change(json);
  return decode(json.dump());
}

/// A checkpoint whose entries are this text.
std::string with_entries(std::string_view entries) {
  auto text = encode_checkpoint(golden_layout(), 3, {});
  return text.insert(text.size() - 2, entries);
}

bool rejected_for(const checkpoint_result& result, std::string_view what) {
  CAPTURE(result.error);
  return result.error.find(what) != std::string::npos && result.entries.empty();
}

} // namespace

TEST_CASE("checkpoints equal the peer's byte for byte") {
  for (uint32_t container : {0u, 1u})
    CHECK_EQ(encode_checkpoint(golden_layout(), 3, golden_entries(container)),
             golden_text(container));
}

TEST_CASE("the peer's checkpoints are read") {
  for (uint32_t container : {0u, 1u}) {
    const auto result = decode(golden_text(container));
    CHECK_EQ(result.error, "");
    CHECK_EQ(result.next_slot, 3);
    CHECK_EQ(result.skipped, 0);
    CHECK(result.entries == golden_entries(container));
  }
}

TEST_CASE("what is written is read, and takes the bytes foretold") {
  std::mt19937 random{11};
  const auto layout = golden_layout();
  const std::vector<std::string> pieces{"a", "\"", "\\", "\n", "\x7f", "é", "😀", ":", "@", "{"};
  const auto empty_bytes = encode_checkpoint(layout, 8, {}).size();
  for (int round = 0; round < 300; ++round) {
    std::vector<checkpoint_entry> entries(random() % 30);
    uint64_t foretold = empty_bytes;
    for (size_t i = 0; i < entries.size(); ++i) {
      auto& entry = entries[i];
      entry.name = std::to_string(i);
      for (auto left = random() % 9; left > 0; --left)
        entry.name += pieces[random() % pieces.size()];
      entry.slot = random() % layout.max_slots();
      entry.payload_bytes = 1 + random() % layout.max_payload_bytes();
      if (random() % 2 == 0)
        entry.description = R"("shape":[],"dtype":null,"fmt":"a\"\u00e9","cached_positions":[7,0])";
      foretold += checkpoint_entry_bytes(layout, entry);
    }
    const auto text = encode_checkpoint(layout, 8, entries);
    CHECK_EQ(text.size(), foretold - !entries.empty());
    const auto result = decode(text);
    CHECK_EQ(result.error, "");
    CHECK(result.entries == entries);
  }
}

TEST_CASE("the order of members and members that nobody knows do not matter") {
  auto text = golden_text(0);
  const auto result = decode(nlohmann::json::parse(text).dump(2)); // sorted, with spaces
  CHECK_EQ(result.error, "");
  CHECK_EQ(result.entries.size(), 3);
  text.insert(1, R"("a":[{"entries":{"x":{"offset":65536,"size":1}},"version":2}],"b":{"c":1.5},)");
  CHECK(decode(text).entries == golden_entries(0));
  const auto at = text.find(R"("offset")");
  text.insert(at, R"("x":{"offset":1},"y":[[1],{"size":2}],"z":-1e5,)");
  CHECK(decode(text).entries == golden_entries(0));
}

TEST_CASE("of members with one name the last counts") {
  CHECK(decode(R"({"version":2,"entries":{"a":{}},)" + golden_text(0).substr(1)).entries
        == golden_entries(0));
  const std::string good = R"({"offset":65536,"size":5})", better = R"({"offset":81920,"size":6})";
  const auto twice
    = decode(with_entries(R"("a":)" + good + R"(,"b":)" + good + R"(,"a":)" + better));
  REQUIRE_EQ(twice.entries.size(), 2);
  CHECK(twice.entries[0] == checkpoint_entry{"a", 1, 6, ""});
  CHECK(twice.entries[1] == checkpoint_entry{"b", 0, 5, ""});
  for (const char* bad : {"1", "[]", "null", "{}", R"({"offset":65536,"size":0})"}) {
    const auto ended = decode(with_entries(R"("a":)" + good + R"(,"a":)" + bad));
    CHECK(ended.entries.empty());
    CHECK_EQ(ended.skipped, 1);
  }
  const auto fields = decode(with_entries(
    R"("a":{"offset":0,"size":5,"offset":65536,"shape":[1],"shape":[2]},)"
    R"("b":{"offset":65536,"size":5,"size":"5"},"c":{"offset":65536,"size":5,"offset":[65536]})"));
  REQUIRE_EQ(fields.entries.size(), 1);
  CHECK(fields.entries[0].description
        == R"("shape":[2],"dtype":null,"fmt":null,"cached_positions":null)");
  CHECK_EQ(fields.skipped, 2);
}

TEST_CASE("a checkpoint of another configuration is rejected as a whole with the difference") {
  for (const char* member : {"version", "block_align", "header_bytes", "slot_bytes",
                             "meta_total_bytes", "meta_version", "meta_magic", "device_path"}) {
    CAPTURE(member);
    const auto named = " its " + std::string{member} + " is ";
    CHECK(rejected_for(after([&](auto& json) { json[member] = 7; }), named + "7 and not "));
    CHECK(rejected_for(after([&](auto& json) { json[member] = "x"; }), named + "\"x\" and not "));
    CHECK(rejected_for(after([&](auto& json) { json[member] = {1}; }), named + "a list"));
    CHECK(rejected_for(after([&](auto& json) { json[member] = true; }), named + "true"));
    if (member != std::string_view{"device_path"}) {
      CHECK(rejected_for(after([&](auto& json) { json.erase(member); }), named + "missing"));
      CHECK(rejected_for(after([&](auto& json) { json[member] = nullptr; }), named + "null"));
    }
  }
  CHECK_EQ(after([](auto& json) { json["meta_magic"] = "x"; }).error,
           "the checkpoint on device_path 'rawdev.img' is not used, the store begins empty: its "
           "meta_magic is \"x\" and not \"LMCIDX01\"; configure it as the server that wrote it, or "
           "let it be written anew");
  for (const nlohmann::json& bad : {nlohmann::json(9), nlohmann::json(-1), nlohmann::json(1.0),
                                    nlohmann::json("3"), nlohmann::json(UINT64_MAX)})
    CHECK(rejected_for(after([&](auto& json) { json["next_slot"] = bad; }), "not 0..8"));
  CHECK(rejected_for(after([](auto& json) { json.erase("next_slot"); }), "missing and not 0..8"));
  CHECK(rejected_for(after([](auto& json) { json["entries"] = 1; }), "entries are no JSON object"));
  CHECK(
    rejected_for(after([](auto& json) { json["entries"] = {1}; }), "entries are no JSON object"));
  const auto long_path = after([](auto& json) { json["device_path"] = std::string(100'000, 'p'); });
  CHECK_LT(long_path.error.size(), 1'000);
}

TEST_CASE("what the peer does not compare does not matter") {
  for (const char* member : {"capacity_bytes", "data_base_offset"}) {
    CHECK_EQ(after([&](auto& json) { json[member] = 1; }).entries.size(), 3);
    CHECK_EQ(after([&](auto& json) { json.erase(member); }).entries.size(), 3);
  }
  CHECK_EQ(after([](auto& json) { json["device_path"] = ""; }).entries.size(), 3);
  CHECK_EQ(after([](auto& json) { json.erase("device_path"); }).entries.size(), 3);
  for (uint64_t next_slot : {0, 8})
    CHECK_EQ(after([&](auto& json) { json["next_slot"] = next_slot; }).next_slot, next_slot);
  CHECK_EQ(after([](auto& json) { json.erase("entries"); }).error, "");
}

TEST_CASE("an entry that is no slot's or has no possible size is skipped alone") {
  const auto with = [](nlohmann::json offset, nlohmann::json size) {
    return after([&](auto& json) {
      auto& entry = *json["entries"].begin();
      entry["offset"] = offset;
      entry["size"] = size;
    });
  };
  CHECK_EQ(with(65536, 1).entries.size(), 3);
  CHECK_EQ(with(65536 + 7 * 16384, 12288).entries.size(), 3);
  const std::vector<std::pair<nlohmann::json, nlohmann::json>> bad{{0, 1},
                                                                   {32768, 1},
                                                                   {65537, 1},
                                                                   {65536 + 8 * 16384, 1},
                                                                   {-65536, 1},
                                                                   {65536.0, 1},
                                                                   {"65536", 1},
                                                                   {nullptr, 1},
                                                                   {UINT64_MAX, 1},
                                                                   {65536, 0},
                                                                   {65536, 12289},
                                                                   {65536, -1},
                                                                   {65536, nullptr},
                                                                   {65536, nlohmann::json::array()},
                                                                   {nlohmann::json::object(), 1}};
  for (const auto& [offset, size] : bad) {
    const auto result = with(offset, size);
    CHECK_EQ(result.error, "");
    CHECK_EQ(result.entries.size(), 2);
    CHECK_EQ(result.skipped, 1);
  }
}

TEST_CASE("a description that the peer could not have written is left out") {
  const auto described = [](std::string_view members) {
    const auto result
      = decode(with_entries(R"("a":{"offset":65536,"size":1,)" + std::string{members} + '}'));
    REQUIRE_EQ(result.entries.size(), 1);
    return result.entries[0].description;
  };
  CHECK_EQ(described(R"("shape":null,"dtype":null,"fmt":null,"cached_positions":null)"), "");
  CHECK_EQ(described(R"("shape":[1,"2"],"dtype":[1],"fmt":{},"cached_positions":[[1]])"), "");
  CHECK_EQ(described(R"("shape":5,"dtype":true,"fmt":1.5,"cached_positions":"x")"), "");
  CHECK_EQ(described(R"("cached_positions":[0,1],"fmt":"é")"),
           R"("shape":null,"dtype":null,"fmt":"\u00e9","cached_positions":[0,1])");
}

TEST_CASE("text that is cut off or no checkpoint is rejected") {
  const auto text = golden_text(0);
  for (size_t size = 0; size < text.size(); ++size)
    CHECK_FALSE(decode(std::string_view{text}.substr(0, size)).error.empty());
  for (const char* bad : {"1", "[]", "\"x\"", "null", "true", "{} {}", "{\"a\":1,}", "\xff"})
    CHECK_FALSE(decode(bad).error.empty());
  CHECK(rejected_for(decode(text + "x"), "no JSON from byte"));
  CHECK(rejected_for(decode(with_entries("\"\xff\":{}")), "no JSON from byte"));
}

TEST_CASE("nesting, entries and bytes are bounded") {
  const auto nested = [](size_t levels) {
    return R"({"x":)" + std::string(levels, '[') + std::string(levels, ']') + ','
           + golden_text(0).substr(1);
  };
  CHECK_EQ(decode(nested(15)).error, "");
  CHECK(rejected_for(decode(nested(16)), "nested deeper than 16 levels"));
  CHECK(rejected_for(decode(nested(1'000'000)), "nested deeper than 16 levels"));
  CHECK(rejected_for(decode(R"({"x":)" + std::string(1'000'000, '[')), "nested deeper"));
  std::string many;
  for (size_t i = 0; i < max_checkpoint_entries; ++i)
    many += R"("":{},)";
  CHECK(rejected_for(decode(with_entries(many + R"("":{})")), "more than 400000 entries"));
  many.pop_back();
  CHECK_EQ(decode(with_entries(many)).error, "");
  CHECK(rejected_for(decode(std::string(max_checkpoint_bytes + 1, ' ')), "134217728 at most"));
}

TEST_CASE("a checkpoint that would not be read or has no room is not made") {
  const auto layout = golden_layout();
  const auto room = checkpoint_room_bytes(layout);
  checkpoint_entry entry{"n", 0, 1, ""};
  entry.name.append(room - checkpoint_entry_bytes(layout, entry) + 1, 'n'); // no comma follows
  const auto full = encode_checkpoint(layout, layout.max_slots(), {&entry, 1});
  CHECK_EQ(full.size(), layout.container_payload_bytes());
  entry.name += 'n';
  CHECK_EQ(encode_checkpoint(layout, layout.max_slots(), {&entry, 1}), "");
  auto config = golden_config();
  config.meta_total_bytes = 1u << 30;
  const auto large = *make_raw_block_layout(config, 2u << 30).layout;
  CHECK_LT(checkpoint_room_bytes(large), max_checkpoint_bytes);
  const std::vector<checkpoint_entry> many(max_checkpoint_entries + 1, {"n", 0, 1, ""});
  CHECK_EQ(encode_checkpoint(large, 0, many), "");
  CHECK_NE(encode_checkpoint(large, 0, std::span{many}.first(max_checkpoint_entries)), "");
}

TEST_CASE("the newer of two containers is the candidate, then the other") {
  const auto layout = golden_layout();
  const auto block = [&](uint64_t sequence) {
    bytes result(4096);
    if (sequence > 0)
      encode_container_header(layout, {sequence, 10, 1}, result);
    return result;
  };
  const auto order = [&](uint64_t first, uint64_t second) {
    std::vector<uint64_t> result;
    for (const auto& each : container_candidates(layout, block(first), block(second))) {
      CHECK_EQ(container_of(each.header.sequence), each.container);
      result.push_back(each.header.sequence);
    }
    return result;
  };
  using sequences = std::vector<uint64_t>;
  CHECK(order(0, 0) == sequences{});
  CHECK(order(1, 0) == sequences{1});
  CHECK(order(0, 2) == sequences{2});
  CHECK(order(1, 2) == sequences{2, 1});
  CHECK(order(3, 2) == sequences{3, 2});
  CHECK(order(2, 1) == sequences{}); // not where they belong
  CHECK(container_candidates(layout, {}, {}).empty());
}

TEST_CASE("a payload is intact when length and checksum agree") {
  const auto text = golden_text(0);
  const container_header header{1, text.size(), crc32(test::as_bytes(text))};
  CHECK(intact(header, test::as_bytes(text)));
  CHECK(intact(header, test::as_bytes(text + std::string(100, '\0'))));
  CHECK_FALSE(intact(header, test::as_bytes(text.substr(1))));
  CHECK_FALSE(
    intact(container_header{1, text.size() - 1, header.payload_crc32}, test::as_bytes(text)));
}
