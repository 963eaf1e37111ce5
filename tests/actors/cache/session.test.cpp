#include "actors/cache/session.hpp"

#include "tests/fixtures/sessions.hpp"

#include <algorithm>
#include <limits>

using namespace actord;
using namespace actord::test;

namespace {

using fixture = session_fixture;
using leases = std::vector<lease_id>;

} // namespace

TEST_CASE_FIXTURE(fixture, "a lookup is answered before anything is hashed") {
  auto answered
    = begin<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{key("r", tokens_from(0, 16))}));
  run_until_answered(*answered);
  CHECK_EQ(table().find("r")->chain, nullptr);
  settle();
  REQUIRE_EQ(log->lookups.size(), 1u);
  const auto& order = *log->lookups[0].order;
  CHECK_EQ(*order.chain, hashes_of(tokens_from(0, 16)));
  CHECK_EQ(order.space, (key_space{"model", 1, ""}));
  CHECK_EQ(order.groups.size(), 1u);
  CHECK_EQ(order.shares, 1u);
}

TEST_CASE_FIXTURE(fixture, "the status of a lookup is pending, then its hit, once") {
  look_up("r", tokens_from(0, 16));
  auto pending = begin_wait("r", 0);
  CHECK(pending->open()); // for a moment: a hit may be about to come
  pass(1ms);
  REQUIRE(pending->value);
  CHECK_FALSE(pending->value->resolved);
  CHECK_EQ(status().active_lookups, 1u);
  log->answer_lookup(5, 3);
  settle();
  CHECK_EQ(status().active_lookups, 0u);
  CHECK_EQ(hit_of("r"), 3);
  CHECK_EQ(hit_of("r"), 0); // consumed
  CHECK_EQ(hit_of("nobody"), 0);
}

TEST_CASE_FIXTURE(fixture, "a status query that waits is answered by the end of the lookup") {
  look_up("r", tokens_from(0, 16));
  auto waits = begin_wait("r", 10);
  auto other = begin_wait("r", 10);
  log->answer_lookup(5, 3);
  settle();
  REQUIRE(waits->value);
  CHECK_EQ(waits->value->hit_chunks, 3u);
  REQUIRE(other->value);
  CHECK_EQ(other->value->hit_chunks, 0u); // one of them consumed it
}

TEST_CASE_FIXTURE(fixture, "a status query waits as long as it says, in virtual time") {
  look_up("r", tokens_from(0, 16));
  auto waits = begin_wait("r", 2);
  pass(1999ms);
  CHECK(waits->open());
  pass(1ms);
  REQUIRE(waits->value);
  CHECK_FALSE(waits->value->resolved);
}

TEST_CASE_FIXTURE(fixture, "no timeout from outside is trusted") {
  look_up("r", tokens_from(0, 16));
  auto nan = begin_wait("r", std::numeric_limits<double>::quiet_NaN());
  auto past = begin_wait("r", -1e300);
  auto endless = begin_wait("r", std::numeric_limits<double>::infinity());
  pass(1ms);
  CHECK_FALSE(nan->open());
  CHECK_FALSE(past->open());
  pass(500s);
  CHECK(endless->open());
  pass(3600s);
  CHECK_FALSE(endless->open());
}

TEST_CASE_FIXTURE(fixture, "what a lookup cannot find is a miss without asking L1") {
  look_up("short", tokens_from(0, 3));
  CHECK_EQ(hit_of("short"), 0);
  auto unread = key("unread", tokens_from(0, 16));
  unread.num_kv_readers = 0;
  ask<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{unread}));
  CHECK_EQ(hit_of("unread"), 0);
  auto unknown = key("unknown", tokens_from(0, 16));
  unknown.model_name = "another";
  ask<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{unknown}));
  CHECK_EQ(hit_of("unknown"), 0);
  CHECK(log->lookups.empty());
  CHECK_EQ(status().active_lookups, 0u);
}

TEST_CASE_FIXTURE(fixture, "a model is known from its first to its last registration") {
  const model_layout same{"model", 1, {{-1, 4096, false}}};
  tell(uut, atom::attach_v, same);
  tell(uut, atom::detach_v, same);
  look_up("r", tokens_from(0, 16));
  CHECK_EQ(log->lookups.size(), 1u);
  tell(uut, atom::detach_v, same);
  look_up("r2", tokens_from(0, 16));
  CHECK_EQ(log->lookups.size(), 1u);
}

TEST_CASE_FIXTURE(fixture, "a second lookup replaces the first and closes its lease") {
  look_up("r", tokens_from(0, 16), 5, 4);
  look_up("r", tokens_from(0, 16));
  CHECK_EQ(log->closed, leases{5});
  log->answer_lookup(6, 2);
  settle();
  CHECK_EQ(hit_of("r"), 2);
  CHECK_EQ(log->closed, leases{5});
}

TEST_CASE_FIXTURE(fixture, "a lookup that was replaced while it ran gives its lease back") {
  look_up("r", tokens_from(0, 16));
  look_up("r", tokens_from(0, 16));
  CHECK_EQ(status().active_lookups, 1u);
  log->answer_lookup(5, 4);
  settle();
  CHECK_EQ(log->closed, leases{5});
  log->answer_lookup(6, 2);
  settle();
  CHECK_EQ(hit_of("r"), 2);
  CHECK_EQ(status().active_lookups, 0u);
}

TEST_CASE_FIXTURE(fixture, "a reused request id with other tokens is hashed anew") {
  auto tokens = tokens_from(0, 16);
  look_up("r", tokens, 5, 4);
  tokens[9] = 999; // in the third chunk
  tokens.resize(12);
  look_up("r", tokens);
  REQUIRE_EQ(log->lookups.size(), 1u);
  CHECK_EQ(*log->lookups[0].order->chain, hashes_of(tokens));
  log->answer_lookup(6, 3);
  settle();
  auto worker = worker_key("r", tokens, 0, 12);
  prepare_retrieve(worker);
  CHECK_EQ(*handed->back().second.chain, hashes_of(tokens));
}

TEST_CASE_FIXTURE(fixture, "longer tokens of the same request extend its chain") {
  look_up("r", tokens_from(0, 8), 5, 2);
  look_up("r", tokens_from(0, 20));
  CHECK_EQ(*log->lookups[0].order->chain, hashes_of(tokens_from(0, 20)));
}

TEST_CASE_FIXTURE(fixture, "hashing a long prompt lets other messages pass") {
  auto tokens = tokens_from(0, 100'000);
  begin<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{key("long", tokens)}));
  for (int i = 0; i < 10; ++i)
    consume_message();
  auto other = begin<session_status>(uut, atom::status_v);
  run_until_answered(*other);
  CHECK_EQ(table().find("long")->chain, nullptr); // still at it
  CHECK(log->lookups.empty());
  settle();
  REQUIRE_EQ(log->lookups.size(), 1u);
  CHECK_EQ(*log->lookups[0].order->chain, hashes_of(tokens));
}

TEST_CASE_FIXTURE(fixture, "a long prompt that was ended meanwhile is not hashed to the end") {
  begin<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{key("long", tokens_from(0, 100'000))}));
  for (int i = 0; i < 10; ++i)
    consume_message();
  end_session("long");
  CHECK(log->lookups.empty());
  CHECK_EQ(status().active_lookups, 0u);
}

TEST_CASE_FIXTURE(fixture, "freed locks are whole chunks of the hit") {
  auto of = key("r", tokens_from(0, 20));
  of.num_kv_readers = 3;
  look_up("r", of.token_ids, 5, 4);
  free_locks(of, 5, 11); // no chunk lies wholly inside
  CHECK(log->released.empty());
  free_locks(of, 5, 12);
  REQUIRE_EQ(log->released.size(), 1u);
  CHECK_EQ(log->released[0].lease, 5u);
  CHECK_EQ(log->released[0].first, 2u);
  CHECK_EQ(log->released[0].end, 3u);
  CHECK_EQ(log->released[0].shares, 3u);
  CHECK_FALSE(log->released[0].rank);
  of.worker_id = 0;
  free_locks(of, 0, 999); // beyond the hit there is nothing to free
  REQUIRE_EQ(log->released.size(), 2u);
  CHECK_EQ(log->released[1].end, 4u);
  CHECK_EQ(log->released[1].rank, uint16_t{0});
  free_locks(of, 16, 20);
  free_locks(of, 8, 8);
  of.num_kv_readers = 0;
  free_locks(of, 0, 16);
  CHECK_EQ(log->released.size(), 2u);
}

TEST_CASE_FIXTURE(fixture, "freeing locks before the hit was asked for consumes it") {
  auto of = key("r", tokens_from(0, 16));
  look_up("r", of.token_ids, 5, 4);
  free_locks(of, 0, 16);
  CHECK_EQ(log->released.size(), 1u);
  CHECK_EQ(hit_of("r"), 0);
}

TEST_CASE_FIXTURE(fixture, "freeing locks without a lookup or after the end does nothing") {
  auto of = key("r", tokens_from(0, 16));
  free_locks(of, 0, 16);
  look_up("r", of.token_ids, 5, 4);
  end_session("r");
  free_locks(of, 0, 16);
  CHECK(log->released.empty());
}

TEST_CASE_FIXTURE(fixture, "the end of a session closes its lease and touches its chunks") {
  look_up("r", tokens_from(0, 16), 5, 4);
  end_session("r");
  CHECK_EQ(log->closed, leases{5});
  REQUIRE_EQ(log->touched.size(), 1u);
  CHECK_EQ(*log->touched[0].chain, hashes_of(tokens_from(0, 16)));
  CHECK_EQ(log->touched[0].space, (key_space{"model", 1, ""}));
  CHECK_EQ(status().sessions, 0u);
  CHECK_EQ(status().tokens, 0u);
  end_session("r"); // twice is harmless
  CHECK_EQ(log->closed, leases{5});
}

TEST_CASE_FIXTURE(fixture,
                  "a session that ends under its lookup answers who waits and leaks no lease") {
  look_up("r", tokens_from(0, 16));
  auto waits = begin_wait("r", 10);
  end_session("r");
  REQUIRE(waits->value);
  CHECK(waits->value->resolved);
  CHECK_EQ(waits->value->hit_chunks, 0u);
  CHECK_EQ(status().active_lookups, 0u);
  log->answer_lookup(5, 4);
  settle();
  CHECK_EQ(log->closed, leases{5});
  CHECK_EQ(status().sessions, 0u);
}

TEST_CASE_FIXTURE(fixture, "requests of a scheduler that is gone give their leases back") {
  look_up("a", tokens_from(0, 16), 5, 4);
  look_up("c", tokens_from(200, 16), 7, 4);
  look_up("b", tokens_from(100, 16));
  auto waits = begin_wait("b", 10);
  bus->listen_to({event_type::mp_request_end});
  tell(uut, atom::lost_v, std::vector{"a"s, "b"s, "nobody"s});
  CHECK_EQ(bus->take_all().size(), 2u); // whose requests are over
  CHECK_EQ(log->closed, leases{5});
  CHECK_FALSE(waits->open());
  log->answer_lookup(6, 4);
  settle();
  CHECK_EQ(log->closed, (leases{5, 6}));
  CHECK_EQ(status().sessions, 1u);
  CHECK_EQ(hit_of("c"), 4);
}

TEST_CASE_FIXTURE(fixture, "a session that nobody uses goes with its TTL, lease and all") {
  look_up("old", tokens_from(0, 16), 5, 4);
  pass(400s);
  look_up("new", tokens_from(0, 16), 6, 4);
  pass(200s);
  CHECK_EQ(status().sessions, 2u);
  pass(5s);
  CHECK_EQ(log->closed, leases{5});
  CHECK_EQ(status().sessions, 1u);
}

TEST_CASE_FIXTURE(fixture, "a retrieve within the TTL keeps its session") {
  look_up("r", tokens_from(0, 16), 5, 4);
  pass(599s);
  prepare_retrieve(worker_key("r", tokens_from(0, 16), 0, 16));
  pass(599s);
  CHECK_EQ(status().sessions, 1u);
  CHECK(log->closed.empty());
}

TEST_CASE_FIXTURE(fixture,
                  "a worker's first retrieve of a range has the lease, a repeat has none") {
  auto tokens = tokens_from(0, 16);
  look_up("r", tokens, 5, 4);
  auto lease_of = [&](wire::cache_key of, int64_t instance_id) {
    prepare_retrieve(of, instance_id);
    return handed->back().second.lease;
  };
  auto of = worker_key("r", tokens, 0, 16);
  CHECK_EQ(lease_of(of, 11), 5u);
  CHECK_EQ(lease_of(of, 11), 0u);
  CHECK_EQ(lease_of(of, 12), 5u); // another reader
  of.worker_id = 1;
  CHECK_EQ(lease_of(of, 11), 5u);                            // another rank
  CHECK_EQ(lease_of(worker_key("r", tokens, 0, 8), 11), 5u); // another range
  CHECK_EQ(lease_of(worker_key("stranger", tokens, 0, 8), 11), 0u);
  look_up("r", tokens, 6, 4);
  CHECK_EQ(lease_of(worker_key("r", tokens, 0, 16), 11), 6u); // since the newest lookup
}

TEST_CASE_FIXTURE(fixture,
                  "every step of a worker is handed to its transfer with the chunks' names") {
  auto tokens = tokens_from(0, 16);
  auto of = worker_key("r", tokens, 4, 12);
  ask<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{of, 11}));
  ask<bool>(uut, atom::commit_v, box(wire::commit_store{of, 11, ""}));
  ask<slot_plan>(uut, atom::claim_v, box(wire::prepare_retrieve{of, 11}));
  ask<bool>(uut, atom::finish_v, box(wire::commit_retrieve{of, 11}));
  ask<bool>(uut, atom::store_v, box(wire::store{of, 11, {}, ""}));
  ask<bool>(uut, atom::retrieve_v, box(wire::retrieve{of, 11, {}, "", 0}));
  std::vector<std::string> verbs;
  auto hashes = hashes_of(tokens);
  for (const auto& [verb, range] : *handed) {
    verbs.push_back(verb);
    CHECK_EQ(range.first, 1u);
    CHECK_EQ(range.end, 3u);
    CHECK(std::ranges::equal(range.hashes(), std::span{hashes}.subspan(1, 2)));
  }
  CHECK_EQ(verbs,
           (std::vector<std::string>{"reserve", "commit", "claim", "finish", "store", "retrieve"}));
}

TEST_CASE_FIXTURE(fixture, "a store makes no session, so one that comes late leaves nothing") {
  look_up("r", tokens_from(0, 16), 5, 4);
  end_session("r");
  ask<slot_plan>(uut, atom::reserve_v,
                 box(wire::prepare_store{worker_key("r", tokens_from(0, 16), 0, 16), 11}));
  CHECK_EQ(status().sessions, 0u);
  CHECK_EQ(status().tokens, 0u);
}

TEST_CASE_FIXTURE(fixture, "a range that names no whole chunks is refused with the reason") {
  auto refused = [&](wire::cache_key of) {
    return refusal<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{of, 11}));
  };
  auto of = worker_key("r", tokens_from(0, 16), 2, 16);
  check_says(refused(of), "whole chunks of 4");
  of = worker_key("r", tokens_from(0, 16), 0, 20);
  check_says(refused(of), "beyond the 16 tokens");
  of = worker_key("r", tokens_from(0, 16), 8, 4);
  CHECK_FALSE(refused(of).empty());
  CHECK_FALSE(refused(key("r", tokens_from(0, 16))).empty()); // a scheduler moves no data
  CHECK(handed->empty());
}

TEST_CASE_FIXTURE(fixture,
                  "a transfer mode that is switched off is refused, the other one serves") {
  tell(uut, atom::open_v, engine_driven_actor{}, lmcache_driven);
  auto of = worker_key("r", tokens_from(0, 16), 0, 16);
  auto text = refusal<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{of, 11}));
  check_says(text, "--supported-transfer-mode");
  CHECK(ask<bool>(uut, atom::store_v, box(wire::store{of, 11, {}, ""})));
}
