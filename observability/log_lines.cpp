#include "observability/log_lines.hpp"

#include "observability/text_format.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace actord {

namespace {

using lines = std::vector<log_line>;

constexpr size_t shown_block_ids = 10;

std::string number(uint64_t value) {
  return std::to_string(value);
}

// LMCache is written in Python: what is absent is None, truth has a capital.
std::string or_none(const std::string& text) {
  return text.empty() ? "None" : text;
}

std::string or_none(const std::optional<int64_t>& value) {
  return value ? std::to_string(*value) : "None";
}

std::string truth(bool value) {
  return value ? "True" : "False";
}

log_line debug(std::string text) {
  return {line_level::debug, std::move(text)};
}

lines l1_line(const event& what, std::string_view step) {
  const auto& keys = std::get<l1_keys_details>(what.details).keys;
  return {debug(std::string{step} + ": " + number(keys->size()) + " keys")};
}

lines sm_line(const event& what, std::string_view step) {
  const auto& details = std::get<sm_keys_details>(what.details);
  return {debug("SM " + std::string{step} + ": " + number(details.succeeded->size())
                + " succeeded, " + number(details.failed->size()) + " failed")};
}

lines transfer_line(const event& what, std::string_view step, std::string_view count = {}) {
  const auto& details = std::get<transfer_details>(what.details);
  auto text = "MP " + std::string{step} + ": session=" + what.session_id
              + " device=" + or_none(details.what->device);
  if (!count.empty())
    text += " " + std::string{count} + "=" + number(details.chunks);
  return {debug(std::move(text))};
}

lines block_lines(const event& what) {
  lines result;
  for (const auto& record : *std::get<block_allocation_details>(what.details).records) {
    std::string ids;
    for (size_t i = 0; i < std::min(record.block_ids.size(), shown_block_ids); ++i)
      ids += (i > 0 ? ", " : "") + std::to_string(record.block_ids[i]);
    result.push_back(debug("vLLM block allocation: req_id=" + record.request_id
                           + " new_blocks=" + number(record.block_ids.size()) + " new_tokens="
                           + number(record.token_ids.size()) + " block_ids=[" + ids + "]"));
  }
  return result;
}

lines l2_lines(const event& what) {
  const auto& of = std::get<l2_details>(what.details);
  const auto request = std::to_string(of.request_id.value_or(0));
  const auto adapter = std::to_string(of.adapter_index.value_or(0));
  const auto keys = std::to_string(of.key_count) + " keys";
  const auto failed = std::to_string(of.failed) + " failed";
  const auto to_adapters = keys + " to " + std::to_string(of.adapter_count) + " adapters";
  switch (what.type) {
    case event_type::l2_store_submitted:
      return {debug("L2 store submitted: " + keys + " to adapter " + adapter)};
    case event_type::l2_store_completed:
      return {debug("L2 store completed: adapter " + adapter + ", " + std::to_string(of.succeeded)
                    + " succeeded, " + failed)};
    case event_type::l2_prefetch_lookup_submitted:
      return {debug("L2 prefetch lookup submitted: request " + request + ", " + to_adapters)};
    case event_type::l2_prefetch_load_submitted:
      return {debug("L2 prefetch load submitted: request " + request + ", " + to_adapters)};
    case event_type::l2_prefetch_load_completed:
      return {debug("L2 prefetch load completed: request " + request + ", "
                    + std::to_string(of.succeeded) + " loaded, " + failed)};
    case event_type::l2_keys_evicted: return {debug("L2 eviction: " + keys)};
    default: return {};
  }
}

// The number that other events of a blended request call worker_id is instance_id here.
lines blend_lines(const event& what) {
  const auto& of = std::get<blend_details>(what.details);
  const auto session = "session=" + what.session_id;
  const auto tokens = " num_tokens=" + std::to_string(of.num_tokens);
  const auto chunks = std::to_string(of.num_chunks);
  const auto worker = " instance_id=" + or_none(of.worker_id);
  switch (what.type) {
    case event_type::cb_lookup_start: return {debug("CB lookup start: " + session + tokens)};
    case event_type::cb_lookup_end:
      return {debug("CB lookup end: " + session + tokens
                    + " fingerprint_hits=" + std::to_string(of.fingerprint_hits)
                    + " storage_hits=" + std::to_string(of.storage_hits)
                    + " stale_chunks=" + std::to_string(of.stale_chunks)
                    + " no_gpu_context=" + truth(of.no_gpu_context))};
    case event_type::cb_retrieve_start:
      return {debug("CB retrieve start: " + session + worker + " num_chunks=" + chunks)};
    case event_type::cb_retrieve_end: // its event does not carry the count
      return {debug("CB retrieve end: " + session + worker
                    + " num_chunks=None success=" + truth(of.success))};
    case event_type::cb_fingerprints_registered:
      return {debug("CB fingerprint table: +" + chunks + " chunks (" + std::to_string(of.num_tokens)
                    + " tokens)")};
    case event_type::cb_chunks_evicted:
      return {debug("CB fingerprint table: evicted " + chunks + " stale chunks")};
    default: return {};
  }
}

lines timeout_line(const event& what) {
  const auto& of = std::get<timeout_details>(what.details);
  return {{line_level::warning,
           "Timeout raised (" + of.exception_type + "): " + of.message + "\n" + of.stacktrace}};
}

lines moved_line(const event& what, std::string_view done) {
  const auto& of = std::get<transfer_details>(what.details);
  if (of.chunks == 0)
    return {};
  return {{line_level::info,
           text_format("%s %llu tokens in %.3f seconds", done.data(),
                       static_cast<unsigned long long>(of.tokens.value_or(0)), of.seconds)}};
}

// Both counts are of keys. What is found is a prefix, and all of it is kept for the request.
lines lookup_line(const event& what) {
  const auto& of = std::get<lookup_result_details>(what.details);
  const auto hits = of.l1_hit_keys + of.l2_hit_keys;
  if (hits == 0)
    return {};
  const auto share = number(hits) + "/" + number(of.requested_keys);
  return {{line_level::info,
           "Prefetch request completed (L1+L2): " + share + " prefix hits, " + share
             + " retained keys (" + number(of.l1_hit_keys) + " L1, " + number(of.l2_hit_keys)
             + " L2) in " + text_format("%.1f", of.seconds * 1000) + " ms (external_request_id="
             + what.session_id + ", prefetch_request_id=" + number(of.prefetch_request_id) + ")"}};
}

lines eviction_line(const event& what) {
  const auto& of = std::get<eviction_tick_details>(what.details);
  return {{of.triggered ? line_level::info : line_level::debug,
           text_format("L1 memory usage %.2f %s watermark %.2f; %s eviction.", of.usage,
                       of.triggered ? "above" : "below", of.watermark,
                       of.triggered ? "triggering" : "skipping")}};
}

} // namespace

lines step_lines(const event& what) {
  switch (what.type) {
    case event_type::mp_store_start: return transfer_line(what, "store start");
    case event_type::mp_store_end: return transfer_line(what, "store end", "stored_count");
    case event_type::mp_retrieve_start: return transfer_line(what, "retrieve start");
    case event_type::mp_retrieve_end: return transfer_line(what, "retrieve end", "retrieved_count");
    case event_type::mp_lookup_prefetch_start:
      return {debug("MP lookup/prefetch start: session=" + what.session_id)};
    case event_type::mp_lookup_prefetch_end:
      return {debug("MP lookup/prefetch end: session=" + what.session_id + " found_count="
                    + number(std::get<lookup_result_details>(what.details).found_chunks))};
    case event_type::mp_vllm_block_allocation: return block_lines(what);
    case event_type::l1_read_reserved: return l1_line(what, "L1 read reserved");
    case event_type::l1_read_finished: return l1_line(what, "L1 read finished");
    case event_type::l1_write_reserved: return l1_line(what, "L1 write reserved");
    case event_type::l1_write_finished: return l1_line(what, "L1 write finished");
    case event_type::l1_write_finished_and_read_reserved:
      return l1_line(what, "L1 write finished and read reserved");
    case event_type::l1_keys_evicted: return l1_line(what, "L1 eviction");
    case event_type::sm_read_prefetched_finished: return sm_line(what, "read prefetched finished");
    case event_type::sm_write_reserved: return sm_line(what, "write reserved");
    case event_type::sm_write_finished: return sm_line(what, "write finished");
    case event_type::timeout_raised: return timeout_line(what);
    default: break;
  }
  if (std::holds_alternative<l2_details>(what.details))
    return l2_lines(what);
  if (std::holds_alternative<blend_details>(what.details))
    return blend_lines(what);
  return {};
}

lines request_lines(const event& what) {
  switch (what.type) {
    case event_type::mp_store_end: return moved_line(what, "Stored");
    case event_type::mp_retrieve_end: return moved_line(what, "Retrieved");
    case event_type::mp_lookup_prefetch_end: return lookup_line(what);
    case event_type::l1_eviction_loop_tick: return eviction_line(what);
    default: return {};
  }
}

} // namespace actord
