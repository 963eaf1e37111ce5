#include "actors/l2/raw_block_saver.hpp"

#include "actors/l2/block_memory.hpp"
#include "actors/l2/ring_calls.hpp"
#include "actors/log.hpp"
#include "storage/crc32.hpp"
#include "storage/raw_block_checkpoint.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>
#include <utility>

namespace actord {

using runtime::io_backend;
using runtime::ring_step;
using std::chrono::milliseconds;

namespace {

constexpr std::chrono::seconds step_limit{30};
// Entries that are copied while lookups wait: a few tenths of a millisecond.
constexpr size_t entries_at_once = 1000;
constexpr std::chrono::microseconds pause{50};
constexpr uint64_t piece_bytes = 1 << 20;
// Under steady I/O a checkpoint waits for so many intervals, then no longer.
constexpr int most_intervals = 4;

raw_block_slots::snapshot take_snapshot(raw_block_device& device) {
  raw_block_slots::snapshot result;
  {
    const std::lock_guard lock{device.mutex};
    result.entries.reserve(device.slots->size());
    device.slots->start_checkpoint();
  }
  for (;;) {
    {
      const std::lock_guard lock{device.mutex};
      if (!device.slots->add_to_checkpoint(result, entries_at_once))
        break;
    }
    std::this_thread::sleep_for(pause); // a mutex is not fair: whoever waits for it wakes up now
  }
  raw_block_slots::drop_erased(result);
  return result;
}

/// Writes `bytes` and zeros to the end of their last block. Returns 0 or -errno.
ring_step<int64_t> write_blocks(io_backend& io, raw_block_device& device,
                                std::span<const std::byte> bytes, uint64_t offset) {
  const auto at_once = std::max(piece_bytes, device.layout->config().block_align_bytes);
  const block_memory memory{at_once};
  if (!memory)
    co_return -ENOMEM;
  while (!bytes.empty()) {
    const auto count = std::min<uint64_t>(at_once, bytes.size());
    const auto padded = device.layout->whole_blocks(count);
    std::memcpy(memory.data(), bytes.data(), count);
    std::memset(memory.data() + count, 0, padded - count);
    const auto written
      = co_await io.write_exactly(device.fd, memory.data(), padded, offset, io.now() + step_limit);
    if (written < 0)
      co_return written;
    offset += padded;
    bytes = bytes.subspan(count);
  }
  co_return 0;
}

/// Returns 0 or -errno.
ring_step<int64_t> write_container(io_backend& io, raw_block_device& device,
                                   const std::string& text, uint64_t sequence) {
  const auto& layout = *device.layout;
  const auto payload = std::as_bytes(std::span{text});
  const auto offset = layout.container_offset(container_of(sequence));
  const auto block = layout.config().block_align_bytes;
  auto writing = write_blocks(io, device, payload, offset + block);
  auto error = co_await writing;
  // The slots that it lists, and its payload, before its header says that they are there.
  if (error == 0)
    error = co_await io.fdatasync(device.fd, io.now() + step_limit);
  if (error < 0)
    co_return error;
  std::string header(block, '\0');
  encode_container_header(layout, {sequence, payload.size(), crc32(payload)},
                          std::as_writable_bytes(std::span{header}));
  auto naming = write_blocks(io, device, std::as_bytes(std::span{header}), offset);
  error = co_await naming;
  // Before slots that only the older one lists are written again.
  if (error == 0)
    error = co_await io.fdatasync(device.fd, io.now() + step_limit);
  co_return error;
}

/// Returns what went wrong, "" if nothing did.
ring_step<std::string> save(io_backend& io, raw_block_device& device) {
  auto taken = take_snapshot(device);
  const auto text = encode_checkpoint(*device.layout, taken.next_slot, taken.entries);
  taken.entries = {};
  std::string problem = text.empty() ? "it does not fit; raise meta_total_bytes" : "";
  const auto sequence = device.sequence + 1; // this coroutine alone changes it
  if (!text.empty()) {
    auto writing = write_container(io, device, text, sequence);
    if (const auto error = co_await writing; error < 0)
      problem = std::strerror(static_cast<int>(-error));
  }
  const std::lock_guard lock{device.mutex};
  if (!problem.empty()) {
    device.slots->checkpoint_failed();
    ++device.counters.checkpoints_failed;
    co_return problem;
  }
  device.slots->checkpoint_written();
  device.sequence = sequence;
  device.foreign_index = false;
  ++device.counters.checkpoints;
  co_return problem;
}

} // namespace

raw_block_saver::raw_block_saver(raw_block_device& device, std::shared_ptr<io_backend> io)
  : device_{device}, io_{std::move(io)}, due_{
                                           io_->now()
                                           + milliseconds{device.options.checkpoint_interval_ms}} {
}

runtime::ring_task raw_block_saver::run(raw_block_saver& self) {
  auto saving = save(*self.io_, self.device_);
  const auto error = co_await saving;
  self.ended(error);
}

/// @pre running_ is ours
bool raw_block_saver::start() {
  return io_->post([this] { run(*this); });
}

void raw_block_saver::request(over told) {
  {
    const std::lock_guard lock{mutex_};
    if (running_) {
      waiting_next_.push_back(std::move(told));
      return;
    }
    running_ = true;
    waiting_.push_back(std::move(told));
  }
  if (!start())
    ended("too much waits already");
}

void raw_block_saver::ended(const std::string& error) {
  std::vector<over> told, refused;
  auto again = false;
  {
    const std::lock_guard lock{mutex_};
    if (!error.empty() && error != last_error_)
      log_error(log_part::l2,
                "cannot write the index of {}: {}. What was stored since the last one is lost if "
                "the daemon ends now",
                device_.options.config.device_path, error);
    last_error_ = error;
    told = std::exchange(waiting_, std::exchange(waiting_next_, {}));
    running_ = again = !waiting_.empty();
    if (again && !start()) {
      refused = std::exchange(waiting_, {});
      running_ = again = false;
    }
  }
  // The last of them may be what the end of all this waits for: nothing is touched afterwards.
  for (auto& each : refused)
    each(false);
  for (auto& each : told)
    each(error.empty());
}

runtime::io_clock::duration raw_block_saver::tick() {
  constexpr milliseconds longest{1000}, shortest{10};
  const auto& options = device_.options;
  const milliseconds interval{options.checkpoint_interval_ms}, quiet{options.quiet_ms};
  const auto now = io_->now();
  if (now < due_)
    return std::min<runtime::io_clock::duration>(due_ - now, longest);
  const auto last_io = runtime::io_time{runtime::io_clock::duration{device_.last_io.load()}};
  const auto is_quiet = device_.active == 0 && now - last_io >= quiet;
  if (!is_quiet && now - due_ < interval * (most_intervals - 1))
    return std::clamp(quiet, shortest, longest);
  due_ = now + interval;
  auto dirty = false;
  {
    const std::lock_guard lock{device_.mutex};
    dirty = device_.slots->dirty();
  }
  if (dirty)
    request([](bool) {});
  return std::min(interval, longest);
}

void raw_block_saver::finish() {
  {
    const std::lock_guard lock{mutex_};
    const std::lock_guard index{device_.mutex};
    if (!running_ && !device_.slots->dirty())
      return;
  }
  auto saved = std::make_shared<std::atomic<bool>>(false);
  request([saved](bool) {
    *saved = true;
    saved->notify_all();
  });
  io_->wait_for(*saved);
}

} // namespace actord
