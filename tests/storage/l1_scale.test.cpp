// The budgets of a large index that are counts and not times.
#include "tests/storage/l1_fixture.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE("a million resident chunks cost at most 200 bytes of index each") {
  constexpr uint32_t request = 50;
  for (auto kind : {eviction_kind::lru, eviction_kind::arc}) {
    const uint32_t chunks = kind == eviction_kind::lru ? 1'000'000 : 100'000;
    CAPTURE(to_string(kind));
    l1_index index{{uint64_t{chunks} * object_bytes, object_bytes},
                   make_eviction_policy(kind, chunks)};
    index.grow(uint64_t{chunks} * object_bytes);
    auto space = index.intern({"model", 1, ""});
    std::vector<group_layout> full{{-1, object_bytes, false}};
    for (uint32_t first = 0; first < chunks; first += request) {
      auto reserved = index.reserve(space, chain_of(request, first), 0, full, 0, 0);
      REQUIRE(index.commit(reserved.reservation, 0));
    }
    REQUIRE_EQ(index.usage().columns, chunks);
    CHECK_LE(index.usage().index_bytes, uint64_t{200} * chunks);
    MESSAGE(to_string(kind), ": ", index.usage().index_bytes / chunks, " bytes a chunk");

    // A tenth goes in slices and comes back: ghosts and holes in the pool count too.
    uint64_t freed = 0;
    while (freed < chunks / 10 * object_bytes)
      freed += index.evict(chunks / 10 * object_bytes - freed, 256);
    CHECK_EQ(index.usage().columns, chunks - chunks / 10);
    CHECK_LE(index.usage().index_bytes, uint64_t{200} * chunks);
    CHECK(index.consistent());
  }
}
