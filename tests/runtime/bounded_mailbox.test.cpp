#include "runtime/bounded_mailbox.hpp"

#include "tests/fixtures/actors.hpp"

#include <caf/scoped_actor.hpp>

#include <stdexcept>
#include <thread>

using namespace actord;
using namespace actord::test;

namespace {

using sink_actor = caf::typed_actor<
  // Something to note; 13 is bad luck and throws.
  caf::reacts_to<uint64_t>,
  // How many notes there are.
  caf::replies_to<atom::status>::with<uint64_t>>;

struct notes {
  std::vector<uint64_t> seen;
  std::vector<std::string> failures;
};
using notes_ptr = std::shared_ptr<notes>;

class bounded_sink : public runtime::bounded_mailbox<sink_actor::base, uint64_t> {
public:
  bounded_sink(caf::actor_config& cfg, size_t capacity, notes_ptr out)
    : runtime::bounded_mailbox<sink_actor::base, uint64_t>(cfg, capacity), out_(std::move(out)) {
  }
  behavior_type make_behavior() override {
    return {
      [this](uint64_t number) {
        handle(
          [&] {
            if (number == 13)
              throw std::runtime_error("bad luck");
            out_->seen.push_back(number);
          },
          [&](const char* what) { out_->failures.emplace_back(what); });
      },
      [this](atom::status) { return uint64_t{out_->seen.size()}; },
    };
  }

private:
  notes_ptr out_;
};

struct bounded_fixture : actor_fixture {
  bounded_fixture() {
    uut = keep(sys.spawn<bounded_sink>(size_t{2}, out));
    settle();
  }
  void offer(uint64_t from, uint64_t to) {
    for (auto n = from; n <= to; ++n)
      self->send(uut, n);
  }
  runtime::mailbox_counts counts() {
    return deref<bounded_sink>(uut).counts();
  }

  notes_ptr out = std::make_shared<notes>();
  sink_actor uut;
};

constexpr uint64_t per_thread = 5'000;

template <class Handle>
void flood(const Handle& dest) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&dest] {
      for (uint64_t n = 100; n < 100 + per_thread; ++n)
        caf::anon_send(dest, n);
    });
  for (auto& each : threads)
    each.join();
}

} // namespace

TEST_CASE_FIXTURE(bounded_fixture, "messages beyond the capacity are dropped and counted") {
  offer(1, 5);
  CHECK_EQ(counts().waiting, 2u);
  settle();
  CHECK_EQ(out->seen, (std::vector<uint64_t>{1, 2}));
  CHECK_EQ(counts().admitted, 2u);
  CHECK_EQ(counts().dropped, 3u);
  CHECK_EQ(counts().waiting, 0u);
  offer(6, 7); // their places are free again
  settle();
  CHECK_EQ(out->seen, (std::vector<uint64_t>{1, 2, 6, 7}));
}

TEST_CASE_FIXTURE(bounded_fixture, "requests pass a full mailbox") {
  offer(1, 5);
  CHECK_EQ(ask<uint64_t>(uut, atom::status_v), 2u);
}

TEST_CASE_FIXTURE(bounded_fixture, "a handler that throws is counted and the actor lives on") {
  offer(13, 13);
  settle();
  CHECK_EQ(counts().thrown, 1u);
  CHECK_EQ(counts().handled, 0u);
  CHECK_EQ(out->failures, (std::vector<std::string>{"bad luck"}));
  CHECK_EQ(ask<uint64_t>(uut, atom::status_v), 0u);
  offer(14, 14);
  settle();
  CHECK_EQ(counts().admitted, 2u);
  CHECK_EQ(counts().waiting, 0u);
  CHECK_EQ(out->seen, (std::vector<uint64_t>{14}));
}

TEST_CASE("offered is admitted plus dropped on real threads") {
  actor_config cfg;
  caf::actor_system sys{cfg};
  auto out = std::make_shared<notes>();
  auto uut = sys.spawn<bounded_sink>(size_t{64}, out);
  flood(uut);
  caf::scoped_actor self{sys};
  uint64_t seen = 0;
  self->request(uut, caf::infinite, atom::status_v)
    .receive([&](uint64_t count) { seen = count; },
             [&](caf::error& reason) { FAIL(sys.render(reason)); });
  auto counts = dynamic_cast<bounded_sink&>(*caf::actor_cast<caf::abstract_actor*>(uut)).counts();
  CHECK_EQ(counts.admitted + counts.dropped, 3 * per_thread);
  CHECK_EQ(seen, counts.admitted);
  CHECK_EQ(counts.waiting, 0u);
}
