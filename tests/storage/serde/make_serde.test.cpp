#include "storage/serde/make_serde.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

using namespace actord;

namespace {

constexpr std::string_view secret = "a-very-secret-master-key-material";

serde_options aesgcm() {
  serde_options result;
  result.type = "aesgcm";
  result.master_key_path = "key.bin";
  result.master_key = std::as_bytes(std::span{secret});
  return result;
}

serde_options fp8() {
  serde_options result;
  result.type = "fp8";
  return result;
}

using change = std::function<void(serde_options&)>;

} // namespace

TEST_CASE("what the peer accepts is accepted, and so are the bound frames") {
  CHECK_EQ(make_serde(fp8()).made->type(), "fp8");
  CHECK_EQ(make_serde(aesgcm()).made->type(), "aesgcm");
  for (const change& each :
       {change{[](auto& options) { options.aes_bits = 256; }},
        change{[](auto& options) { options.bind_identity = true; }},
        change{[](auto& options) { options.bind_identity = options.refuse_unbound = true; }},
        change{[](auto& options) { options.master_key = options.master_key.first(1); }}}) {
    auto options = aesgcm();
    each(options);
    const auto result = make_serde(options);
    CHECK(result.made != nullptr);
    CHECK_EQ(result.error, "");
  }
  auto options = fp8();
  options.fp8_dtype = "float8_e5m2";
  CHECK(make_serde(options).made != nullptr);
}

TEST_CASE("what is refused is named with its value, and no message shows the key") {
  struct refusal {
    serde_options (*base)();
    change make;
    const char *key, *value;
  };
  for (const auto& each : {
         refusal{aesgcm, [](auto& o) { o.type = "zstd"; }, "serde.type", "zstd"},
         refusal{aesgcm, [](auto& o) { o.type = ""; }, "serde.type", "\"\""},
         refusal{aesgcm, [](auto& o) { o.type = "turboquant"; }, "serde.type", "turboquant"},
         refusal{aesgcm, [](auto& o) { o.key_provider = "vault\n"; }, "serde.key_provider",
                 "vault?"},
         refusal{aesgcm, [](auto& o) { o.aes_bits = 192; }, "serde.aes_bits", "192"},
         refusal{aesgcm, [](auto& o) { o.aes_bits = -128; }, "serde.aes_bits", "-128"},
         refusal{aesgcm, [](auto& o) { o.aes_bits = (int64_t{1} << 32) + 128; }, "serde.aes_bits",
                 "4294967424"},
         refusal{aesgcm, [](auto& o) { o.master_key_path = ""; }, "serde.master_key_path",
                 "missing"},
         refusal{aesgcm, [](auto& o) { o.master_key = {}; }, "serde.master_key_path", "key.bin"},
         refusal{aesgcm, [](auto& o) { o.refuse_unbound = true; }, "serde.cpp.refuse_unbound",
                 "true"},
         refusal{fp8, [](auto& o) { o.fp8_dtype = "float8_e4m3fnuz"; }, "serde.fp8_dtype",
                 "float8_e4m3fnuz"},
         refusal{fp8, [](auto& o) { o.fp8_dtype = std::string(1000, 'x'); }, "serde.fp8_dtype",
                 "xxx...\""},
         refusal{fp8, [](auto& o) { o.bind_identity = true; }, "serde.cpp.bind_identity", "true"},
         refusal{fp8, [](auto& o) { o.refuse_unbound = true; }, "serde.cpp.refuse_unbound", "true"},
       }) {
    auto options = each.base();
    each.make(options);
    const auto result = make_serde(options);
    CAPTURE(result.error);
    CHECK(result.made == nullptr);
    CHECK(result.error.starts_with(each.key));
    CHECK(result.error.find(each.value) != std::string::npos);
    CHECK(result.error.find("secret") == std::string::npos);
    CHECK_LT(result.error.size(), 200);
  }
}

TEST_CASE("options reach the serde, which keeps no reference to the master key") {
  std::vector<std::byte> key(32, std::byte{7});
  auto options = aesgcm();
  options.master_key = key;
  options.bind_identity = true;
  const auto writer = make_serde(options).made;
  options.refuse_unbound = true;
  const auto strict = make_serde(options).made;
  options.bind_identity = options.refuse_unbound = false;
  const auto peer_like = make_serde(options).made;
  options.aes_bits = 256;
  const auto longer_key = make_serde(options).made;
  std::fill(key.begin(), key.end(), std::byte{0});

  const object_key name{{{1}}, "model", pack_kv_rank(1, 0), 0, ""};
  const serde_object object{name, "bfloat16", 4};
  const std::vector<std::byte> plain(4, std::byte{9});
  std::vector<std::byte> bound(33), unbound(33), out(4);
  CHECK_EQ(writer->open_lane()->encode(object, plain, bound).bytes, 33);
  CHECK_EQ(peer_like->open_lane()->encode(object, plain, unbound).bytes, 33);
  CHECK_EQ(bound[0], std::byte{2});
  CHECK_EQ(unbound[0], std::byte{1});
  CHECK_EQ(strict->open_lane()->decode(object, bound, out), serde_fault::none);
  CHECK(out == plain);
  CHECK_EQ(strict->open_lane()->decode(object, unbound, out), serde_fault::unbound);
  CHECK_EQ(writer->open_lane()->decode(object, unbound, out), serde_fault::none);
  CHECK_EQ(longer_key->open_lane()->decode(object, unbound, out), serde_fault::bad_tag);
}

TEST_CASE("every fault is explained in words of its own") {
  std::vector<std::string_view> seen;
  for (int fault = 0; fault <= static_cast<int>(serde_fault::crypto_failed); ++fault) {
    const auto text = explain(static_cast<serde_fault>(fault));
    CHECK_NE(text, "unknown fault");
    CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
    seen.push_back(text);
  }
}
