// How one object gets into its slot and out of it.
#include "actors/l2/raw_block_device.hpp"
#include "actors/l2/raw_block_transfer.hpp"
#include "actors/log.hpp"
#include "storage/l2_names.hpp"

#include <cerrno>
#include <optional>
#include <string>

namespace actord {

using runtime::io_backend;
using runtime::io_time;
using runtime::ring_step;

namespace {

using answer = raw_block_slots::answer;

std::string name_of(const object_ref& object) {
  return raw_block_name(to_key(object));
}

raw_block_outcome failure(int64_t error) {
  const auto number = static_cast<int>(-error);
  const auto full = number == ENOSPC || number == EDQUOT || number == EROFS;
  return {full ? l2_result::no_space : l2_result::failed, 0, number};
}

raw_block_outcome because(l2_result result, const char* reason) {
  raw_block_outcome told{result};
  told.reason = reason;
  return told;
}

/// What a reservation that gives no slot is to the caller.
raw_block_outcome refusal(raw_block_device& device, answer told, uint64_t length) {
  switch (told) {
    case answer::stored: ++device.counters.found_stored; return {l2_result::ok, length};
    case answer::busy: return because(l2_result::failed, "it is being stored already");
    case answer::wrong_size:
      return because(l2_result::failed, "it does not fit into a slot; raise slot_bytes");
    case answer::index_full:
      return because(l2_result::no_space, "its index is full; raise meta_total_bytes or evict");
    case answer::reserved:
    case answer::full: break;
  }
  return because(l2_result::no_space, "no slot is free");
}

/// Finds a slot for an object. One of another length that has its name goes.
raw_block_slots::reservation reserve(raw_block_device& device, const std::string& name,
                                     uint64_t length, raw_block_outcome& refused) {
  const std::lock_guard lock{device.mutex};
  auto& slots = *device.slots;
  if (const auto there = slots.find(name); there && there->payload_bytes != length)
    slots.erase(name);
  const auto result = slots.reserve(name, length);
  if (result.result == answer::reserved)
    return result;
  refused = refusal(device, result.result, length);
  refused.after_checkpoint = result.result == answer::full && slots.quarantined() != 0;
  return result;
}

void make_header(const raw_block_device& device, const l2_item& item, const std::string& name,
                 std::span<std::byte> block) {
  slot_header header{slot_identity(name), item.object.length_bytes, {}};
  if (device.options.verify_checksums)
    header.checksum = payload_checksum({item.bytes, item.object.length_bytes});
  encode_slot_header(header, block);
}

/// Whether what was read is the object; counts what had no checksum.
bool is_good(raw_block_device& device, const l2_item& item, const std::string& name,
             std::span<const std::byte> block) {
  const auto header = decode_slot_header(block);
  const auto length = item.object.length_bytes;
  if (!header || !describes(*header, name, length))
    return false;
  if (!device.options.verify_checksums || !header->checksum) {
    ++device.counters.unverified;
    return true;
  }
  return intact(*header, {item.bytes, length});
}

/// Forgets an entry whose slot holds something else, unless it was stored anew meanwhile.
void drop(raw_block_device& device, const std::string& name, uint64_t slot) {
  {
    const std::lock_guard lock{device.mutex};
    const auto now = device.slots->find(name);
    if (!now || now->slot != slot)
      return;
    device.slots->erase(name);
  }
  log_error(log_part::l2,
            "slot {} of {} does not hold the bytes that were stored; its entry was dropped. Check "
            "the disk and who else writes to it",
            slot, device.options.config.device_path);
}

} // namespace

ring_step<raw_block_outcome>
raw_block_store(io_backend& io, raw_block_device& device, const l2_item& item, io_time deadline) {
  raw_block_outcome result;
  if (device.foreign_index) {
    result = because(l2_result::no_space, "its index cannot be written");
    result.after_checkpoint = true;
    co_return result;
  }
  const auto name = name_of(item.object);
  const auto length = item.object.length_bytes;
  const auto reserved = reserve(device, name, length, result);
  if (reserved.result != answer::reserved)
    co_return result;
  slot_transfer transfer{device, item, true};
  int64_t error = -transfer.error();
  if (error == 0) {
    make_header(device, item, name, transfer.header());
    auto writing = move_parts(io, device.fd, true, transfer.parts(),
                              device.layout->slot_offset(reserved.slot), deadline);
    error = co_await writing;
  }
  const std::lock_guard lock{device.mutex};
  if (error < 0) {
    device.slots->abandon(name);
    co_return failure(error);
  }
  if (!device.slots->publish(name))
    co_return because(l2_result::failed, "it was erased while it was being stored");
  ++device.counters.stored;
  co_return raw_block_outcome{l2_result::ok, length};
}

ring_step<raw_block_outcome>
raw_block_load(io_backend& io, raw_block_device& device, const l2_item& item, io_time deadline) {
  const auto name = name_of(item.object);
  std::optional<raw_block_slots::stored_slot> found;
  {
    const std::lock_guard lock{device.mutex};
    found = device.slots->find(name);
  }
  if (!found)
    co_return raw_block_outcome{l2_result::absent};
  raw_block_outcome result{l2_result::wrong_length, found->payload_bytes};
  if (found->payload_bytes != item.object.length_bytes)
    co_return result;
  slot_transfer transfer{device, item, false};
  int64_t error = -transfer.error();
  if (error == 0) {
    auto reading = move_parts(io, device.fd, false, transfer.parts(),
                              device.layout->slot_offset(found->slot), deadline);
    error = co_await reading;
  }
  if (error < 0)
    co_return raw_block_outcome{l2_result::failed, 0, static_cast<int>(-error)};
  transfer.complete_read();
  result.result = l2_result::ok;
  if (is_good(device, item, name, transfer.header())) {
    ++device.counters.loaded;
  } else {
    drop(device, name, found->slot);
    result.result = l2_result::corrupt;
  }
  co_return result;
}

raw_block_outcome raw_block_probe(raw_block_device& device, const object_ref& object) {
  const auto name = name_of(object);
  const std::lock_guard lock{device.mutex};
  const auto found = device.slots->find(name);
  if (!found)
    return {l2_result::absent};
  const auto fits = object.length_bytes == 0 || object.length_bytes == found->payload_bytes;
  return {fits ? l2_result::ok : l2_result::wrong_length, found->payload_bytes};
}

raw_block_outcome raw_block_erase(raw_block_device& device, const object_ref& object) {
  const auto name = name_of(object);
  const std::lock_guard lock{device.mutex};
  const auto gone = device.slots->erase(name);
  return {gone == raw_block_slots::removal::absent ? l2_result::absent : l2_result::ok};
}

} // namespace actord
