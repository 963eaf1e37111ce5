// Bounds of SESSIONS, what is given back when they are reached, and whom a lease serves.
#include "actors/cache/session.hpp"

#include "tests/fixtures/sessions.hpp"

using namespace actord;
using namespace actord::test;

namespace {

using fixture = session_fixture;
using leases = std::vector<lease_id>;

} // namespace

TEST_CASE_FIXTURE(fixture, "sessions and their tokens are bounded: the least recently used go") {
  look_up("first", tokens_from(0, 16), 5, 4);
  look_up("second", tokens_from(0, 16), 6, 4);
  for (size_t i = 2; i <= session_table::max_sessions; ++i)
    table().use("filler" + std::to_string(i), 0);
  look_up("last", tokens_from(0, 16));
  CHECK_EQ(status().sessions, session_table::max_sessions);
  CHECK_EQ(table().find("first"), nullptr);
  CHECK_EQ(log->closed, (leases{5, 6}));
  CHECK_NE(table().find("last"), nullptr);
}

TEST_CASE_FIXTURE(fixture, "remembered tokens are bounded, but the newest session stays") {
  look_up("first", tokens_from(0, 16), 5, 4);
  auto large = key("large", std::vector<uint32_t>(session_table::max_tokens - 8));
  large.end = 16; // hashing is not what this is about
  ask<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{large}));
  CHECK_NE(table().find("first"), nullptr);
  look_up("next", tokens_from(0, 16));
  CHECK_EQ(table().find("first"), nullptr);
  CHECK_NE(table().find("next"), nullptr);
  CHECK_NE(table().find("large"), nullptr);
}

TEST_CASE_FIXTURE(fixture, "parked status queries are bounded, and each is answered once") {
  look_up("r", tokens_from(0, 16));
  std::vector<std::shared_ptr<answer<prefetch_status>>> parked;
  for (size_t i = 0; i < session_state::max_waiters; ++i)
    parked.push_back(begin<prefetch_status>(uut, atom::status_v, "r"s, 10.0));
  settle();
  auto beyond = begin_wait("r", 10);
  REQUIRE(beyond->value);
  CHECK_FALSE(beyond->value->resolved);
  log->answer_lookup(5, 3);
  settle();
  size_t hits = 0;
  for (const auto& each : parked) {
    REQUIRE(each->value);
    hits += each->value->hit_chunks > 0 ? 1 : 0;
  }
  CHECK_EQ(hits, 1u);
  look_up("s", tokens_from(0, 16));
  CHECK(begin_wait("s", 10)->open()); // there is room again
}

TEST_CASE_FIXTURE(fixture, "a parked status query is answered when its session ends") {
  look_up("r", tokens_from(0, 16));
  auto waits = begin_wait("r", 10);
  end_session("r");
  REQUIRE(waits->value);
  CHECK(waits->value->resolved);
  CHECK_EQ(waits->value->hit_chunks, 0u);
  look_up("s", tokens_from(0, 16));
  auto lost = begin_wait("s", 10);
  tell(uut, atom::lost_v, std::vector{"s"s});
  REQUIRE(lost->value);
  CHECK(lost->value->resolved);
}

TEST_CASE_FIXTURE(fixture, "a retrieve whose range is refused gives its shares back") {
  look_up("r", tokens_from(0, 16), 5, 4);
  auto of = worker_key("r", tokens_from(0, 16), 0, 10);
  CHECK_FALSE(refusal<slot_plan>(uut, atom::claim_v, box(wire::prepare_retrieve{of, 11})).empty());
  REQUIRE_EQ(log->released.size(), 1u);
  CHECK_EQ(log->released[0].lease, 5u);
  CHECK_EQ(log->released[0].end, 2u);
  CHECK_EQ(log->released[0].shares, 1u);
}

TEST_CASE_FIXTURE(fixture, "a lease serves the chunks that were looked up, and nothing else") {
  auto lease_of = [&](const wire::cache_key& of, int64_t instance_id) {
    prepare_retrieve(of, instance_id);
    return handed->back().second.lease;
  };
  look_up("r", tokens_from(0, 16), 5, 4);
  CHECK_EQ(lease_of(worker_key("r", tokens_from(50, 16), 0, 16), 1), 0u); // other tokens
  auto of = worker_key("r", tokens_from(0, 16), 0, 16);
  of.cache_salt = "bob";
  CHECK_EQ(lease_of(of, 1), 0u);
  of = worker_key("r", tokens_from(0, 16), 0, 16);
  of.model_name = "another";
  CHECK_EQ(lease_of(of, 1), 0u);
  CHECK_EQ(lease_of(worker_key("r", tokens_from(0, 20), 0, 20), 1), 0u); // beyond the lookup
  CHECK_EQ(lease_of(worker_key("r", tokens_from(0, 16), 0, 8), 1), 5u);
  CHECK_EQ(lease_of(worker_key("r", tokens_from(0, 16), 0, 16), 2), 5u);
}

TEST_CASE_FIXTURE(fixture, "of a model's layouts the newest that is registered counts") {
  const model_layout older{"model", 1, {{-1, 4096, false}}}, newer{"model", 1, {{-1, 8192, false}}};
  tell(uut, atom::attach_v, newer);
  CHECK_EQ(table().layout("model", 1)->groups[0].object_bytes, 8192u);
  tell(uut, atom::detach_v, newer);
  REQUIRE_NE(table().layout("model", 1), nullptr);
  CHECK_EQ(table().layout("model", 1)->groups[0].object_bytes, 4096u);
  tell(uut, atom::detach_v, newer); // was not there any more
  CHECK_NE(table().layout("model", 1), nullptr);
  tell(uut, atom::detach_v, older);
  CHECK_EQ(table().layout("model", 1), nullptr);
}

TEST_CASE_FIXTURE(fixture, "registrations may come and go while a long prompt is hashed") {
  const auto long_prompt = tokens_from(0, chunk_tokens * session_table::chunks_per_slice * 3);
  auto answered
    = begin<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{key("r", long_prompt)}));
  run_until_answered(*answered);
  const model_layout same{"model", 1, {{-1, 4096, false}}};
  for (int i = 0; i < 20; ++i)
    self->send(uut, atom::attach_v, same);
  for (int i = 0; i < 21; ++i)
    self->send(uut, atom::detach_v, same);
  settle();
  REQUIRE_EQ(log->lookups.size(), 1u);
  CHECK_EQ(log->lookups[0].order->groups, same.groups);
}
