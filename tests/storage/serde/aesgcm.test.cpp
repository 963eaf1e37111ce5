#include "storage/serde/aesgcm.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace actord;

namespace {

using bytes = std::vector<std::byte>;

bytes from_hex(const std::string& text) {
  bytes result;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    result.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return result;
}

nlohmann::json vectors_of(const std::string& file_name) {
  std::ifstream file{ACTORD_TEST_DATA "/" + file_name};
  REQUIRE(file.good());
  return nlohmann::json::parse(file);
}

bool count_up(std::span<uint8_t> out) noexcept {
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<uint8_t>(i);
  return true;
}

bool no_random(std::span<uint8_t>) noexcept {
  return false;
}

bytes noise(size_t size, uint32_t seed = 1) {
  std::mt19937 random{seed};
  bytes result(size);
  for (auto& each : result)
    each = static_cast<std::byte>(random());
  return result;
}

const bytes master = noise(32, 99);
const object_key some_key{{{1, 2, 3}}, "model", pack_kv_rank(2, 1), 3, "alice"};

serde_object about(const object_key& key, uint64_t plain_bytes) {
  return {key, "bfloat16", plain_bytes};
}

bytes sealed(const aesgcm_serde& serde, const object_key& key, const bytes& plain) {
  const auto object = about(key, plain.size());
  bytes out(serde.size_of(object).bytes);
  const auto result = serde.open_lane()->encode(object, plain, out);
  REQUIRE(result.fault == serde_fault::none);
  REQUIRE_EQ(result.bytes, out.size());
  return out;
}

/// Decodes into a buffer of `plain_bytes` that was full of 0xAA.
std::pair<serde_fault, bytes>
opened(const aesgcm_serde& serde, const object_key& key, const bytes& frame, size_t plain_bytes) {
  bytes out(plain_bytes, std::byte{0xAA});
  const auto fault = serde.open_lane()->decode(about(key, plain_bytes), frame, out);
  return {fault, out};
}

} // namespace

TEST_CASE("keys and frames equal the peer's, both ways") {
  size_t checked = 0;
  const auto vectors = vectors_of("serde_aesgcm.json");
  for (const auto& vector : vectors["cases"]) {
    const auto text = [&](const char* name) { return vector[name].get<std::string>(); };
    const auto key_bytes = from_hex(text("master_key_hex"));
    aesgcm_options options;
    options.aes_bits = vector["aes_bits"].get<uint32_t>();
    options.random = count_up; // the nonce of every vector
    master_secret secret{key_bytes};
    std::array<uint8_t, 32> key{};
    REQUIRE(secret.derive(text("cache_salt"), std::span{key}.first(options.aes_bits / 8)));
    const auto expected = from_hex(text("derived_key_hex"));
    CHECK(std::equal(expected.begin(), expected.end(), std::as_bytes(std::span{key}).begin()));

    aesgcm_serde serde{key_bytes, options};
    auto name = some_key;
    name.cache_salt = text("cache_salt");
    const auto plain = from_hex(text("plaintext_hex"));
    const auto frame = from_hex(text("frame_hex"));
    CHECK(sealed(serde, name, plain) == frame);
    CHECK(opened(serde, name, frame, plain.size()) == std::pair{serde_fault::none, plain});
    ++checked;
  }
  CHECK_EQ(checked, 4);
}

TEST_CASE("what was sealed opens again, for every size, version and key length") {
  for (uint32_t bits : {128u, 256u})
    for (bool is_bound : {false, true}) {
      aesgcm_serde serde{master, {.aes_bits = bits, .bind_identity = is_bound}};
      for (size_t size : {0, 1, 15, 16, 17, 1000, 65537}) {
        const auto plain = noise(size);
        const auto frame = sealed(serde, some_key, plain);
        CHECK_EQ(frame.size(), size + 29);
        CHECK_EQ(frame[0], std::byte{is_bound ? uint8_t{2} : uint8_t{1}});
        CHECK(opened(serde, some_key, frame, size) == std::pair{serde_fault::none, plain});
      }
    }
}

TEST_CASE("any changed bit is noticed, and nothing of the text comes out") {
  for (bool is_bound : {false, true}) {
    aesgcm_serde serde{master, {.bind_identity = is_bound}};
    const auto plain = noise(40);
    const auto frame = sealed(serde, some_key, plain);
    for (size_t bit = 8; bit < frame.size() * 8; ++bit) {
      auto changed = frame;
      changed[bit / 8] ^= std::byte{1} << bit % 8;
      CHECK(opened(serde, some_key, changed, 40) == std::pair{serde_fault::bad_tag, bytes(40)});
    }
    // One version taken for the other: the associated data differ.
    auto changed = frame;
    changed[0] ^= std::byte{3};
    CHECK(opened(serde, some_key, changed, 40) == std::pair{serde_fault::bad_tag, bytes(40)});
  }
}

TEST_CASE("other versions and lengths are told apart and leave the buffer alone") {
  aesgcm_serde serde{master, {}};
  auto frame = sealed(serde, some_key, noise(40));
  const bytes untouched(40, std::byte{0xAA});
  for (size_t size = 0; size < frame.size(); ++size) {
    const bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size));
    CHECK(opened(serde, some_key, cut, 40) == std::pair{serde_fault::too_short, untouched});
  }
  auto longer = frame;
  longer.push_back({});
  CHECK(opened(serde, some_key, longer, 40) == std::pair{serde_fault::wrong_length, untouched});
  for (int version = 0; version < 256; ++version)
    if (version != 1 && version != 2) {
      frame[0] = static_cast<std::byte>(version);
      CHECK(opened(serde, some_key, frame, 40) == std::pair{serde_fault::wrong_version, untouched});
    }
}

TEST_CASE("a bound frame opens under its own key only, an unbound one under all of its salt") {
  std::vector<object_key> others(5, some_key);
  others[0].hash.bytes[31] = 1;
  others[1].model_name = "model2";
  others[2].kv_rank = pack_kv_rank(2, 0);
  others[3].object_group_id = 4;
  // A byte that walks from one field into the next.
  others[4].model_name = "mode";
  const auto plain = noise(40);
  for (bool is_bound : {false, true}) {
    aesgcm_serde serde{master, {.bind_identity = is_bound}};
    const auto frame = sealed(serde, some_key, plain);
    for (const auto& other : others)
      CHECK((opened(serde, other, frame, 40).first == serde_fault::none) != is_bound);
    auto other_salt = some_key;
    other_salt.cache_salt = "bob";
    CHECK(opened(serde, other_salt, frame, 40).first == serde_fault::bad_tag);
  }
}

TEST_CASE("version 2 authenticates the bytes that its description names") {
  // The expected frame was made by another AES-GCM from the description in aesgcm.hpp.
  const auto vector = vectors_of("serde_aesgcm_bound.json");
  aesgcm_serde serde{from_hex(vector["master_key_hex"].get<std::string>()),
                     {.bind_identity = true, .random = count_up}};
  object_key key;
  const auto hash = from_hex(vector["chunk_hash_hex"].get<std::string>());
  REQUIRE_EQ(hash.size(), key.hash.bytes.size());
  std::memcpy(key.hash.bytes.data(), hash.data(), hash.size());
  key.model_name = vector["model_name"].get<std::string>();
  key.kv_rank = vector["kv_rank"].get<uint32_t>();
  key.object_group_id = vector["object_group_id"].get<uint32_t>();
  key.cache_salt = vector["cache_salt"].get<std::string>();
  CHECK(sealed(serde, key, from_hex(vector["plaintext_hex"].get<std::string>()))
        == from_hex(vector["frame_hex"].get<std::string>()));
}

TEST_CASE("frames that name no key are refused when so configured") {
  const auto plain = noise(40);
  const auto unbound = sealed(aesgcm_serde{master, {}}, some_key, plain);
  const auto bound = sealed(aesgcm_serde{master, {.bind_identity = true}}, some_key, plain);
  for (bool refuses : {false, true}) {
    aesgcm_serde serde{master, {.bind_identity = true, .refuse_unbound = refuses}};
    CHECK_EQ(opened(serde, some_key, bound, 40).first, serde_fault::none);
    CHECK_EQ(opened(serde, some_key, unbound, 40).first,
             refuses ? serde_fault::unbound : serde_fault::none);
  }
}

TEST_CASE("nonces differ, and a key seals no more frames than it may") {
  aesgcm_serde serde{master, {.max_frames_per_key = 100}};
  const auto lanes = std::array{serde.open_lane(), serde.open_lane()};
  const bytes plain(16);
  bytes out(plain.size() + aesgcm_serde::overhead_bytes);
  std::set<bytes> nonces;
  for (size_t i = 0; i < 100; ++i) {
    CHECK_EQ(lanes[i % 2]->encode(about(some_key, 16), plain, out).fault, serde_fault::none);
    nonces.insert(bytes(out.begin() + 1, out.begin() + 13));
  }
  CHECK_EQ(nonces.size(), 100);
  for (const auto& lane : lanes)
    CHECK_EQ(lane->encode(about(some_key, 16), plain, out).fault, serde_fault::no_nonce);
  auto other = some_key;
  other.cache_salt = "bob";
  CHECK_EQ(lanes[0]->encode(about(other, 16), plain, out).fault, serde_fault::none);
  // Reading goes on.
  CHECK_EQ(opened(serde, other, out, 16).first, serde_fault::none);
}

TEST_CASE("nothing is sealed without random bytes, and wrong buffers are told") {
  const bytes plain(16);
  bytes out(45);
  const auto object = about(some_key, 16);
  aesgcm_serde blind{master, {.random = no_random}};
  CHECK_EQ(blind.open_lane()->encode(object, plain, out).fault, serde_fault::no_nonce);
  aesgcm_serde serde{master, {}};
  auto lane = serde.open_lane();
  CHECK_EQ(lane->encode(object, plain, std::span{out}.first(44)).fault, serde_fault::wrong_buffer);
  CHECK_EQ(lane->encode(object, std::span{plain}.first(15), out).fault, serde_fault::wrong_buffer);
  CHECK_EQ(lane->decode(object, out, std::span{out}.first(15)), serde_fault::wrong_buffer);
  CHECK_EQ(serde.size_of(about(some_key, uint64_t{1} << 36)).fault, serde_fault::wrong_length);
  auto salty = some_key;
  salty.cache_salt.assign(513, 's');
  CHECK_EQ(lane->encode(about(salty, 16), plain, out).fault, serde_fault::wrong_salt);
  salty.cache_salt.assign(512, 's');
  CHECK_EQ(lane->encode(about(salty, 16), plain, out).fault, serde_fault::none);
}

TEST_CASE("salt keys are kept up to a bound, the least used one goes first, all stay right") {
  master_secret secret{master};
  salt_keys keys{secret, 32};
  std::mt19937 random{7};
  auto check = [&](const std::string& salt) {
    std::array<uint8_t, 32> expected{};
    REQUIRE(secret.derive(salt, expected));
    const auto* found = keys.find(salt);
    REQUIRE(found != nullptr);
    CHECK(std::equal(expected.begin(), expected.end(), found));
  };
  for (size_t i = 0; i < salt_keys::capacity; ++i)
    check("tenant-" + std::to_string(i));
  for (size_t i = 0; i < salt_keys::capacity; ++i)
    check("tenant-" + std::to_string(i));
  CHECK_EQ(keys.derived(), salt_keys::capacity);
  check("tenant-0");
  check("one more"); // takes the place of tenant-1
  check("tenant-0");
  CHECK_EQ(keys.derived(), salt_keys::capacity + 1);
  check("tenant-1");
  CHECK_EQ(keys.derived(), salt_keys::capacity + 2);
  for (int i = 0; i < 1000; ++i)
    check(std::to_string(random() % 200));
  CHECK_EQ(keys.find(std::string(513, 's')), nullptr);
  check("");
}

TEST_CASE("threads with lanes of their own share one serde") {
  aesgcm_serde serde{master, {.bind_identity = true}};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < 3; ++number)
    threads.emplace_back([&, number] {
      auto lane = serde.open_lane();
      auto key = some_key;
      const auto plain = noise(1000, number);
      bytes frame(1029), back(1000);
      for (int i = 0; i < 300; ++i) {
        key.cache_salt = std::to_string(i % 100);
        wrong += lane->encode(about(key, 1000), plain, frame).fault != serde_fault::none;
        wrong += lane->decode(about(key, 1000), frame, back) != serde_fault::none;
        wrong += back != plain;
      }
    });
  for (auto& each : threads)
    each.join();
  CHECK_EQ(wrong, 0);
}
