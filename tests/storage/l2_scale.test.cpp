// The budgets of a large L2 index that are counts and not times.
#include "storage/l2_index.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace actord;

namespace {

constexpr uint32_t batch_objects = 50;

std::vector<object_ref> batch(const std::shared_ptr<const key_space>& space, uint64_t first) {
  std::vector<object_ref> result(batch_objects);
  for (uint32_t i = 0; i < batch_objects; ++i) {
    result[i] = {space, {}, pack_kv_rank(1, 0), 0, 4096};
    auto word = (first + i + 1) * 0x9e3779b97f4a7c15u;
    std::memcpy(result[i].hash.bytes.data(), &word, sizeof word);
  }
  return result;
}

} // namespace

TEST_CASE("a million objects of an L2 store cost at most 200 bytes of index each") {
  for (auto kind : {eviction_kind::lru, eviction_kind::arc, eviction_kind::mq}) {
    // The hint may be far too low.
    const uint32_t objects = kind == eviction_kind::lru ? 1'000'000 : 100'000;
    CAPTURE(to_string(kind));
    l2_index::config cfg;
    cfg.eviction = kind;
    cfg.expected_objects = 50'000;
    l2_index index{cfg};
    auto space = std::make_shared<const key_space>(key_space{"model", 1, ""});
    CHECK_LE(index.table_bytes(), 100'000); // nothing is set aside
    for (uint32_t first = 0; first < objects; first += batch_objects) {
      auto refs = batch(space, first);
      index.begin_store(refs);
      for (const auto& ref : refs)
        index.stored(ref, ref.length_bytes);
    }
    REQUIRE_EQ(index.usage().objects, objects);
    CHECK_LE(index.table_bytes(), uint64_t{200} * objects);
    MESSAGE(to_string(kind), ": ", index.table_bytes() / objects, " bytes an object");

    // A tenth goes in slices: ghosts count too.
    while (index.usage().objects > objects / 10 * 9)
      for (const auto& victim : index.plan_evict(UINT64_MAX, 250))
        index.erased(victim);
    CHECK_EQ(index.usage().objects, objects / 10 * 9);
    CHECK_LE(index.table_bytes(), uint64_t{200} * index.usage().objects);
    CHECK(index.consistent());

    size_t listed = 0, pages = 1;
    auto page = index.list(1000);
    for (; !page->next.empty(); page = index.list(1000, page->next), ++pages)
      listed += page->objects.size();
    CHECK_EQ(listed + page->objects.size(), index.usage().objects);
    // A filter that fits nothing looks at a bounded part at a time.
    CHECK_EQ(index.list(1000, "", "none")->next.empty(), objects <= 65'536);
  }
}
