#include "storage/fingerprint_table.hpp"
#include "storage/id_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>

using namespace actord;

namespace {

struct record {
  uint64_t fingerprint = 0;
  uint32_t next = nil;
  uint32_t value = 0;
};

bool any(const record&) {
  return true;
}

} // namespace

TEST_CASE_TEMPLATE("random insertions and erasures keep every record findable", table_of,
                   fingerprint_table<record>, fingerprint_table<record, paged_block>) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random{seed};
    table_of table{500};
    // Even seeds: fingerprints that collide in whole and in their low bits.
    auto fingerprint = [&](uint32_t value) {
      return seed % 2 == 0 ? uint64_t{value % 7} << (value % 40) : value * 0x9e3779b97f4a7c15u;
    };
    std::map<uint32_t, uint32_t> numbers; // value -> record
    for (int step = 0; step < 20'000; ++step) {
      auto value = static_cast<uint32_t>(random() % 800);
      auto found
        = table.find(fingerprint(value), [&](const record& each) { return each.value == value; });
      auto expected = numbers.find(value);
      REQUIRE_EQ(found, expected == numbers.end() ? nil : expected->second);
      if (found != nil && random() % 2 == 0) {
        table.erase(found);
        numbers.erase(expected);
      } else if (found == nil) {
        auto fresh = table.insert(fingerprint(value));
        REQUIRE_EQ(fresh == nil, numbers.size() == 500);
        if (fresh != nil) {
          table[fresh].value = value;
          numbers[value] = fresh;
        }
      }
      REQUIRE_EQ(table.size(), numbers.size());
    }
  }
}

TEST_CASE("a table touches memory for what it holds and not for what it may hold") {
  fingerprint_table<record> table{1u << 26};
  CHECK_LT(table.touched_bytes(), 1000);
  for (uint32_t i = 0; i < 1000; ++i)
    table.insert(i * 0x9e3779b97f4a7c15u);
  CHECK_LE(table.touched_bytes(), 1001 * (sizeof(record) + sizeof(uint32_t)));
}

TEST_CASE("a table in pages sets nothing aside and moves no record") {
  fingerprint_table<record, paged_block> table{1u << 30};
  CHECK_LE(table.touched_bytes(), 10'000);
  auto* first = &table[table.insert(1)];
  for (uint32_t i = 1; i < 100'000; ++i)
    table.insert(i * 0x9e3779b97f4a7c15u);
  CHECK_EQ(first, &table[table.find(1, any)]);
  CHECK_LE(table.touched_bytes(), 110'000 * (sizeof(record) + sizeof(uint32_t)));
}

TEST_CASE("a table without capacity takes nothing") {
  fingerprint_table<record> table{0};
  CHECK_EQ(table.insert(1), nil);
  CHECK_EQ(table.find(1, any), nil);
}

TEST_CASE("ids are not used twice and keep the order of creation") {
  id_table<int> table;
  auto one = table.create(1), two = table.create(2), three = table.create(3);
  CHECK_EQ(table.oldest(), one);
  table.erase(one);
  CHECK_EQ(table.oldest(), two);
  CHECK_EQ(table.find(one), nullptr);
  auto four = table.create(4);
  CHECK_EQ(id_table<int>::slot_of(four), id_table<int>::slot_of(one));
  CHECK_NE(four, one);
  CHECK_EQ(table.find(one), nullptr);
  CHECK_EQ(*table.find(four), 4);
  table.erase(two);
  table.erase(three);
  CHECK_EQ(table.oldest(), four);
  table.erase(four);
  CHECK_EQ(table.oldest(), 0);
  CHECK_EQ(table.find(0), nullptr);
  CHECK_EQ(table.size(), 0);
}
