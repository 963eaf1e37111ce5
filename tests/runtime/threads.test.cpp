// What touches threads and signals: the thread unit and the shutdown signal.
#include "runtime/shutdown_signal.hpp"
#include "runtime/thread_unit.hpp"
#include "tests/fixtures/actors.hpp"

#include <caf/scoped_actor.hpp>

#include <atomic>
#include <csignal>
#include <functional>
#include <set>
#include <thread>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace actord;
using namespace actord::test;

namespace {

using sink_actor = caf::typed_actor<
  // Something to note.
  caf::reacts_to<uint64_t>,
  // How many notes there are.
  caf::replies_to<atom::status>::with<uint64_t>>;

struct notes {
  std::vector<uint64_t> seen;
  std::set<std::thread::id> threads;
};
using notes_ptr = std::shared_ptr<notes>;

class pinned_sink : public runtime::pinned<sink_actor::base> {
public:
  pinned_sink(caf::actor_config& cfg, runtime::thread_unit& unit, notes_ptr out)
    : runtime::pinned<sink_actor::base>(cfg, unit), out_(std::move(out)) {
  }
  behavior_type make_behavior() override {
    return {
      [this](uint64_t number) {
        out_->seen.push_back(number);
        out_->threads.insert(std::this_thread::get_id());
      },
      [this](atom::status) { return uint64_t{out_->seen.size()}; },
    };
  }

private:
  notes_ptr out_;
};

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

// A thread that owns a unit, as the gateway's does.
struct owner_thread {
  explicit owner_thread(runtime::thread_unit& unit)
    : thread_([this, &unit] {
        unit.adopt();
        while (!stop_) {
          pollfd entry{unit.wake_fd(), POLLIN, 0};
          ::poll(&entry, 1, -1);
          while (unit.run(16)) {
          }
        }
      }),
      unit_(unit) {
  }
  ~owner_thread() {
    stop_ = true;
    unit_.wake();
    thread_.join();
  }
  std::thread::id id() const {
    return thread_.get_id();
  }

private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  runtime::thread_unit& unit_;
};

struct unit_fixture : actor_fixture {
  unit_fixture() {
    unit.adopt();
  }
  sink_actor pinned_to_unit(notes_ptr out) {
    return keep(sys.spawn<pinned_sink, caf::lazy_init>(std::ref(unit), std::move(out)));
  }
  ~unit_fixture() override {
    end_all(); // while the unit is there
    while (unit.run(64)) {
    }
  }

  runtime::thread_unit unit{&sys};
  notes_ptr first = std::make_shared<notes>(), second = std::make_shared<notes>();
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

TEST_CASE_FIXTURE(unit_fixture, "a turn is one message, so that actors take turns") {
  auto a = pinned_to_unit(first), b = pinned_to_unit(second);
  for (uint64_t n = 1; n <= 3; ++n) {
    caf::anon_send(a, n);
    caf::anon_send(b, n);
  }
  CHECK(first->seen.empty()); // nothing runs on the scheduler
  CHECK_EQ(sched.jobs.size(), 0u);
  CHECK(unit.run(2));
  CHECK_EQ(first->seen, (std::vector<uint64_t>{1}));
  CHECK_EQ(second->seen, (std::vector<uint64_t>{1}));
  CHECK_FALSE(unit.run(100));
  CHECK_EQ(first->seen, (std::vector<uint64_t>{1, 2, 3}));
  CHECK_EQ(second->seen, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_CASE_FIXTURE(unit_fixture,
                  "another thread's message makes the descriptor readable until it runs") {
  auto a = pinned_to_unit(first);
  CHECK_FALSE(readable(unit.wake_fd()));
  std::thread{[&a] { caf::anon_send(a, uint64_t{1}); }}.join();
  CHECK(readable(unit.wake_fd()));
  unit.run(8);
  CHECK_FALSE(readable(unit.wake_fd()));
  CHECK_EQ(first->threads, (std::set{std::this_thread::get_id()}));
}

TEST_CASE_FIXTURE(unit_fixture, "the owner's own messages need no wake-up") {
  caf::anon_send(pinned_to_unit(first), uint64_t{1});
  CHECK_FALSE(readable(unit.wake_fd()));
  unit.run(8);
  CHECK_EQ(first->seen.size(), 1u);
}

TEST_CASE_FIXTURE(actor_fixture, "a unit lets go of what it never ran") {
  auto out = std::make_shared<notes>();
  {
    runtime::thread_unit unit{&sys};
    unit.adopt();
    auto handle = sys.spawn<pinned_sink, caf::lazy_init>(std::ref(unit), out);
    caf::anon_send(handle, uint64_t{1});
    CHECK_EQ(out.use_count(), 2);
  }
  CHECK_EQ(out.use_count(), 1);
}

TEST_CASE("no wake-up is lost between real threads, and all messages run on the owner") {
  actor_config cfg;
  caf::actor_system sys{cfg};
  runtime::thread_unit unit{&sys};
  auto out = std::make_shared<notes>();
  {
    owner_thread owner{unit};
    auto uut = sys.spawn<pinned_sink, caf::lazy_init>(std::ref(unit), out);
    caf::scoped_actor self{sys};
    for (int round = 0; round < 200; ++round) { // mostly idle: every request is a wake-up
      self->send(uut, uint64_t{1});
      self->request(uut, caf::infinite, atom::status_v)
        .receive([&](uint64_t count) { REQUIRE_EQ(count, static_cast<uint64_t>(round) + 1); },
                 [&](caf::error& reason) { FAIL(sys.render(reason)); });
    }
    flood(uut); // mostly busy
    self->request(uut, caf::infinite, atom::status_v)
      .receive([](uint64_t count) { CHECK_EQ(count, 200 + 3 * per_thread); },
               [&](caf::error& reason) { FAIL(sys.render(reason)); });
    CHECK_EQ(out->threads, (std::set{owner.id()}));
    self->send_exit(uut, caf::exit_reason::user_shutdown);
    self->wait_for(uut);
  }
}

TEST_CASE("SIGTERM and SIGINT are things to wait for, and so is a stop from within") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    runtime::shutdown_signal uut;
    ::raise(SIGTERM);
    CHECK_EQ(uut.wait(), SIGTERM);
    CHECK_EQ(uut.wait_again(0), 0);
    ::raise(SIGINT);
    CHECK_EQ(uut.wait_again(0), SIGINT);
    std::thread{[&uut] { uut.request(); }}.join();
    CHECK_EQ(uut.wait(), 0);
    ::raise(SIGTERM); // a signal goes first: its sender waits for the process to die of it
    CHECK_EQ(uut.wait(), SIGTERM);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a process dies of the signal that stopped it") {
  const auto child = ::fork();
  REQUIRE_GE(child, 0);
  if (child == 0) {
    runtime::shutdown_signal uut;
    runtime::shutdown_signal::die_of(SIGTERM);
  }
  int status = 0;
  REQUIRE_EQ(::waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGTERM);
}
