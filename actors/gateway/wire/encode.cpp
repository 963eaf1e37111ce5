#include "actors/gateway/wire/encode.hpp"

#include "actors/gateway/wire/msgpack_writer.hpp"

#include <cassert>

namespace actord::wire {

namespace {

constexpr size_t slot_bytes = 80; // a slot of four dimensions takes about 60

void write_slots(msgpack_writer& out, std::span<const slot> slots) {
  out.str("slots");
  out.array(slots.size());
  for (const slot& each : slots) {
    out.map(4);
    out.str("offset");
    out.unsigned_integer(each.offset);
    out.str("length");
    out.unsigned_integer(each.length);
    out.str("shape");
    out.array(each.shape.size());
    for (const int64_t dimension : each.shape) {
      out.integer(dimension);
    }
    out.str("dtype");
    out.str(each.dtype);
  }
}

void write_hash(msgpack_writer& out, const chunk_hash& hash) {
  out.bin({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()});
}

void write_event(msgpack_writer& out, const kv_event_record& event) {
  out.map(7);
  out.str("seq");
  out.unsigned_integer(event.seq);
  out.str("kind");
  out.str(event.kind);
  out.str("medium");
  out.str(event.medium);
  out.str("model_name");
  out.str(event.model_name);
  out.str("block_hashes");
  out.array(event.block_hashes.size());
  for (const chunk_hash& hash : event.block_hashes) {
    write_hash(out, hash);
  }
  out.str("parent_block_hash");
  if (event.parent_block_hash) {
    write_hash(out, *event.parent_block_hash);
  } else {
    out.nil();
  }
  out.str("token_ids");
  out.array(event.token_ids.size());
  for (const uint32_t token : event.token_ids) {
    out.unsigned_integer(token);
  }
}

} // namespace

std::string encode_transfer(std::string_view event_handle, bool success) {
  msgpack_writer out;
  out.array(2);
  out.bin(event_handle);
  out.boolean(success);
  return out.take();
}

std::string encode_bool(bool value) {
  msgpack_writer out;
  out.boolean(value);
  return out.take();
}

std::string encode_int(int64_t value) {
  msgpack_writer out;
  out.integer(value);
  return out.take();
}

std::string encode_str(std::string_view text) {
  msgpack_writer out;
  out.str(text);
  return out.take();
}

std::string encode_str_list(std::span<const std::string> texts) {
  msgpack_writer out;
  out.array(texts.size());
  for (const std::string& text : texts) {
    out.str(text);
  }
  return out.take();
}

std::string encode_registration(std::string_view shm_name, uint64_t pool_bytes) {
  msgpack_writer out;
  out.map(2);
  out.str("shm_name");
  out.str(shm_name);
  out.str("pool_size");
  out.unsigned_integer(pool_bytes);
  return out.take();
}

std::string
encode_prepare_store(std::span<const slot> slots, std::span<const uint32_t> chunk_indices) {
  assert(slots.size() == chunk_indices.size());
  msgpack_writer out(64 + slots.size() * (slot_bytes + 3));
  out.map(1);
  out.str("context");
  out.map(2);
  write_slots(out, slots);
  out.str("chunk_indices");
  out.array(chunk_indices.size());
  for (const uint32_t index : chunk_indices) {
    out.unsigned_integer(index);
  }
  return out.take();
}

std::string encode_prepare_store_pickle() {
  msgpack_writer out;
  out.map(1);
  out.str("context");
  out.map(0);
  return out.take();
}

std::string encode_prepare_retrieve_miss() {
  msgpack_writer out;
  out.map(3);
  out.str("success");
  out.boolean(false);
  out.str("data");
  out.bin({});
  out.bytes() += prepare_retrieve_tail();
  return out.take();
}

std::string encode_prepare_retrieve(std::span<const slot> slots) {
  msgpack_writer out(64 + slots.size() * slot_bytes);
  out.map(3);
  out.str("success");
  out.boolean(true);
  out.str("data");
  out.bin({});
  out.str("context");
  out.map(1);
  write_slots(out, slots);
  return out.take();
}

std::string encode_prepare_retrieve_head(size_t data_bytes) {
  msgpack_writer out(64 + data_bytes);
  out.map(3);
  out.str("success");
  out.boolean(true);
  out.str("data");
  out.bin_header(data_bytes);
  return out.take();
}

std::string_view prepare_retrieve_tail() noexcept {
  return "\xa7"
         "context"
         "\x80";
}

std::string encode_kv_event_batch(const kv_event_batch& batch) {
  msgpack_writer out;
  out.map(5);
  out.str("enabled");
  out.boolean(batch.enabled);
  out.str("incarnation");
  out.unsigned_integer(batch.incarnation);
  out.str("next_cursor");
  out.unsigned_integer(batch.next_cursor);
  out.str("lost");
  out.boolean(batch.lost);
  out.str("events");
  out.array(batch.events.size());
  for (const kv_event_record& event : batch.events) {
    write_event(out, event);
  }
  return out.take();
}

std::string encode_module_error(std::string_view reason) {
  msgpack_writer out;
  out.map(3);
  out.str("success");
  out.boolean(false);
  out.str("payload");
  out.bin({});
  out.str("error");
  out.str(reason);
  return out.take();
}

} // namespace actord::wire
