// What is read from a device before it is used.
#include "actors/l2/block_memory.hpp"
#include "actors/l2/raw_block_device.hpp"
#include "actors/l2/ring_calls.hpp"
#include "actors/log.hpp"
#include "storage/l2_names.hpp"
#include "storage/raw_block_checkpoint.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

using runtime::io_backend;
using runtime::no_deadline;

namespace {

constexpr std::chrono::seconds read_limit{30};
constexpr uint64_t max_header_bytes = 64 << 20; // in memory for each slot on its way
// Slot headers that are read at once: what NVMe disks take to be busy.
constexpr size_t verify_lanes = 64;

std::string at_path(const raw_block_device& device) {
  return "device_path '" + device.options.config.device_path + "'";
}

std::string trouble(const raw_block_device& device, const std::string& what, int64_t error,
                    const char* remedy) {
  return "cannot " + what + ' ' + at_path(device) + ": " + std::strerror(static_cast<int>(-error))
         + "; " + remedy;
}

/// Opens device or file and finds its size. On the ring's thread.
std::string open_device(io_backend& io, raw_block_device& device, bool real, uint64_t& size) {
  const auto* path = device.options.config.device_path.c_str();
  struct ::statx status {};
  constexpr auto mask = STATX_TYPE | STATX_SIZE;
  if (const auto error = io.statx(AT_FDCWD, path, 0, mask, &status, no_deadline).at_once();
      error < 0)
    return trouble(device, "find", error,
                   "name a block device, or a file that has its full size already");
  const auto block = S_ISBLK(status.stx_mode);
  if (!block && !S_ISREG(status.stx_mode))
    return at_path(device) + " is neither a block device nor a regular file; name one";
  // Of a device that is mounted or another process's own, O_EXCL says so.
  const auto flags = O_RDWR | O_CLOEXEC | (block ? O_EXCL : 0);
  device.direct = device.options.use_odirect;
  auto fd
    = io.openat(AT_FDCWD, path, flags | (device.direct ? O_DIRECT : 0), 0, no_deadline).at_once();
  if (fd == -EINVAL && device.direct) {
    device.direct = false;
    log_warn(log_part::l2, "{} refuses O_DIRECT; it is used through the page cache",
             device.options.config.device_path);
    fd = io.openat(AT_FDCWD, path, flags, 0, no_deadline).at_once();
  }
  if (fd == -EBUSY)
    return trouble(device, "open", fd, "it is mounted or in use; name a device that is free");
  if (fd < 0)
    return trouble(device, "open", fd, "give the daemon's user the right to read and write it");
  device.fd = static_cast<int>(fd);
  if (real && ::flock(device.fd, LOCK_EX | LOCK_NB) != 0)
    return trouble(device, "lock", -errno,
                   errno == EWOULDBLOCK
                     ? "another process uses it: one daemon owns a device at a time; end that one "
                       "or name another device"
                     : "use a file system that can lock files");
  size = status.stx_size;
  if (block && real)
    size = static_cast<uint64_t>(std::max<off_t>(::lseek(device.fd, 0, SEEK_END), 0));
  return {};
}

/// Reads whole blocks. Returns 0 or -errno.
int64_t read_blocks(io_backend& io, const raw_block_device& device, std::byte* to, uint64_t bytes,
                    uint64_t offset) {
  constexpr uint64_t most = 1 << 20;
  const auto block = device.layout->config().block_align_bytes;
  const auto at_once = std::max(most, block);
  while (bytes != 0) {
    const auto count = std::min(bytes, at_once);
    const auto got = io.read(device.fd, to, count, offset, no_deadline).at_once();
    if (got <= 0)
      return got < 0 ? got : -EIO;
    to += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
  return 0;
}

/// The newest checkpoint that is intact; none: `error`, or there is none.
struct found_checkpoint {
  std::optional<checkpoint_result> result;
  bool any = false; // a container has a plausible header
  std::string error;
};

found_checkpoint read_checkpoint(io_backend& io, raw_block_device& device) {
  const auto& layout = *device.layout;
  const auto block = layout.config().block_align_bytes;
  const block_memory first{block}, second{block};
  if (!first || !second)
    return {{}, false, "no memory for a block of " + std::to_string(block) + " bytes"};
  auto error = read_blocks(io, device, first.data(), block, layout.container_offset(0));
  if (error == 0)
    error = read_blocks(io, device, second.data(), block, layout.container_offset(1));
  if (error < 0)
    return {{},
            false,
            trouble(device, "read", error,
                    error == -EINVAL ? "set block_align to the device's block size, or use_odirect "
                                       "to false"
                                     : "check the device")};
  found_checkpoint result;
  for (const auto& each : container_candidates(layout, first.first(block), second.first(block))) {
    result.any = true;
    const auto bytes = each.header.payload_bytes;
    if (bytes > max_checkpoint_bytes)
      continue;
    const block_memory payload{layout.whole_blocks(bytes)};
    if (!payload
        || read_blocks(io, device, payload.data(), layout.whole_blocks(bytes),
                       layout.container_offset(each.container) + block)
             < 0)
      continue;
    if (!intact(each.header, payload.first(bytes)))
      continue;
    device.sequence = each.header.sequence;
    result.result = decode_checkpoint(layout, payload.first(bytes));
    return result;
  }
  return result;
}

/// The headers of all entries, compared by lanes.
struct verification {
  io_backend& io;
  raw_block_device& device;
  std::vector<checkpoint_entry> entries;
  size_t next = 0, lanes = 0;
  std::atomic<bool> over = false;
  int64_t fault = 0; // the device does not answer

  void drop(const std::string& name) {
    ++device.counters.dropped;
    device.slots->erase(name); // nobody else knows the index yet
  }
  void leave() {
    if (--lanes != 0)
      return;
    over = true;
    over.notify_all();
  }
};

runtime::ring_task verify_lane(std::shared_ptr<verification> all) {
  auto& device = all->device;
  const auto bytes = std::min(device.layout->config().header_bytes, direct_block_bytes);
  const block_memory memory{bytes};
  while (all->next < all->entries.size() && all->fault == 0) {
    const auto& entry = all->entries[all->next++];
    if (!memory || !parse_raw_block_name(entry.name)) {
      all->drop(entry.name);
      continue;
    }
    if (!device.options.verify_on_load)
      continue;
    const auto got = co_await all->io.read_exactly(device.fd, memory.data(), bytes,
                                                   device.layout->slot_offset(entry.slot),
                                                   all->io.now() + read_limit);
    if (got == -ETIMEDOUT) {
      all->fault = got;
      break;
    }
    const auto there = got < 0 ? 0 : static_cast<uint64_t>(got);
    const auto header = decode_slot_header(memory.first(there));
    if (!header || !describes(*header, entry.name, entry.payload_bytes))
      all->drop(entry.name);
  }
  all->leave();
}

/// Waits until everything that the checkpoint lists is looked at. Not on the ring's thread.
int64_t verify(io_backend& io, raw_block_device& device, std::vector<checkpoint_entry> entries) {
  std::erase_if(entries, [&device](const auto& entry) {
    const auto kept = device.slots->find(entry.name);
    return !kept || kept->slot != entry.slot;
  });
  std::sort(entries.begin(), entries.end(),
            [](const auto& one, const auto& other) { return one.slot < other.slot; });
  const auto all = std::shared_ptr<verification>(
    new verification{.io = io, .device = device, .entries = std::move(entries)});
  all->lanes = verify_lanes;
  const auto posted = io.post([all] {
    for (size_t i = 0; i < verify_lanes; ++i)
      verify_lane(all);
  });
  if (!posted)
    return -EAGAIN;
  io.wait_for(all->over);
  return all->fault;
}

} // namespace

std::string raw_block_options::error() const {
  if (auto wrong = raw_block_config_error(config); !wrong.empty())
    return wrong;
  if (config.device_path.find('\0') != std::string::npos)
    return "device_path has a NUL character: name a device without";
  if (config.header_bytes > max_header_bytes)
    return "header_bytes " + std::to_string(config.header_bytes) + " is above "
           + std::to_string(max_header_bytes) + ", which slots on their way would take in memory; "
           + "lower it";
  if (rings == 0 || ring_entries == 0 || store_lanes == 0 || load_lanes == 0)
    return "rings, ring_entries and lanes must be at least 1";
  return {};
}

std::string open_raw_block(io_backend& io, raw_block_device& device, bool real) {
  std::string error;
  uint64_t size = 0;
  found_checkpoint found;
  run_on(io, [&] {
    error = open_device(io, device, real, size);
    if (!error.empty())
      return;
    auto made = make_raw_block_layout(device.options.config, size);
    error = std::move(made.error);
    if (!made.layout)
      return;
    device.layout = std::move(made.layout);
    device.slots.emplace(*device.layout);
    found = read_checkpoint(io, device);
    error = found.error;
  });
  if (!error.empty())
    return error;
  auto& result = found.result;
  const auto taken = result && result->error.empty() && device.options.load_checkpoint;
  device.foreign_index = found.any && !taken;
  if (result && !result->error.empty())
    log_warn(log_part::l2, "{}", result->error);
  if (!taken)
    return {};
  device.counters.dropped = result->skipped + device.slots->load(*result);
  if (const auto fault = verify(io, device, std::move(result->entries)); fault < 0)
    return trouble(device, "read the slots of", fault, "check the device");
  log_info(log_part::l2, "{} has {} objects in {} slots; {} entries of its index were dropped",
           device.options.config.device_path, device.slots->size(), device.layout->max_slots(),
           device.counters.dropped.load());
  return {};
}

} // namespace actord
