#include "runtime/ask.hpp"

#include "runtime/reply.hpp"
#include "tests/fixtures/actors.hpp"

#include <deque>

using namespace actord;
using namespace actord::test;

namespace {

using server_actor = caf::typed_actor<caf::replies_to<atom::get, uint64_t>::with<uint64_t>>;

using client_actor = caf::typed_actor<
  // Doubles what the server answers; waits that many milliseconds (0: for ever).
  caf::replies_to<atom::get, uint64_t, int64_t>::with<uint64_t>,
  // Asks for every number below; answers whether all were good.
  caf::replies_to<atom::list, uint64_t>::with<bool>,
  // Takes that many turns, noting each.
  caf::replies_to<atom::run, uint64_t>::with<uint64_t>,
  // Notes that it came.
  caf::reacts_to<atom::seen>,
  // Drops its promise.
  caf::replies_to<atom::lost>::with<uint64_t>>;

using open_question = std::pair<uint64_t, caf::typed_response_promise<uint64_t>>;

struct client_state {
  static inline const char* name = "client";
  explicit client_state(client_actor::pointer) {
  }
  server_actor server;
  std::shared_ptr<int> frames; // use_count() tells how many frames live
  std::shared_ptr<std::string> notes;
};

using client_pointer = client_actor::stateful_pointer<client_state>;

template <class Patience>
runtime::task
twice(client_pointer self, uint64_t number, Patience patience, runtime::reply<uint64_t> out) {
  auto alive = self->state.frames;
  auto got = co_await runtime::ask(self, self->state.server, patience, atom::get_v, number);
  if (got)
    out.deliver(*got * 2);
  else
    out.deliver(got.error());
}

runtime::task all(client_pointer self, uint64_t count, runtime::reply<bool> out) {
  auto alive = self->state.frames;
  std::vector<uint64_t> numbers(count);
  for (uint64_t i = 0; i < count; ++i)
    numbers[i] = i;
  const bool good = co_await runtime::ask_all(numbers, [self](uint64_t number) {
    return self->request(self->state.server, caf::infinite, atom::get_v, number);
  });
  out.deliver(good);
}

runtime::task turns(client_pointer self, uint64_t count, runtime::reply<uint64_t> out) {
  auto alive = self->state.frames;
  for (uint64_t i = 0; i < count; ++i) {
    self->state.notes->push_back('t');
    co_await runtime::next_turn{self};
  }
  out.deliver(count);
}

client_actor::behavior_type
client(client_pointer self, server_actor server, std::shared_ptr<int> frames,
       std::shared_ptr<std::string> notes) {
  self->state.server = std::move(server);
  self->state.frames = std::move(frames);
  self->state.notes = std::move(notes);
  return {
    [self](atom::get, uint64_t number, int64_t patience_ms) {
      auto promise = self->make_response_promise<uint64_t>();
      if (patience_ms > 0)
        twice(self, number, std::chrono::milliseconds(patience_ms), runtime::reply{promise});
      else
        twice(self, number, caf::infinite, runtime::reply{promise});
      return promise;
    },
    [self](atom::list, uint64_t count) {
      auto promise = self->make_response_promise<bool>();
      all(self, count, runtime::reply{promise});
      return promise;
    },
    [self](atom::run, uint64_t count) {
      auto promise = self->make_response_promise<uint64_t>();
      turns(self, count, runtime::reply{promise});
      return promise;
    },
    [self](atom::seen) { self->state.notes->push_back('s'); },
    [self](atom::lost) {
      auto promise = self->make_response_promise<uint64_t>();
      runtime::reply<uint64_t> dropped{promise};
      return promise;
    },
  };
}

// Answers when the test says so.
server_actor::behavior_type
server(server_actor::pointer self, std::shared_ptr<std::deque<open_question>> questions) {
  return {
    [self, questions](atom::get, uint64_t number) {
      auto promise = self->make_response_promise<uint64_t>();
      questions->emplace_back(number, promise);
      return promise;
    },
  };
}

struct fixture : actor_fixture {
  fixture() {
    fake = start(server, questions);
    uut = start(client, fake, frames, notes);
    settle();
  }

  std::shared_ptr<answer<uint64_t>> ask_twice(uint64_t number, int64_t patience_ms = 0) {
    auto result = begin<uint64_t>(uut, atom::get_v, number, patience_ms);
    settle();
    return result;
  }
  template <class Result>
  void answer_next(Result result) {
    REQUIRE_FALSE(questions->empty());
    questions->front().second.deliver(std::move(result));
    questions->pop_front();
    settle();
  }
  long frames_alive() const {
    return frames.use_count() - (ended ? 1 : 2); // the fixture's and the state's
  }

  std::shared_ptr<std::deque<open_question>> questions
    = std::make_shared<std::deque<open_question>>();
  std::shared_ptr<int> frames = std::make_shared<int>(0);
  std::shared_ptr<std::string> notes = std::make_shared<std::string>();
  server_actor fake;
  client_actor uut;
  bool ended = false;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a task awaits the answer of another actor and its frame goes with it") {
  auto got = ask_twice(7);
  CHECK(got->open());
  CHECK_EQ(frames_alive(), 1);
  answer_next(uint64_t{21});
  CHECK_EQ(got->value, 42u);
  CHECK_EQ(frames_alive(), 0);
}

TEST_CASE_FIXTURE(fixture, "an error of the asked actor comes back as a value") {
  auto got = ask_twice(7);
  answer_next(make_error(ec::absent, "nothing here"));
  CHECK_EQ(got->text(), "nothing here");
  CHECK_EQ(frames_alive(), 0);
}

TEST_CASE_FIXTURE(fixture, "asking an actor that has died is an error, not a wait for ever") {
  end(fake, caf::exit_reason::kill);
  CHECK_EQ(ask_twice(8)->error, caf::sec::request_receiver_down);
  CHECK_EQ(frames_alive(), 0);
}

TEST_CASE_FIXTURE(fixture, "a silent actor runs into the timeout in virtual time") {
  auto got = ask_twice(7, 1000);
  pass(999ms);
  CHECK(got->open());
  pass(1ms);
  CHECK_EQ(got->error, caf::sec::request_timeout);
  CHECK_EQ(frames_alive(), 0);
}

TEST_CASE_FIXTURE(fixture, "an answer in time disarms the timeout") {
  auto got = ask_twice(7, 1000);
  CHECK(sched.clock().has_pending_timeout());
  answer_next(uint64_t{1});
  CHECK_EQ(got->value, 2u);
  CHECK_FALSE(sched.clock().has_pending_timeout());
}

TEST_CASE_FIXTURE(fixture, "killing an actor destroys its suspended frames and fails its clients") {
  auto first = ask_twice(1);
  auto second = begin<bool>(uut, atom::list_v, uint64_t{3});
  settle();
  CHECK_EQ(frames_alive(), 2);
  end(uut, caf::exit_reason::kill);
  ended = true;
  uut = nullptr;
  CHECK_EQ(frames_alive(), 0);
  CHECK_EQ(first->error, caf::sec::request_receiver_down);
  CHECK_FALSE(second->open());
  answer_next(uint64_t{5}); // a late answer falls on deaf ears
}

TEST_CASE_FIXTURE(fixture, "a dropped reply answers an error") {
  auto got = begin<uint64_t>(uut, atom::lost_v);
  settle();
  CHECK_EQ(got->error, caf::sec::request_receiver_down);
}

TEST_CASE_FIXTURE(fixture, "ask_all waits for the last answer and tells when one of them failed") {
  auto got = begin<bool>(uut, atom::list_v, uint64_t{3});
  settle();
  REQUIRE_EQ(questions->size(), 3u);
  answer_next(uint64_t{0});
  answer_next(make_error(ec::busy, "full"));
  CHECK(got->open());
  answer_next(uint64_t{0});
  CHECK_EQ(got->value, false);
  CHECK_EQ(frames_alive(), 0);
}

TEST_CASE_FIXTURE(fixture, "ask_all of good answers is good, and of nothing at once") {
  auto got = begin<bool>(uut, atom::list_v, uint64_t{2});
  settle();
  answer_next(uint64_t{0});
  answer_next(uint64_t{0});
  CHECK_EQ(got->value, true);
  CHECK(ask<bool>(uut, atom::list_v, uint64_t{0}));
}

TEST_CASE_FIXTURE(fixture, "next_turn lets messages that wait pass in between") {
  auto got = begin<uint64_t>(uut, atom::run_v, uint64_t{3});
  self->send(uut, atom::seen_v);
  self->send(uut, atom::seen_v);
  settle();
  CHECK_EQ(got->value, 3u);
  CHECK_EQ(*notes, "tsstt");
}

TEST_CASE_FIXTURE(fixture, "a frame that waits for its next turn goes with its actor") {
  auto got = begin<uint64_t>(uut, atom::run_v, uint64_t{1000});
  for (int i = 0; i < 10; ++i)
    consume_message();
  CHECK(got->open());
  CHECK_EQ(frames_alive(), 1);
  end(uut, caf::exit_reason::kill);
  ended = true;
  uut = nullptr;
  CHECK_EQ(frames_alive(), 0);
  CHECK_LT(notes->size(), 1000u);
}
