#include "actors/telemetry/trace_recorder.hpp"

#include "observability/trace/calls.hpp"
#include "tests/fixtures/temporary_folder.hpp"
#include "tests/observability/trace/lct.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include <sys/resource.h>
#include <sys/stat.h>

using namespace actord;
using namespace actord::test;
using actord::fixtures::temporary_folder;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

event call_event(uint64_t number) {
  object_ref key;
  key.space = std::make_shared<const key_space>(key_space{"m", 1, "salt"});
  key.kv_rank = pack_kv_rank(1, 0);
  return {event_type::trace_call, 100.5, "",
          trace_call_details{std::make_shared<const trace::recorded_call>(
                               trace::recorded_call{trace::finish_write_call{{key}}}),
                             10.25, number}};
}

struct recorder_fixture {

  std::unique_ptr<trace_recorder> start(trace_file_limits limits = {}, uint64_t first = 0) {
    auto opened = trace_file::open(path, trace::encode(trace::header{}), limits);
    REQUIRE(std::holds_alternative<std::unique_ptr<trace_file>>(opened));
    return std::make_unique<trace_recorder>(
      std::get<std::unique_ptr<trace_file>>(std::move(opened)),
      trace_recorder::identity{"storage", 10, first}, metrics);
  }

  lct_contents contents(const std::string& of = {}) const {
    return read_lct(bytes_of(of.empty() ? path : of));
  }
  double count(metric what) const {
    return metrics->counter(what).value();
  }

  temporary_folder folder;
  std::string path = folder.path().string() + "/run.lct";
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
};

} // namespace

TEST_CASE_FIXTURE(recorder_fixture, "calls stand in the file as soon as they are handled") {
  const auto recorder = start({}, 7);
  recorder->handle(call_event(7));
  const auto found = contents();
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].t_mono == 0.25);
  CHECK(found.records[0].t_wall == 100.5);
  CHECK(found.records[0].qualname.ends_with(".finish_write"));
  CHECK(count(metric::trace_records) == 1);
  CHECK(count(metric::trace_bytes) == static_cast<double>(bytes_of(path).size()));
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE_FIXTURE(recorder_fixture,
                  "calls that never came are a gap, told where they are missing") {
  const auto recorder = start();
  recorder->handle(call_event(0));
  recorder->missed_events();
  recorder->handle(call_event(4)); // 1, 2 and 3 are gone
  CHECK(contents().lost == 0);     // until something comes after
  recorder->missed_events();
  recorder->handle(call_event(5));
  CHECK(contents().lost == 3);
  CHECK(contents().records.size() == 3);
  CHECK(contents().warnings.empty());
  CHECK(recorder->dropped() == 3);
  CHECK(count(metric::trace_dropped_records) == 3);
  recorder->missed_events(); // news of the same loss
  recorder->handle(call_event(6));
  CHECK(contents().lost == 3);
}

TEST_CASE_FIXTURE(recorder_fixture, "calls of a recording before this one are none of its own") {
  const auto recorder = start({}, 5);
  recorder->handle(call_event(4));
  recorder->handle(call_event(5));
  CHECK(contents().records.size() == 1);
  CHECK(recorder->dropped() == 0);
}

TEST_CASE_FIXTURE(recorder_fixture,
                  "a file that is full makes room for the next, and the oldest goes") {
  const auto recorder = start({700, 2});
  for (uint64_t i = 0; i < 10; ++i)
    recorder->handle(call_event(i));
  CHECK(bytes_of(path).empty()); // gone
  size_t files = 0, records = 0;
  for (int i = 1; i < 20; ++i) {
    const auto name = folder.path().string() + "/run." + std::to_string(i) + ".lct";
    const auto bytes = bytes_of(name);
    if (bytes.empty())
      continue;
    ++files;
    CHECK(bytes.size() <= 700);
    const auto found = contents(name);
    CHECK(found.fault == "");
    records += found.records.size();
  }
  CHECK(files == 2);
  CHECK(records > 0);
  CHECK(recorder->dropped() == 0);
}

TEST_CASE_FIXTURE(recorder_fixture,
                  "a record that is larger than a file may be has a file of its own") {
  const auto recorder = start({10, 0});
  recorder->handle(call_event(0));
  recorder->handle(call_event(1));
  CHECK(contents().records.size() == 1);
  CHECK(contents(folder.path().string() + "/run.1.lct").records.size() == 1);
}

TEST_CASE_FIXTURE(recorder_fixture,
                  "a disk that takes no more ends the recording at a whole record") {
  const auto recorder = start();
  recorder->handle(call_event(0));
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{bytes_of(path).size() + 20, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  recorder->handle(call_event(1));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, old);
  recorder->handle(call_event(2)); // there is room again, but a hole in the file would be worse
  CHECK(recorder->dropped() == 2);
  CHECK(contents().records.size() == 1);
  CHECK(contents().warnings.empty());
}

TEST_CASE_FIXTURE(recorder_fixture, "a file that cannot be made says why") {
  const auto opened = trace_file::open(folder.path().string() + "/none/x.lct", "", {});
  REQUIRE(std::holds_alternative<std::string>(opened));
  CHECK(std::get<std::string>(opened).starts_with("cannot make " + folder.path().string()
                                                  + "/none/x.lct: "));
}

TEST_CASE("options have the digest that the peer's have when nothing but the segment differs") {
  daemon_options options;
  options.l1.size_bytes = 268'435'456;
  options.l1.eviction.policy = "LRU";
  const auto theirs = read_lct(sample_lct()).head;
  auto ours = trace_header(options, 1, 2);
  CHECK(normal_digest(ours) == normal_digest(theirs));
  CHECK(ours.sm_config_digest != theirs.sm_config_digest);
  options.l1.shm_name = "another";
  CHECK(normal_digest(trace_header(options, 1, 2)) == normal_digest(theirs));
  options.l1.size_bytes *= 2;
  CHECK(normal_digest(trace_header(options, 1, 2)) != normal_digest(theirs));
  ours.sm_config_json = "[1";
  ours.level_meta.clear();
  CHECK(normal_digest(ours) == "");
}
