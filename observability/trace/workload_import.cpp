#include "observability/trace/workload_import.hpp"

#include <cstring>
#include <memory>

namespace actord::trace {

namespace {

/// SplitMix64 (Steele, Lea and Flood 2014): a bijection that leaves no pattern.
uint64_t mixed(uint64_t word) {
  word += 0x9e3779b97f4a7c15u;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
  word = (word ^ word >> 27) * 0x94d049bb133111ebu;
  return word ^ word >> 31;
}

} // namespace

chunk_hash hash_of_block(uint64_t session, uint64_t block) {
  chunk_hash result;
  // The words of two blocks differ in the second or the third, which are bijections.
  const uint64_t words[4]
    = {mixed(mixed(session) ^ block), mixed(block), mixed(~session), mixed(block + session)};
  static_assert(sizeof words == sizeof result.bytes);
  std::memcpy(result.bytes.data(), words, sizeof words);
  return result;
}

header import_header(const import_options& options) {
  header result;
  add(result.level_meta, "imported_from", text(options.source));
  add(result.level_meta, "block_tokens", int64_t{options.block_tokens});
  add(result.level_meta, "kv_bytes_per_token", static_cast<int64_t>(options.token_bytes));
  return result;
}

void append_request(std::string& to, const import_options& options, uint64_t session,
                    const workload_request& request) {
  if (request.blocks.empty())
    return;
  const auto space = std::make_shared<const key_space>(key_space{options.source, 1, {}});
  key_list keys(request.blocks.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i].space = space;
    keys[i].hash = hash_of_block(session, request.blocks[i]);
    keys[i].kv_rank = pack_kv_rank(1, 0);
  }
  const auto layout = layout_of(block_bytes(options));
  submit_prefetch_call submit;
  submit.groups.push_back({keys, 0, layout, -1});
  submit.lock = false;
  for (const auto& each : {call{std::move(submit)}, call{reserve_write_call{keys, layout}},
                           call{finish_write_call{std::move(keys)}}})
    to += encode(to_record(request.t_s, request.t_s, each));
}

} // namespace actord::trace
