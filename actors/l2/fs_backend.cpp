#include "actors/l2/fs_backend.hpp"

#include "actors/l2/fs_volume.hpp"
#include "actors/l2/fs_walk.hpp"
#include "actors/log.hpp"
#include "runtime/io_blocking.hpp"
#include "runtime/io_ring.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>

#include <sys/random.h>
#include <sys/statvfs.h>

namespace actord {

using runtime::io_backend;

namespace {

using step
  = runtime::ring_step<fs_outcome> (*)(io_backend&, fs_volume&, const l2_item&, runtime::io_time);

/// Calls under way. The owner holds one share itself.
class open_calls {
public:
  void begin() {
    ++count_;
  }
  void end() {
    if (--count_ == 0) {
      none = true;
      none.notify_all();
    }
  }

  std::atomic<bool> none = false;

private:
  std::atomic<uint64_t> count_ = 1;
};

/// One call: its lanes, on all rings, take one object after another.
struct fs_call {
  fs_volume& volume;
  open_calls& calls;
  step work;
  const char* verb;
  l2_batch batch;
  l2_backend::done answer;
  runtime::io_time deadline;
  l2_report report;
  std::atomic<size_t> next = 0;
  std::atomic<size_t> lanes = 1; // one is the caller's
  std::mutex error_mutex{};

  void leave() {
    if (--lanes != 0)
      return;
    answer(std::move(report));
    calls.end();
  }

  void note(size_t index, const fs_outcome& outcome);
};

/// Counts an outcome and keeps the text of the first error.
void fs_call::note(size_t index, const fs_outcome& outcome) {
  auto& counters = volume.counters;
  report.results[index] = outcome.result;
  report.stored_bytes[index] = outcome.stored_bytes;
  switch (outcome.result) {
    case l2_result::ok: return;
    case l2_result::absent: ++counters.absent; return;
    case l2_result::wrong_length: ++counters.wrong_length; return;
    case l2_result::corrupt: ++counters.corrupt; return;
    case l2_result::no_space: ++counters.no_space; break;
    case l2_result::failed: ++counters.failed; break;
  }
  const auto& object = (*batch)[index].object;
  std::lock_guard lock{error_mutex};
  if (report.error.empty())
    report.error = std::string("cannot ") + verb + " object " + to_hex(object.hash) + " in "
                   + volume.options.base_path + ": " + std::strerror(outcome.error);
}

runtime::ring_task run_lane(io_backend& io, std::shared_ptr<fs_call> call) {
  const auto& items = *call->batch;
  for (auto i = call->next++; i < items.size(); i = call->next++) {
    auto one = call->work(io, call->volume, items[i], call->deadline);
    const auto outcome = co_await one;
    call->note(i, outcome);
  }
  call->leave();
}

} // namespace

struct fs_backend::state {
  explicit state(fs_options options) : volume(std::move(options)) {
  }

  // The rings' threads work with these two until they have ended.
  fs_volume volume;
  open_calls calls;
  std::vector<std::shared_ptr<io_backend>> io;
  bool own_rings = true;
  uint64_t capacity_bytes = 0;
  std::atomic<bool> stop = false;
  std::atomic<bool> scanning = false;
  std::thread scanner, sweeper;

  void start_rings();
  void run(step work, const char* verb, uint32_t limit_ms, l2_batch batch, done answer);
  template <class Work>
  void run_on_first(Work work);
};

/// Where io_uring is switched off or forbidden, as in many containers, plain threads do the work.
void fs_backend::state::start_rings() {
  constexpr uint32_t blocking_threads = 4;
  constexpr size_t waiting_calls = 65'536;
  const auto& options = volume.options;
  try {
    runtime::io_ring_options ring;
    ring.entries = options.ring_entries;
    ring.inbox = waiting_calls;
    for (uint32_t i = 0; i < options.rings; ++i)
      io.push_back(std::make_shared<runtime::io_ring>(ring));
  } catch (const std::system_error& error) {
    log_warn(
      log_part::l2,
      "no io_uring for {} ({}): blocking threads are used, which are slower and cannot cancel "
      "what hangs. Allow io_uring_setup, io_uring_enter and io_uring_register in the "
      "container's seccomp profile and set the sysctl kernel.io_uring_disabled to 0",
      options.base_path, error.what());
    io.clear();
    for (uint32_t i = 0; i < blocking_threads; ++i)
      io.push_back(std::make_shared<runtime::io_blocking>(waiting_calls));
  }
}

/// Waits for work on the first ring.
template <class Work>
void fs_backend::state::run_on_first(Work work) {
  // Shared: the ring still touches the flag when the waiting thread is on its way already.
  auto over = std::make_shared<std::atomic<bool>>(false);
  const auto posted = io.front()->post([work, over] {
    work();
    *over = true;
    over->notify_all();
  });
  if (posted)
    io.front()->wait_for(*over);
}

void fs_backend::state::run(step work, const char* verb, uint32_t limit_ms, l2_batch batch,
                            done answer) {
  const auto count = batch->size();
  l2_report report;
  report.results.assign(count, l2_result::failed);
  report.stored_bytes.assign(count, 0);
  const auto deadline = io.front()->now() + std::chrono::milliseconds(limit_ms);
  auto call = std::shared_ptr<fs_call>(new fs_call{.volume = volume,
                                                   .calls = calls,
                                                   .work = work,
                                                   .verb = verb,
                                                   .batch = std::move(batch),
                                                   .answer = std::move(answer),
                                                   .deadline = deadline,
                                                   .report = std::move(report)});
  calls.begin();
  // Few objects go to few rings: waking a thread costs as much as moving a small one.
  const auto lanes = std::min<size_t>(volume.options.lanes, (count + io.size() - 1) / io.size());
  auto refused = false;
  for (size_t i = 0; i < std::min(io.size(), count); ++i) {
    call->lanes += lanes;
    const auto posted = io[i]->post([&ring = *io[i], call, lanes] {
      for (size_t lane = 0; lane < lanes; ++lane)
        run_lane(ring, call);
    });
    if (!posted) {
      call->lanes -= lanes;
      refused = true;
    }
  }
  if (refused) {
    std::lock_guard lock{call->error_mutex};
    if (call->report.error.empty())
      call->report.error = "too many calls wait for the rings";
  }
  call->leave();
}

fs_backend::fs_backend(fs_options options) : state_(std::make_unique<state>(std::move(options))) {
}

fs_backend::fs_backend(fs_options options, std::vector<std::shared_ptr<io_backend>> io)
  : fs_backend(std::move(options)) {
  state_->io = std::move(io);
  state_->own_rings = false;
}

fs_backend::~fs_backend() {
  auto& s = *state_;
  s.stop = true;
  for (auto* thread : {&s.scanner, &s.sweeper})
    if (thread->joinable())
      thread->join();
  s.calls.end();
  if (s.io.empty())
    return;
  s.io.front()->wait_for(s.calls.none);
  s.run_on_first([&s] { close_fs_volume(*s.io.front(), s.volume); });
}

std::string fs_backend::open() {
  auto& s = *state_;
  auto& volume = s.volume;
  if (auto error = volume.options.error(); !error.empty())
    return error;
  if (::getrandom(&volume.writer, sizeof volume.writer, 0) != sizeof volume.writer)
    volume.writer = static_cast<uint64_t>(runtime::io_clock::now().time_since_epoch().count());
  if (s.own_rings)
    s.start_rings();
  std::string error;
  s.run_on_first([&s, &error] { error = open_fs_volume(*s.io.front(), s.volume); });
  s.capacity_bytes = volume.options.max_capacity_bytes;
  if (!error.empty() || !s.own_rings)
    return error;
  struct ::statvfs free {};
  if (s.capacity_bytes == 0 && ::statvfs(volume.options.base_path.c_str(), &free) == 0)
    s.capacity_bytes = free.f_bavail * free.f_frsize / 5 * 4;
  volume.quarantined = count_fs_quarantine(volume.options, volume.options.quarantine_files);
  s.sweeper = std::thread([&s] {
    if (const auto count = sweep_fs(s.volume.options, s.stop, std::time(nullptr)); count != 0)
      log_info(log_part::l2, "removed {} temporary files that lay in {} for more than an hour",
               count, s.volume.options.base_path);
  });
  return {};
}

void fs_backend::probe(l2_batch batch, done answer) {
  state_->run(fs_probe, "look for", state_->volume.options.probe_limit_ms, std::move(batch),
              std::move(answer));
}

void fs_backend::load(l2_batch batch, done answer) {
  state_->run(fs_load, "load", state_->volume.options.load_limit_ms, std::move(batch),
              std::move(answer));
}

void fs_backend::store(l2_batch batch, done answer) {
  state_->run(fs_store, "store", state_->volume.options.store_limit_ms, std::move(batch),
              std::move(answer));
}

void fs_backend::erase(l2_batch batch, done answer) {
  state_->run(fs_erase, "remove", state_->volume.options.probe_limit_ms, std::move(batch),
              std::move(answer));
}

void fs_backend::scan(page more) {
  auto& s = *state_;
  if (s.scanning.exchange(true)) {
    more({});
    return;
  }
  if (s.scanner.joinable())
    s.scanner.join(); // it is over
  s.scanner = std::thread([&s, more = std::move(more)] {
    scan_fs(s.volume.options, s.stop, more);
    s.scanning = false;
  });
}

uint64_t fs_backend::capacity_bytes() const {
  return state_->capacity_bytes;
}

std::vector<std::pair<std::string, std::string>> fs_backend::status() const {
  const auto& volume = state_->volume;
  const auto& counters = volume.counters;
  const auto number = [](const auto& value) { return std::to_string(value.load()); };
  const auto yes_no = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"base_path", volume.options.base_path},
          {"use_odirect", yes_no(volume.options.use_odirect && volume.direct)},
          {"verify_checksums", yes_no(volume.options.verify_checksums && volume.attributes)},
          {"threads", std::to_string(state_->io.size())},
          {"stored", number(counters.stored)},
          {"found_stored", number(counters.found_stored)},
          {"loaded", number(counters.loaded)},
          {"loaded_unverified", number(counters.unverified)},
          {"absent", number(counters.absent)},
          {"wrong_length", number(counters.wrong_length)},
          {"corrupt", number(counters.corrupt)},
          {"quarantined", number(volume.quarantined)},
          {"no_space", number(counters.no_space)},
          {"failed", number(counters.failed)},
          {"stored_without_checksum", number(counters.without_attribute)},
          {"buffered", number(counters.buffered)}};
}

} // namespace actord
