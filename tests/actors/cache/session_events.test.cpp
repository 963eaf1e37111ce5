#include "tests/fixtures/sessions.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE_FIXTURE(session_fixture,
                  "a lookup tells its begin, its names, and its result when it is taken") {
  bus->listen_to({event_type::mp_request_start, event_type::mp_lookup_prefetch_start,
                  event_type::mp_lookup, event_type::mp_lookup_prefetch_end});
  look_up("r", tokens_from(0, 14), 5, 2);
  auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 3u);
  CHECK_EQ(told[0].type, event_type::mp_request_start);
  CHECK_EQ(told[1].type, event_type::mp_lookup_prefetch_start);
  for (const auto& each : told)
    CHECK_EQ(each.session_id, "r");
  const auto& names = std::get<lookup_details>(told[2].details);
  CHECK_EQ(*names.chain, hashes_of(tokens_from(0, 12)));
  CHECK_EQ(names.sequence_tokens, 14u);
  CHECK_EQ(names.chunk_tokens, chunk_tokens);
  CHECK_EQ(names.dtypes, (std::vector<std::string>{"torch.half"}));
  CHECK_EQ(names.shapes, (std::vector<std::vector<int64_t>>{{2, 4}}));
  CHECK_EQ(hit_of("r"), 2);
  told = bus->take_all();
  REQUIRE_EQ(told.size(), 1u);
  const auto& result = std::get<lookup_result_details>(told[0].details);
  CHECK_EQ(told[0].session_id, "r");
  CHECK_EQ(result.found_chunks, 2u);
  CHECK_EQ(result.requested_tokens, 12u);
  CHECK_EQ(result.requested_keys, 3u);
  CHECK_EQ(result.hit_tokens, 8u);
  CHECK_EQ(result.l1_hit_tokens, 8u);
  CHECK_EQ(result.l2_hit_tokens, 0u);
  CHECK_EQ(result.model_name, "model");
  hit_of("r"); // a result is taken once
  CHECK(bus->take_all().empty());
}

TEST_CASE_FIXTURE(session_fixture, "a lookup that finds no way to begin says why") {
  bus->listen_to({event_type::mp_lookup_prefetch_end});
  look_up("short", tokens_from(0, 3));
  hit_of("short");
  auto foreign = key("foreign", tokens_from(0, 8));
  foreign.model_name = "other";
  ask<caf::ok_atom>(uut, atom::lookup_v, box(wire::lookup{foreign}));
  hit_of("foreign");
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(std::get<lookup_result_details>(told[0].details).early_exit_reason,
           "empty_chunk_hashes");
  CHECK_EQ(std::get<lookup_result_details>(told[1].details).early_exit_reason, "no_gpu_context");
}

TEST_CASE_FIXTURE(session_fixture, "an abandoned lookup has no result") {
  look_up("r", tokens_from(0, 12), 5, 2);
  bus->listen_to({event_type::mp_lookup_prefetch_end});
  end_session("r");
  CHECK(bus->take_all().empty());
}

TEST_CASE_FIXTURE(session_fixture,
                  "the end of a session is told to the blocks first, then as its end") {
  bus->listen_to({event_type::mp_vllm_end_session, event_type::mp_request_end});
  end_session("r"); // also of one that nobody knows
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(told[0].session_id, "");
  CHECK_EQ(std::get<session_end_details>(told[0].details).request_id, "r");
  CHECK_EQ(told[1].type, event_type::mp_request_end);
  CHECK_EQ(told[1].session_id, "r");
}
