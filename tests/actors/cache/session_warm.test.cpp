#include "actors/cache/session_warm.hpp"

#include "tests/fixtures/sessions.hpp"

using namespace actord;
using namespace actord::test;

namespace {

using orders = std::vector<boxed<prefetch_order>>;

prefetch_controller_actor::behavior_type
fake_prefetcher(prefetch_controller_actor::pointer, std::shared_ptr<orders> taken) {
  return {
    [](atom::lookup, const boxed<prefetch_order>&) { return prefetch_outcome{}; },
    [taken](atom::load, const boxed<prefetch_order>& order) -> caf::result<caf::ok_atom> {
      if (taken->size() >= 2)
        return make_error(ec::busy, "full");
      taken->push_back(order);
      return caf::ok_atom_v;
    },
    [](atom::status, const std::string&) { return warm_status{}; },
    [](atom::attach, const l2_adapter_actor&, const l2_adapter_info&) {},
    [](atom::tick) {},
    [](atom::status) { return prefetch_controller_status{}; },
  };
}

struct fixture : session_fixture {
  void attach_prefetcher() {
    prefetcher = start(fake_prefetcher, taken);
    tell(uut, atom::open_v, prefetcher);
  }
  boxed<wire::lookup> wish(const std::string& id, size_t tokens) {
    return box(wire::lookup{key(id, tokens_from(0, tokens))});
  }

  std::shared_ptr<orders> taken = std::make_shared<orders>();
  prefetch_controller_actor prefetcher;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a warm prefetch names every whole chunk and opens no session") {
  attach_prefetcher();
  const size_t tokens = 4 * (2 * session_table::chunks_per_slice + 3) + 2; // several slices
  ask<caf::ok_atom>(uut, atom::load_v, wish("w", tokens));
  REQUIRE_EQ(taken->size(), 1u);
  const auto& order = *taken->front();
  CHECK_EQ(order.request_id, "w");
  CHECK_EQ(order.lookup->space.model_name, "model");
  CHECK_EQ(order.lookup->groups, (std::vector<group_layout>{{-1, 4096, false}}));
  CHECK_EQ(*order.lookup->chain, hashes_of(tokens_from(0, tokens - 2)));
  CHECK_EQ(status().sessions, 0u);
  CHECK(log->lookups.empty());
}

TEST_CASE_FIXTURE(fixture, "a warm prefetch of nothing is refused with the reason") {
  check_says(refusal<caf::ok_atom>(uut, atom::load_v, wish("w", 8)), "nothing to bring");
  attach_prefetcher();
  check_says(refusal<caf::ok_atom>(uut, atom::load_v, wish("w", 3)), "nothing to bring");
  auto other = key("w", tokens_from(0, 8));
  other.model_name = "other";
  check_says(refusal<caf::ok_atom>(uut, atom::load_v, box(wire::lookup{other})), "not registered");
  ask<caf::ok_atom>(uut, atom::load_v, wish("a", 8));
  ask<caf::ok_atom>(uut, atom::load_v, wish("b", 8));
  check_says(refusal<caf::ok_atom>(uut, atom::load_v, wish("c", 8)), "full");
}
