#include "actors/cache/kv_events.hpp"

#include "tests/fixtures/cache.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct stream_log {
  std::vector<std::pair<uint64_t, boxed<wire::kv_event_batch>>> pages;
  std::vector<uint64_t> ended;
};

zmq_gateway_actor::behavior_type
fake_gateway(zmq_gateway_actor::pointer, std::shared_ptr<stream_log> log) {
  return {
    [](atom::readable) {},
    [log](atom::stored, uint64_t stream, const boxed<wire::kv_event_batch>& page) {
      log->pages.emplace_back(stream, page);
    },
    [log](atom::end, uint64_t stream) { log->ended.push_back(stream); },
    [](atom::status) { return gateway_status{}; },
    [](atom::stop) { return caf::ok_atom_v; },
  };
}

using seqs = std::vector<uint64_t>;

struct fixture : actor_fixture {
  void start_events(uint32_t log_size = 100, uint32_t chunk_tokens = 4) {
    kv_events_options options;
    options.log_size = log_size;
    options.chunk_tokens = chunk_tokens;
    options.incarnation_ns = 12345;
    uut = start(kv_events, options);
    tell(uut, atom::open_v, start(fake_gateway, log));
  }
  void subscribe(uint64_t stream, int64_t cursor = 0, int64_t max_events = 100,
                 int64_t instance_id = 11) {
    tell(uut, atom::subscribe_v, kv_subscription{stream, instance_id, "model", cursor, max_events});
  }
  // `count` chunks of one request are stored.
  void store(uint32_t count, uint32_t first = 0, const std::string& model_name = "model") {
    auto space = std::make_shared<const key_space>(key_space{model_name, 1, ""});
    chunk_news_batch batch;
    auto chain = shared_chain(first + count);
    for (uint32_t i = first; i < first + count; ++i)
      batch.news.push_back({space, (*chain)[i], true});
    batch.origin = store_origin{key_of_chunks(first + count), {chain, first, first + count, 0}};
    tell(uut, atom::stored_v, box(std::move(batch)));
  }
  void ack(uint64_t stream) {
    tell(uut, atom::ack_v, stream);
  }
  const wire::kv_event_batch& last_page() const {
    REQUIRE_FALSE(log->pages.empty());
    return *log->pages.back().second;
  }
  seqs last_seqs() const {
    seqs result;
    for (const auto& event : last_page().events)
      result.push_back(event.seq);
    return result;
  }
  size_t pages() const {
    return log->pages.size();
  }
  kv_event_status status() {
    return ask<kv_event_status>(uut, atom::status_v);
  }

  std::shared_ptr<stream_log> log = std::make_shared<stream_log>();
  kv_events_actor uut;
};

struct running_fixture : fixture {
  running_fixture() {
    start_events();
  }
};

} // namespace

TEST_CASE_FIXTURE(running_fixture, "a subscriber has its first page at once, empty or not") {
  subscribe(1);
  REQUIRE_EQ(pages(), 1u);
  CHECK_EQ(log->pages[0].first, 1u);
  CHECK(last_page().enabled);
  CHECK_EQ(last_page().incarnation, 12345u);
  CHECK_FALSE(last_page().lost);
  CHECK_EQ(last_page().next_cursor, 0u);
  CHECK(last_page().events.empty());
  store(2);
  subscribe(2, 1, 100, 12);
  CHECK_EQ(last_seqs(), seqs{2});
  CHECK_EQ(status().subscribers, 2u);
}

TEST_CASE_FIXTURE(running_fixture, "a stored chunk is told with its tokens and its predecessor") {
  store(2);
  subscribe(1);
  REQUIRE_EQ(last_page().events.size(), 2u);
  const auto& first = last_page().events[0];
  const auto& second = last_page().events[1];
  CHECK_EQ(first.seq, 1u);
  CHECK_EQ(first.kind, "stored");
  CHECK_EQ(first.model_name, "model");
  CHECK_EQ(first.block_hashes, chain_of(1));
  CHECK_FALSE(first.parent_block_hash);
  CHECK_EQ(first.token_ids, (std::vector<uint32_t>{0, 1, 2, 3}));
  CHECK_EQ(second.block_hashes, chain_of(1, 1));
  CHECK_EQ(second.parent_block_hash, hash_of(0));
  CHECK_EQ(second.token_ids, (std::vector<uint32_t>{4, 5, 6, 7}));
}

TEST_CASE_FIXTURE(running_fixture, "what left in one step is one record a model") {
  chunk_news_batch batch;
  auto a = std::make_shared<const key_space>(key_space{"model", 1, "salt"});
  auto b = std::make_shared<const key_space>(key_space{"another", 1, ""});
  batch.news = {{a, hash_of(1), false}, {b, hash_of(2), false}, {a, hash_of(3), false}};
  tell(uut, atom::stored_v, box(batch));
  subscribe(1);
  REQUIRE_EQ(last_page().events.size(), 1u);
  CHECK_EQ(last_page().events[0].kind, "removed");
  CHECK_EQ(last_page().events[0].block_hashes, (std::vector{hash_of(1), hash_of(3)}));
  CHECK_EQ(status().next_seq, 3);
}

TEST_CASE_FIXTURE(running_fixture, "a stream gets one page for every acknowledgement") {
  subscribe(1);
  store(2);
  CHECK_EQ(pages(), 1u); // no credit
  ack(1);
  CHECK_EQ(pages(), 2u);
  CHECK_EQ(last_seqs(), (seqs{1, 2}));
  ack(1);
  CHECK_EQ(pages(), 2u); // nothing new: the credit is kept
  store(1, 2);
  CHECK_EQ(pages(), 3u);
  CHECK_EQ(last_seqs(), seqs{3});
  store(1, 3);
  CHECK_EQ(pages(), 3u);
  ack(404); // no such stream
  CHECK_EQ(pages(), 3u);
}

TEST_CASE_FIXTURE(running_fixture, "a page is as long as the subscriber wants it at most") {
  store(5);
  subscribe(1, 0, 2);
  CHECK_EQ(last_seqs(), (seqs{1, 2}));
  CHECK_EQ(last_page().next_cursor, 2u);
  ack(1);
  CHECK_EQ(last_seqs(), (seqs{3, 4}));
  ack(1);
  CHECK_EQ(last_seqs(), seqs{5});
  CHECK_EQ(last_page().next_cursor, 5u);
}

TEST_CASE_FIXTURE(running_fixture, "events of another model are passed over, cursor and all") {
  subscribe(1);
  ack(1);
  store(3, 0, "another");
  CHECK_EQ(pages(), 1u);
  store(1);
  CHECK_EQ(last_seqs(), seqs{4});
  store(2, 0, "another");
  subscribe(2, 4, 100, 12);
  CHECK(last_page().events.empty());
  CHECK_EQ(last_page().next_cursor, 6u);
}

TEST_CASE_FIXTURE(fixture, "a subscriber behind the log is told that it has lost something") {
  start_events(3);
  store(5);
  CHECK_EQ(status().log_depth, 3u);
  subscribe(1, 0);
  CHECK(last_page().lost);
  CHECK_EQ(last_seqs(), (seqs{3, 4, 5}));
  subscribe(1, 1);
  CHECK(last_page().lost);
  subscribe(1, 2); // the next one is still there
  CHECK_FALSE(last_page().lost);
  subscribe(1, 6); // from another incarnation: nobody knows what it missed
  CHECK(last_page().lost);
  CHECK_EQ(last_page().next_cursor, 5u);
}

TEST_CASE_FIXTURE(fixture, "a stream that falls behind the log is told so with its next page") {
  start_events(3);
  subscribe(1);
  store(5);
  ack(1);
  CHECK(last_page().lost);
  CHECK_EQ(last_seqs(), (seqs{3, 4, 5}));
  ack(1);
  store(1, 5);
  CHECK_FALSE(last_page().lost);
}

TEST_CASE_FIXTURE(fixture, "the log remembers a bounded number of tokens") {
  constexpr uint32_t chunk_tokens = kv_event_log::max_tokens / 4;
  start_events(100, chunk_tokens);
  wire::cache_key key;
  key.model_name = "model";
  key.token_ids.resize(5 * chunk_tokens);
  chunk_news_batch batch;
  auto space = std::make_shared<const key_space>(key_space{"model", 1, ""});
  for (uint32_t i = 0; i < 5; ++i)
    batch.news.push_back({space, hash_of(i), true});
  batch.origin
    = store_origin{std::make_shared<const wire::cache_key>(std::move(key)), whole(shared_chain(5))};
  tell(uut, atom::stored_v, box(std::move(batch)));
  CHECK_EQ(status().log_depth, 4u);
}

TEST_CASE_FIXTURE(running_fixture, "a store without known tokens is counted and not told") {
  auto space = std::make_shared<const key_space>(key_space{"model", 1, ""});
  chunk_news_batch batch;
  batch.news = {{space, hash_of(1), true}};
  tell(uut, atom::stored_v, box(batch));
  batch.origin = store_origin{key_of_chunks(1), whole(shared_chain(1))}; // of another chunk
  tell(uut, atom::stored_v, box(batch));
  CHECK_EQ(status().unbound_stores, 2u);
  CHECK_EQ(status().log_depth, 0u);
}

TEST_CASE_FIXTURE(running_fixture,
                  "a cancelled stream ends with an end frame, a lost one without") {
  subscribe(1);
  subscribe(2, 0, 100, 12);
  tell(uut, atom::cancel_v, uint64_t{1});
  CHECK_EQ(log->ended, seqs{1});
  tell(uut, atom::lost_v, uint64_t{2});
  tell(uut, atom::cancel_v, uint64_t{2});
  CHECK_EQ(log->ended, seqs{1});
  CHECK_EQ(status().subscribers, 0u);
}

TEST_CASE_FIXTURE(running_fixture, "a newer subscription of an instance ends the older") {
  subscribe(1);
  subscribe(2);
  CHECK_EQ(log->ended, seqs{1});
  CHECK_EQ(status().subscribers, 1u);
  ack(2);
  store(1);
  CHECK_EQ(log->pages.back().first, 2u);
}

TEST_CASE_FIXTURE(running_fixture, "a subscriber that is silent too long is closed") {
  subscribe(1, 0, 100, 11);
  subscribe(2, 0, 100, 12);
  subscribe(3, 0, 100, 13);
  pass(110s);
  ack(2);
  tell(uut, atom::seen_v, int64_t{13});
  pass(10s);
  CHECK(log->ended.empty());
  pass(10s);
  CHECK_EQ(log->ended, seqs{1});
  pass(110s);
  CHECK_EQ(log->ended, (seqs{1, 2, 3}));
}

TEST_CASE_FIXTURE(running_fixture, "an instance that unregisters ends its stream") {
  subscribe(1, 0, 100, 11);
  subscribe(2, 0, 100, 12);
  tell(uut, atom::close_v, int64_t{12});
  CHECK_EQ(log->ended, seqs{2});
}

TEST_CASE_FIXTURE(fixture, "a channel that is switched off says so in one page and ends") {
  start_events(0);
  store(3);
  subscribe(1);
  REQUIRE_EQ(pages(), 1u);
  CHECK_FALSE(last_page().enabled);
  CHECK(last_page().events.empty());
  CHECK(log->ended.empty());
  ack(1);
  CHECK_EQ(log->ended, seqs{1});
  CHECK_FALSE(status().enabled);
}
