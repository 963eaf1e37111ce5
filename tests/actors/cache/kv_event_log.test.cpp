#include "actors/cache/kv_event_log.hpp"

#include "tests/storage/l1_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>

using namespace actord;
using namespace actord::test;

namespace {

using record = wire::kv_event_record;

// The log as a list of finished records.
struct model {
  std::vector<record> all;
  uint32_t capacity;

  std::vector<record> kept() const {
    std::vector<record> result;
    uint64_t tokens = 0;
    for (auto i = all.rbegin(); i != all.rend() && result.size() < capacity; ++i) {
      tokens += i->token_ids.size();
      if (tokens > kv_event_log::max_tokens)
        break;
      result.insert(result.begin(), *i);
    }
    return result;
  }
};

void check_same(const record& a, const record& b) {
  CHECK_EQ(a.seq, b.seq);
  CHECK_EQ(a.kind, b.kind);
  CHECK_EQ(a.model_name, b.model_name);
  CHECK(a.block_hashes == b.block_hashes);
  CHECK(a.parent_block_hash == b.parent_block_hash);
  CHECK(a.token_ids == b.token_ids);
}

// Appends some chunks of one prompt, to the log at once and to the model one by one.
void store_run(std::mt19937& random, const std::string& model_name, kv_event_log& log,
               model& wanted) {
  const auto seed = static_cast<uint32_t>(wanted.all.size());
  const auto chunks = 1 + random() % 6;
  const auto each
    = random() % 9 == 0 ? kv_event_log::max_tokens / (1 + random() % 4) : random() % 5;
  const auto hashes = chain_of(chunks, seed);
  std::vector<uint32_t> tokens(chunks * each);
  std::iota(tokens.begin(), tokens.end(), seed);
  std::optional<chunk_hash> parent;
  if (random() % 2 == 0)
    parent = hash_of(seed + 1000);
  log.append_stored(model_name, hashes, parent ? &*parent : nullptr, tokens);
  for (size_t i = 0; i < chunks; ++i) {
    record next;
    next.seq = wanted.all.size() + 1;
    next.model_name = model_name;
    next.kind = "stored";
    next.block_hashes = {hashes[i]};
    next.parent_block_hash = parent;
    const auto first = tokens.begin() + static_cast<ptrdiff_t>(i * each);
    next.token_ids.assign(first, first + static_cast<ptrdiff_t>(each));
    wanted.all.push_back(std::move(next));
    parent = hashes[i];
  }
}

} // namespace

TEST_CASE("the log says what a list of records would say") {
  std::mt19937 random(7);
  for (uint32_t capacity : {1u, 3u, 50u}) {
    kv_event_log log{capacity};
    model wanted{{}, capacity};
    for (uint32_t step = 0; step < 300; ++step) {
      const std::string model_name = random() % 4 == 0 ? "another" : "model";
      if (random() % 3 == 0) {
        record next;
        next.seq = wanted.all.size() + 1;
        next.model_name = model_name;
        next.kind = "removed";
        next.block_hashes = chain_of(1 + random() % 3, step);
        log.append_removed(model_name, next.block_hashes);
        wanted.all.push_back(std::move(next));
      } else {
        store_run(random, model_name, log, wanted);
      }
      if (step % 10 != 0)
        continue;
      auto kept = wanted.kept();
      CHECK_EQ(log.size(), kept.size());
      std::erase_if(kept, [](const record& x) { return x.model_name != "model"; });
      auto page = log.page("model", 0, 1000);
      CHECK_EQ(page.next_cursor, wanted.all.size());
      REQUIRE_EQ(page.events.size(), kept.size());
      for (size_t i = 0; i < kept.size(); ++i)
        check_same(page.events[i], kept[i]);
    }
  }
}

TEST_CASE("a page ends where its limit is and the next one goes on there") {
  kv_event_log log{10};
  for (uint32_t i = 0; i < 5; ++i)
    log.append_removed(i % 2 == 0 ? "model" : "another", chain_of(1, i));
  auto page = log.page("model", 0, 2);
  CHECK_FALSE(page.lost);
  CHECK_EQ(page.events.size(), 2u);
  page = log.page("model", page.next_cursor, 2);
  REQUIRE_EQ(page.events.size(), 1u);
  CHECK_EQ(page.events[0].seq, 5u);
  CHECK_EQ(page.next_cursor, 5u);
  CHECK(log.page("model", 6, 2).lost); // a cursor of another incarnation
}

TEST_CASE("a log of no records keeps nothing") {
  kv_event_log log;
  log.append_removed("model", chain_of(3));
  CHECK_EQ(log.size(), 0u);
  CHECK_EQ(log.next_seq(), 2u);
}
