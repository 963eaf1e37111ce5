#include "actors/l2/raw_block_backend.hpp"

#include "actors/l2/raw_block_device.hpp"
#include "actors/l2/raw_block_saver.hpp"
#include "actors/l2/ring_calls.hpp"
#include "storage/l2_names.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>

namespace actord {

using runtime::io_backend;

namespace {

using step = runtime::ring_step<raw_block_outcome> (*)(io_backend&, raw_block_device&,
                                                       const l2_item&, runtime::io_time);

constexpr size_t objects_of_page = 1000; // of a scan

l2_report empty_report(size_t count) {
  l2_report result;
  result.results.assign(count, l2_result::failed);
  result.stored_bytes.assign(count, 0);
  return result;
}

/// Counts an outcome that is not ok.
void count(raw_block_counters& counters, l2_result result) {
  switch (result) {
    case l2_result::ok: return;
    case l2_result::absent: ++counters.absent; return;
    case l2_result::wrong_length: ++counters.wrong_length; return;
    case l2_result::corrupt: ++counters.corrupt; return;
    case l2_result::no_space: ++counters.no_space; return;
    case l2_result::failed: ++counters.failed; return;
  }
}

/// One call: its lanes, on all rings, take one object after another. Objects that a checkpoint
/// makes room for have a second turn after it.
struct slot_call {
  raw_block_device& device;
  open_calls& calls;
  raw_block_saver& saver;
  const ring_set& io;
  step work;
  const char* verb;
  size_t lanes_of_ring;
  l2_batch batch;
  l2_backend::done answer;
  runtime::io_time deadline;
  l2_report report;
  std::vector<size_t> turn{};  // places of the batch
  std::vector<size_t> later{}; // guarded, like report.error
  bool last_turn = false;
  std::atomic<size_t> next = 0;
  std::atomic<size_t> lanes = 0;
  std::mutex mutex{};

  void note(size_t place, const raw_block_outcome& outcome);
};

using call_ptr = std::shared_ptr<slot_call>;

void slot_call::note(size_t place, const raw_block_outcome& outcome) {
  report.results[place] = outcome.result;
  report.stored_bytes[place] = outcome.stored_bytes;
  if (outcome.after_checkpoint && !last_turn) {
    const std::lock_guard lock{mutex};
    later.push_back(place);
    return;
  }
  count(device.counters, outcome.result);
  if (outcome.result != l2_result::no_space && outcome.result != l2_result::failed)
    return;
  const std::lock_guard lock{mutex};
  if (!report.error.empty())
    return;
  // What stays so for many objects is told in the same words, so that it is logged once.
  const auto& path = device.options.config.device_path;
  if (outcome.result == l2_result::no_space)
    report.error = std::string("cannot ") + verb + " in " + path + ": "
                   + (outcome.reason ? outcome.reason : std::strerror(outcome.error));
  else
    report.error = std::string("cannot ") + verb + " object " + to_hex((*batch)[place].object.hash)
                   + " in " + path + ": "
                   + (outcome.reason ? outcome.reason : std::strerror(outcome.error));
}

void take_turn(const call_ptr& call);

/// The last lane of a turn ends it.
void leave(const call_ptr& call) {
  if (--call->lanes != 0)
    return;
  if (!call->later.empty()) {
    call->turn = std::exchange(call->later, {});
    call->last_turn = true;
    call->saver.request([call](bool) { take_turn(call); });
    return;
  }
  call->device.last_io = call->io.front()->now().time_since_epoch().count();
  --call->device.active;
  auto& calls = call->calls;
  call->answer(std::move(call->report));
  calls.end();
}

runtime::ring_task run_lane(io_backend& io, call_ptr call) {
  const auto& items = *call->batch;
  for (auto i = call->next++; i < call->turn.size(); i = call->next++) {
    const auto place = call->turn[i];
    auto one = call->work(io, call->device, items[place], call->deadline);
    const auto outcome = co_await one;
    call->note(place, outcome);
  }
  leave(call);
}

void take_turn(const call_ptr& call) {
  const auto count = call->turn.size();
  call->next = 0;
  call->lanes = 1; // this one
  // Few objects go to few rings: waking a thread costs as much as moving a small one.
  const auto lanes
    = std::min<size_t>(call->lanes_of_ring, (count + call->io.size() - 1) / call->io.size());
  auto refused = false;
  for (size_t i = 0; i < std::min(call->io.size(), count); ++i) {
    call->lanes += lanes;
    const auto posted = call->io[i]->post([&ring = *call->io[i], call, lanes] {
      for (size_t lane = 0; lane < lanes; ++lane)
        run_lane(ring, call);
    });
    if (!posted) {
      call->lanes -= lanes;
      refused = true;
    }
  }
  if (refused) {
    const std::lock_guard lock{call->mutex};
    if (call->report.error.empty())
      call->report.error = "too many calls wait for the rings";
  }
  leave(call);
}

} // namespace

struct raw_block_backend::state {
  explicit state(raw_block_options options) : device(std::move(options)) {
  }

  // The rings' threads work with these until they have ended.
  raw_block_device device;
  open_calls calls;
  ring_set io;
  std::shared_ptr<io_backend> saver_io;
  std::unique_ptr<raw_block_saver> saver; // none: not open
  bool own_rings = true;
  std::atomic<bool> stop = false;
  std::atomic<bool> scanning = false;

  std::thread timer;
  std::mutex timer_mutex;
  std::condition_variable timer_wakes;

  void run(step work, const char* verb, l2_batch batch, done answer);
  void run_timer();
  void scan_part(uint64_t from, const page& more);
};

void raw_block_backend::state::run(step work, const char* verb, l2_batch batch, done answer) {
  const auto count = batch->size();
  const auto& options = device.options;
  const auto storing = work == &raw_block_store;
  const std::chrono::milliseconds limit{storing ? options.store_limit_ms : options.load_limit_ms};
  auto call
    = call_ptr(new slot_call{.device = device,
                             .calls = calls,
                             .saver = *saver,
                             .io = io,
                             .work = work,
                             .verb = verb,
                             .lanes_of_ring = storing ? options.store_lanes : options.load_lanes,
                             .batch = std::move(batch),
                             .answer = std::move(answer),
                             .deadline = io.front()->now() + limit,
                             .report = empty_report(count)});
  call->turn.resize(count);
  std::iota(call->turn.begin(), call->turn.end(), size_t{0});
  calls.begin();
  ++device.active;
  take_turn(call);
}

void raw_block_backend::state::run_timer() {
  std::unique_lock lock{timer_mutex};
  while (!stop) {
    const auto wait = saver->tick();
    timer_wakes.wait_for(lock, wait, [this] { return stop.load(); });
  }
}

/// One page and, when there is more, the posting of the next one.
void raw_block_backend::state::scan_part(uint64_t from, const page& more) {
  std::vector<l2_found> found;
  while (found.empty() && !stop) {
    std::vector<checkpoint_entry> entries;
    {
      const std::lock_guard lock{device.mutex};
      entries = device.slots->list(from, objects_of_page);
    }
    if (entries.empty())
      break;
    for (const auto& entry : entries)
      if (const auto key = parse_raw_block_name(entry.name))
        found.push_back({to_ref(*key, entry.payload_bytes), 0});
  }
  const auto last = found.empty();
  if (!last) {
    more(std::move(found));
    if (saver_io->post([this, from, more] { scan_part(from, more); }))
      return;
  }
  more({});
  scanning = false;
  calls.end();
}

raw_block_backend::raw_block_backend(raw_block_options options)
  : state_(std::make_unique<state>(std::move(options))) {
}

raw_block_backend::raw_block_backend(raw_block_options options,
                                     std::vector<std::shared_ptr<io_backend>> io,
                                     std::shared_ptr<io_backend> saver)
  : raw_block_backend(std::move(options)) {
  state_->io = std::move(io);
  state_->saver_io = std::move(saver);
  state_->own_rings = false;
}

raw_block_backend::~raw_block_backend() {
  auto& s = *state_;
  {
    const std::lock_guard lock{s.timer_mutex};
    s.stop = true;
  }
  s.timer_wakes.notify_all();
  if (s.timer.joinable())
    s.timer.join();
  s.calls.end();
  if (s.io.empty())
    return;
  s.io.front()->wait_for(s.calls.none);
  if (s.saver)
    s.saver->finish();
  run_on(*s.io.front(), [&s] {
    if (s.device.fd >= 0)
      s.io.front()->close(s.device.fd).at_once();
  });
}

std::string raw_block_backend::open() {
  auto& s = *state_;
  const auto& options = s.device.options;
  if (auto error = options.error(); !error.empty())
    return error;
  if (s.own_rings) {
    s.io = make_rings(options.rings, options.ring_entries, options.config.device_path);
    s.saver_io = make_rings(1, 8, options.config.device_path + " (its index)").front();
  }
  if (auto error = open_raw_block(*s.io.front(), s.device, s.own_rings); !error.empty())
    return error;
  s.saver = std::make_unique<raw_block_saver>(s.device, s.saver_io);
  if (s.own_rings && options.periodic)
    s.timer = std::thread([&s] { s.run_timer(); });
  return {};
}

void raw_block_backend::probe(l2_batch batch, done answer) {
  auto report = empty_report(batch->size());
  for (size_t i = 0; i < batch->size(); ++i) {
    const auto outcome = raw_block_probe(state_->device, (*batch)[i].object);
    report.results[i] = outcome.result;
    report.stored_bytes[i] = outcome.stored_bytes;
    count(state_->device.counters, outcome.result);
  }
  answer(std::move(report));
}

void raw_block_backend::erase(l2_batch batch, done answer) {
  auto report = empty_report(batch->size());
  for (size_t i = 0; i < batch->size(); ++i)
    report.results[i] = raw_block_erase(state_->device, (*batch)[i].object).result;
  answer(std::move(report));
}

void raw_block_backend::load(l2_batch batch, done answer) {
  state_->run(raw_block_load, "load", std::move(batch), std::move(answer));
}

void raw_block_backend::store(l2_batch batch, done answer) {
  state_->run(raw_block_store, "store", std::move(batch), std::move(answer));
}

void raw_block_backend::scan(page more) {
  auto& s = *state_;
  if (s.scanning.exchange(true)) {
    more({});
    return;
  }
  s.calls.begin();
  if (s.saver_io->post([&s, more] { s.scan_part(0, more); }))
    return;
  more({});
  s.scanning = false;
  s.calls.end();
}

void raw_block_backend::tick() {
  state_->saver->tick();
}

uint64_t raw_block_backend::capacity_bytes() const {
  const auto& layout = state_->device.layout;
  return layout ? layout->max_slots() * layout->config().slot_bytes : 0;
}

uint64_t raw_block_backend::capacity_objects() const {
  constexpr uint64_t entry_bytes = 320; // of an index, with a long model name
  const auto& layout = state_->device.layout;
  if (!layout)
    return 0;
  const auto entries = std::max<uint64_t>(checkpoint_room_bytes(*layout) / entry_bytes, 1);
  return std::min({layout->max_slots(), uint64_t{max_checkpoint_entries}, entries});
}

std::vector<std::pair<std::string, std::string>> raw_block_backend::status() const {
  auto& device = state_->device;
  const auto& counters = device.counters;
  const auto number = [](uint64_t value) { return std::to_string(value); };
  const auto yes_no = [](bool value) { return std::string(value ? "true" : "false"); };
  std::vector<std::pair<std::string, std::string>> result{
    {"device_path", device.options.config.device_path},
    {"use_odirect", yes_no(device.direct)},
    {"verify_checksums", yes_no(device.options.verify_checksums)},
    {"io_engine", device.options.io_engine},
    {"threads", number(state_->io.size())},
    {"stored", number(counters.stored)},
    {"found_stored", number(counters.found_stored)},
    {"loaded", number(counters.loaded)},
    {"loaded_unverified", number(counters.unverified)},
    {"absent", number(counters.absent)},
    {"wrong_length", number(counters.wrong_length)},
    {"corrupt", number(counters.corrupt)},
    {"no_space", number(counters.no_space)},
    {"failed", number(counters.failed)},
    {"bounced", number(counters.bounced)},
    {"dropped_at_start", number(counters.dropped)},
    {"checkpoints", number(counters.checkpoints)},
    {"checkpoints_failed", number(counters.checkpoints_failed)}};
  const std::lock_guard lock{device.mutex};
  if (!device.slots)
    return result;
  const auto& slots = *device.slots;
  const auto add
    = [&](const char* name, uint64_t value) { result.emplace_back(name, number(value)); };
  add("usable_capacity_bytes", capacity_bytes());
  add("indexed_key_count", slots.size());
  add("inflight_key_count", slots.in_flight());
  add("free_slot_count", slots.free_slots());
  add("quarantined_slot_count", slots.quarantined());
  add("next_slot", slots.next_slot());
  add("max_slots", device.layout->max_slots());
  add("metadata_seq", device.sequence);
  add("metadata_dirty_total", slots.changes());
  add("metadata_persisted", slots.changes_written());
  return result;
}

} // namespace actord
