#include "actors/transfer/engine_driven.hpp"

#include "actors/gateway/wire/pickle_tensors.hpp"
#include "tests/fixtures/transfers.hpp"

using namespace actord;
using namespace actord::test;

namespace {

constexpr int64_t worker = 11;
constexpr uint64_t chunk_bytes = 2 * 1 * 4 * 8 * 2; // K and V, layers, slots, hidden, float16

struct fixture : transfer_fixture {
  using impl = engine_driven_actor::stateful_base<engine_driven_state>;

  fixture() : transfer_fixture(16, chunk_bytes) {
    start_uut({});
    open(registration());
  }
  void start_uut(const liveness_options& liveness) {
    engine_driven_options how{4, liveness, std::make_shared<metric_registry>(), bus, 60'000};
    uut = start(actord::engine_driven, how, pool, sessions, l1, std::vector{start_bare(copier)});
    settle();
  }

  /// "s" and "r" for stores and retrieves that ended well, else "S" and "R".
  std::string ends() {
    std::string result;
    for (const auto& [type, time_s, session, details] : bus->take_all())
      result += "SsRr"[(type == event_type::mp_retrieve_end) * 2
                       + std::get<transfer_details>(details).success];
    return result;
  }

  static wire::register_engine_driven registration(int64_t instance_id = worker) {
    wire::register_engine_driven result;
    result.instance_id = instance_id;
    result.model_name = "model";
    result.block_size = 4;
    result.num_layers = 1;
    result.hidden_dim_size = 8;
    result.dtype = "float16";
    return result;
  }
  pool_offer open(const wire::register_engine_driven& request) {
    return ask<pool_offer>(uut, atom::open_v, box(request));
  }
  std::string open_refusal(const wire::register_engine_driven& request) {
    return refusal<pool_offer>(uut, atom::open_v, box(request));
  }
  wire::cache_key key(const chain_ptr& chain) const {
    return *key_of_chunks(static_cast<uint32_t>(chain->size()));
  }

  slot_plan prepare_store(const chain_ptr& chain, int64_t id = worker) {
    return ask<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{key(chain), id}),
                          whole(chain));
  }
  bool commit_store(const chain_ptr& chain, const std::string& data = "", int64_t id = worker) {
    return ask<bool>(uut, atom::commit_v, box(wire::commit_store{key(chain), id, data}),
                     whole(chain));
  }
  std::string commit_refusal(const chain_ptr& chain, const std::string& data) {
    return refusal<bool>(uut, atom::commit_v, box(wire::commit_store{key(chain), worker, data}),
                         whole(chain));
  }
  slot_plan prepare_retrieve(const chain_ptr& chain, lease_id lease, int64_t id = worker) {
    return ask<slot_plan>(uut, atom::claim_v, box(wire::prepare_retrieve{key(chain), id}),
                          whole(chain, lease));
  }
  void commit_retrieve(const chain_ptr& chain, int64_t id = worker) {
    CHECK(ask<bool>(uut, atom::finish_v, box(wire::commit_retrieve{key(chain), id}), whole(chain)));
  }
  void store_by_worker(const chain_ptr& chain) {
    for (const auto& place : prepare_store(chain).slots)
      std::memset(pool->data() + place.offset_bytes, static_cast<int>(place.chunk) + 1,
                  place.length_bytes);
    REQUIRE(commit_store(chain));
  }
  instance_status row() {
    auto all = ask<transfer_status>(uut, atom::status_v);
    REQUIRE_EQ(all.instances.size(), 1u);
    return all.instances[0];
  }
  bool registered() {
    return !ask<transfer_status>(uut, atom::status_v).instances.empty();
  }
  std::string pickle(size_t chunks, std::vector<int64_t> shape = {2, 1, 4, 8}) const {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<std::span<const std::byte>> views;
    auto size = wire::tensor_pickler{"float16", shape}.tensor_bytes();
    for (size_t i = 0; i < chunks; ++i)
      bytes.emplace_back(size, static_cast<std::byte>(i + 1));
    views.assign(bytes.begin(), bytes.end());
    return wire::emit_pickled_tensors("float16", shape, views);
  }
  void check_idle() {
    CHECK_EQ(usage().reservations, 0u);
    CHECK_EQ(usage().staged_objects, 0u);
    CHECK_EQ(usage().claims, 0u);
  }

  engine_driven_actor uut;
  event_publisher_ptr bus = std::make_shared<event_publisher>(
    100, [] { return 0.0; }, [](event_publisher::wake) {});
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a registered worker is told the pool, and sessions know its model") {
  auto offer = open(registration());
  CHECK_EQ(offer.shm_name, pool->name());
  CHECK_EQ(offer.size_bytes, pool->size_bytes());
  CHECK_EQ(row().model_name, "model");
  CHECK_EQ(row().block_size, 4);
  CHECK(row().engine_driven);
  REQUIRE_NE(layouts(), nullptr);
  CHECK_EQ(*layouts(), groups);
  ask<caf::ok_atom>(uut, atom::close_v, worker);
  CHECK_EQ(layouts(), nullptr);
}

TEST_CASE_FIXTURE(fixture, "what a worker wrote between prepare and commit is what a reader gets") {
  auto chain = shared_chain(2);
  auto plan = prepare_store(chain);
  REQUIRE_EQ(plan.slots.size(), 2u);
  CHECK_FALSE(plan.pickle);
  CHECK_EQ(plan.shape, (std::vector<int64_t>{2, 1, 4, 8}));
  CHECK_EQ(plan.dtype, "float16");
  CHECK_EQ(row().pending_writes, 1u);
  CHECK_EQ(lookup(chain).hit_chunks, 0u); // not before the commit
  CHECK(commit_store(chain));
  CHECK_EQ(row().pending_writes, 0u);
  auto found = lookup(chain);
  CHECK_EQ(found.hit_chunks, 2u);
  auto read = prepare_retrieve(chain, found.lease);
  CHECK(read.success);
  CHECK_EQ(read.slots, plan.slots);
  CHECK_EQ(row().pending_reads, 1u);
  CHECK_EQ(usage().claims, 1u);
  commit_retrieve(chain);
  check_idle();
  commit_retrieve(chain); // twice is harmless
}

TEST_CASE_FIXTURE(fixture, "a repeated prepare_retrieve gets the same slots and no second claim") {
  auto chain = shared_chain(2);
  store_by_worker(chain);
  auto first = prepare_retrieve(chain, lookup(chain).lease);
  auto again = prepare_retrieve(chain, 0);
  CHECK_EQ(again.slots, first.slots);
  CHECK(again.success);
  CHECK_EQ(usage().claims, 1u);
  commit_retrieve(chain);
  check_idle();
  CHECK_FALSE(prepare_retrieve(chain, 0).success); // over, and no lease is left
}

TEST_CASE_FIXTURE(fixture, "a second prepare has nothing to write while the first is open") {
  auto chain = shared_chain(2);
  CHECK_EQ(prepare_store(chain).slots.size(), 2u);
  CHECK(prepare_store(chain).slots.empty());
  CHECK_EQ(prepare_store(shared_chain(3)).slots.size(), 1u); // what is new only
  CHECK(commit_store(chain));
  CHECK_FALSE(commit_store(chain)); // it is over
  CHECK_EQ(lookup(chain).hit_chunks, 2u);
}

TEST_CASE_FIXTURE(fixture, "a commit without a prepare is false") {
  CHECK_FALSE(commit_store(shared_chain(2)));
  prepare_store(shared_chain(2));
  CHECK_FALSE(commit_store(shared_chain(2, 100))); // other tokens
}

TEST_CASE_FIXTURE(fixture, "a prepare without memory has nothing to write") {
  auto full = shared_chain(16);
  store_by_worker(full);
  lookup(full); // all of it is read
  CHECK(prepare_store(shared_chain(2, 100)).slots.empty());
  CHECK_EQ(usage().reservations, 0u);
}

TEST_CASE_FIXTURE(fixture, "a stranger is refused and its share of the lookup is free again") {
  auto chain = shared_chain(2);
  store_by_worker(chain);
  auto lease = lookup(chain).lease;
  auto request = box(wire::prepare_retrieve{key(chain), 404});
  auto text = refusal<slot_plan>(uut, atom::claim_v, request, whole(chain, lease));
  check_says(text, "instance 404 is not registered");
  CHECK_EQ(usage().read_locked_objects, 0u);
  refusal<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{key(chain), 404}), whole(chain));
  refusal<bool>(uut, atom::commit_v, box(wire::commit_store{key(chain), 404, ""}), whole(chain));
  commit_retrieve(chain, 404); // what it was, it is over
}

TEST_CASE_FIXTURE(fixture, "a known instance may register again, but not with another layout") {
  open(registration());
  for (auto change : {+[](wire::register_engine_driven& x) { x.num_layers = 2; },
                      +[](wire::register_engine_driven& x) { x.use_mla = true; },
                      +[](wire::register_engine_driven& x) { x.dtype = "float32"; },
                      +[](wire::register_engine_driven& x) { x.model_name = "another"; },
                      +[](wire::register_engine_driven& x) { x.world_size = 2; }}) {
    auto other = registration();
    change(other);
    auto text = open_refusal(other);
    check_says(text, "another layout");
  }
  CHECK_EQ(row().world_size, 1u);
}

TEST_CASE_FIXTURE(fixture, "a layout that cannot be is refused with the reason") {
  auto refused = [&](auto change, const char* why) {
    auto request = registration(12);
    change(request);
    auto text = open_refusal(request);
    check_says(text, why);
  };
  using request = wire::register_engine_driven;
  refused([](request& x) { x.dtype = "complex64"; }, "complex64");
  refused([](request& x) { x.num_layers = 0; }, "num_layers 0");
  refused([](request& x) { x.hidden_dim_size = -8; }, "hidden_dim_size -8");
  refused([](request& x) { x.num_physical_slots = int64_t{1} << 62; }, "num_physical_slots");
  refused([](request& x) { x.num_layers = x.hidden_dim_size = 1 << 24; },
          "one chunk would take more");
  CHECK_EQ(row().instance_id, worker);
}

TEST_CASE_FIXTURE(fixture, "unregistering aborts half-written slots and ends reads") {
  auto read = shared_chain(2);
  store_by_worker(read);
  prepare_retrieve(read, lookup(read).lease);
  auto half = shared_chain(2, 100);
  prepare_store(half);
  ask<caf::ok_atom>(uut, atom::close_v, worker);
  check_idle();
  CHECK_EQ(lookup(half).hit_chunks, 0u);
  CHECK_EQ(usage().used_bytes, 2 * unit);
}

TEST_CASE_FIXTURE(fixture,
                  "a worker that unregisters while its slots are being reserved leaves none") {
  auto chain = shared_chain(2);
  auto late = begin<slot_plan>(uut, atom::reserve_v, box(wire::prepare_store{key(chain), worker}),
                               whole(chain));
  begin<caf::ok_atom>(uut, atom::close_v, worker);
  settle();
  CHECK_FALSE(late->text().empty());
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "slots of a worker that may still write stay away until it speaks") {
  auto chain = shared_chain(2);
  prepare_store(chain);
  tell(uut, atom::lost_v, worker, true);
  CHECK_EQ(usage().quarantined, 1u);
  CHECK_EQ(usage().used_bytes, 2 * unit);
  tell(uut, atom::seen_v, worker); // the next word, on a new connection
  CHECK_EQ(usage().used_bytes, 0u);
  CHECK_FALSE(commit_store(chain)); // never half-written chunks
  CHECK_EQ(lookup(chain).hit_chunks, 0u);
}

TEST_CASE_FIXTURE(fixture, "slots that a cut-off worker may still read stay until it speaks") {
  auto chain = shared_chain(2);
  store_by_worker(chain);
  prepare_retrieve(chain, lookup(chain).lease);
  tell(uut, atom::lost_v, worker, true);
  CHECK_EQ(usage().claims, 1u);
  open(registration());
  CHECK_EQ(usage().claims, 0u);
}

TEST_CASE_FIXTURE(fixture, "slots of a worker that is gone are free at once") {
  auto read = shared_chain(2);
  store_by_worker(read);
  prepare_retrieve(read, lookup(read).lease);
  prepare_store(shared_chain(2, 100));
  tell(uut, atom::lost_v, worker, false);
  check_idle();
  CHECK_EQ(usage().used_bytes, 2 * unit);
  CHECK(registered()); // it may come back
  tell(uut, atom::lost_v, int64_t{404}, true);
}

TEST_CASE_FIXTURE(fixture, "what a cut-off worker holds goes with it when it is reaped") {
  prepare_store(shared_chain(2));
  tell(uut, atom::lost_v, worker, true);
  pass(120s);
  pass(30s);
  CHECK_FALSE(registered());
  CHECK_EQ(usage().used_bytes, 0u);
}

TEST_CASE_FIXTURE(fixture, "every copy has its end told once, and whether it was good") {
  bus->listen_to({event_type::mp_store_end, event_type::mp_retrieve_end});
  auto chain = shared_chain(2);
  store_by_worker(chain);
  prepare_retrieve(chain, lookup(chain).lease);
  commit_retrieve(chain);
  commit_retrieve(chain);
  CHECK_EQ(ends(), "sr");
  prepare_retrieve(chain, lookup(chain).lease);
  prepare_store(shared_chain(2, 100));
  tell(uut, atom::lost_v, worker, true);
  CHECK_EQ(ends(), "SR");
  auto late = shared_chain(2, 200);
  prepare_store(late);
  pass(59s);
  CHECK_EQ(ends(), "");
  pass(31s); // the next look at deadlines
  CHECK_EQ(ends(), "S");
  CHECK(commit_store(late)); // the slots were still there
}

TEST_CASE_FIXTURE(fixture, "a worker that never pinged has the registration's grace") {
  pass(3600s);
  CHECK(registered());
  pass(30s);
  CHECK_FALSE(registered());
  CHECK_EQ(layouts(), nullptr);
}

TEST_CASE_FIXTURE(fixture, "a worker that pings is reaped when it stops") {
  tell(uut, atom::seen_v, worker);
  pass(120s);
  CHECK(registered());
  tell(uut, atom::seen_v, worker);
  pass(120s);
  CHECK(registered());
  pass(30s);
  CHECK_FALSE(registered());
}

TEST_CASE_FIXTURE(fixture, "the grace of a worker ends with its connection, any word renews it") {
  tell(uut, atom::lost_v, worker, false);
  prepare_store(shared_chain(1));
  pass(150s);
  CHECK(registered()); // it never pinged
  tell(uut, atom::lost_v, worker, false);
  pass(30s);
  CHECK_FALSE(registered());
}

TEST_CASE_FIXTURE(fixture, "without a reap timeout nobody is reaped") {
  start_uut({0, 0});
  open(registration());
  tell(uut, atom::seen_v, worker);
  tell(uut, atom::lost_v, worker, false);
  pass(1'000'000s);
  CHECK(registered());
}

TEST_CASE_FIXTURE(fixture, "a worker that sends tensors is served with tensors from then on") {
  auto chain = shared_chain(2);
  CHECK_FALSE(prepare_store(chain).pickle);
  CHECK(commit_store(chain, pickle(2))); // whatever it prepared before
  CHECK(row().pickle);
  CHECK_EQ(usage().reservations, 0u);
  auto found = lookup(chain);
  CHECK_EQ(found.hit_chunks, 2u);
  auto plan = prepare_retrieve(chain, found.lease);
  CHECK(plan.pickle);
  CHECK(plan.success);
  CHECK_EQ(plan.data, pickle(2));
  check_idle(); // the bytes are copied: nothing stays claimed
  CHECK(prepare_store(shared_chain(2, 100)).pickle);
  CHECK_EQ(usage().reservations, 0u);
}

TEST_CASE_FIXTURE(fixture, "tensors of chunks that are there already are not stored twice") {
  auto chain = shared_chain(2);
  CHECK(commit_store(chain, pickle(2)));
  CHECK(commit_store(chain, pickle(2)));
  CHECK_EQ(usage().used_bytes, 2 * unit);
}

TEST_CASE_FIXTURE(fixture, "tensors that find no memory are not stored") {
  auto full = shared_chain(16);
  store_by_worker(full);
  lookup(full);
  CHECK_FALSE(commit_store(shared_chain(2, 100), pickle(2)));
  CHECK_EQ(usage().reservations, 0u);
}

TEST_CASE_FIXTURE(fixture, "forged and ill-fitting pickles are refused and leave nothing") {
  auto chain = shared_chain(2);
  auto refused = [&](const std::string& data, const char* why) {
    auto text = commit_refusal(chain, data);
    check_says(text, why);
    CHECK_EQ(usage().used_bytes, 0u);
    check_idle();
  };
  refused("cos\nsystem\n(S'true'\ntR.", "not a list of plain CPU tensors");
  refused(pickle(2).substr(0, 100), "not a list of plain CPU tensors");
  refused(pickle(1), "1 tensors for 2 chunks");
  refused(pickle(2, {2, 1, 4, 4}), "shape and dtype");
  refused(pickle(2, {1, 2, 4, 8}), "shape and dtype");
  CHECK(commit_store(chain, pickle(2))); // the worker goes on
}
