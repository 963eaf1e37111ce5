#include "observability/lookup_hash_lines.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace actord;

namespace {

using names = std::vector<std::string>;

event looked_up(double time_s, std::string request) {
  chunk_hash hash;
  hash.bytes[0] = 0xab;
  hash.bytes[31] = 0x01;
  return {event_type::mp_lookup, time_s, std::move(request),
          lookup_details{"m/\xff\"",
                         std::make_shared<const std::vector<chunk_hash>>(2, hash),
                         256,
                         600,
                         {"torch.bfloat16", "torch.float16"},
                         {{2, 16, 256}, {}}}};
}

} // namespace

TEST_CASE("a lookup is one line of JSON with the keys in their order") {
  const auto hash = "\"0xab" + std::string(60, '0') + "01\"";
  CHECK(lookup_hash_line(looked_up(1732421234.5, "r\n1"))
        == "{\"timestamp\": 1732421234.5, \"request_id\": \"r\\n1\", \"model_name\": "
           "\"m/\\ufffd\\\"\", \"chunk_size\": 256, \"seq_len\": 600, \"dtypes\": "
           "[\"torch.bfloat16\", \"torch.float16\"], \"shapes\": [[2, 16, 256], []], "
           "\"chunk_hashes\": ["
             + hash + ", " + hash + "]}\n");
}

TEST_CASE("a file is named by its first lookup's time in UTC and a number") {
  CHECK(lookup_hash_file_name(0, 0) == "lookup_hashes_19700101_000000_000000.jsonl");
  CHECK(lookup_hash_file_name(1732421234.999, 42) == "lookup_hashes_20241124_040714_000042.jsonl");
  CHECK(lookup_hash_file_name(951782399.5, 1234567)
        == "lookup_hashes_20000228_235959_1234567.jsonl");
  CHECK(is_lookup_hash_file("lookup_hashes_20241124_040714_000042.jsonl"));
  CHECK(is_lookup_hash_file("lookup_hashes_.jsonl"));
  for (const auto* other : {"lookup_hashes_1.json", "x_lookup_hashes_1.jsonl",
                            "lookup_hashes.jsonl", "lookup_hashes_jsonl", ""})
    CHECK_FALSE(is_lookup_hash_file(other));
}

TEST_CASE("a new file begins when the open one is old or full") {
  lookup_hash_rotation rotation{{60, 1000, 100}, {"a", "b"}};
  const auto first = rotation.next_file(100);
  REQUIRE(first);
  CHECK(*first == lookup_hash_file_name(100, 2)); // after the two that were there
  rotation.opened(*first, 100);
  rotation.wrote(999);
  CHECK_FALSE(rotation.next_file(159.9));
  CHECK(rotation.next_file(160) == lookup_hash_file_name(160, 3));
  rotation.wrote(1);
  CHECK(rotation.next_file(101) == lookup_hash_file_name(101, 3));
  rotation.opened(lookup_hash_file_name(101, 3), 101);
  CHECK_FALSE(rotation.next_file(101)); // an empty one again
  rotation.closed();
  rotation.skip_number();
  CHECK(rotation.next_file(102) == lookup_hash_file_name(102, 5));
}

TEST_CASE("the oldest files leave, those of earlier runs first, the open one never") {
  lookup_hash_rotation rotation{{60, 1000, 2}, {"a", "b", "c"}};
  rotation.opened("d", 0);
  CHECK(rotation.take_surplus() == names{"a", "b"});
  CHECK(rotation.take_surplus().empty());
  rotation.opened("e", 0);
  CHECK(rotation.take_surplus() == names{"c"});
  lookup_hash_rotation none{{60, 1000, 0}, {}};
  none.opened("x", 0);
  CHECK(none.take_surplus().empty());
  none.opened("y", 0);
  CHECK(none.take_surplus() == names{"x"});
}
