#include "actors/cache/kv_event_log.hpp"

#include <algorithm>

namespace actord {

namespace {

template <class T>
void drop_until(value_ring<T>& queue, uint64_t& gone, uint64_t end) {
  queue.drop(end - gone);
  gone = end;
}

} // namespace

void kv_event_log::append_stored(const std::string& model_name, std::span<const chunk_hash> hashes,
                                 const chunk_hash* parent, std::span<const uint32_t> tokens) {
  const auto each = tokens.size() / hashes.size();
  const auto kept
    = std::min<size_t>({hashes.size(), capacity_, each > 0 ? max_tokens / each : hashes.size()});
  // The first of a run that does not fit as a whole would be gone again at once, and all before
  // them: they only take their numbers.
  const auto passed = hashes.size() - kept;
  make_room(passed > 0 ? capacity_ : kept, kept * each);
  next_seq_ += passed;
  if (kept == 0)
    return;
  if (passed > 0)
    parent = &hashes[passed - 1];
  if (parent)
    hashes_.append(*parent);
  // Each of the run is the parent of the next.
  for (size_t i = 0; i < kept; ++i)
    append(model_name, {hash_end() + i, token_end() + i * each, true, i > 0 || parent != nullptr});
  hashes_.append(hashes.subspan(passed));
  tokens_.append(tokens.subspan(passed * each));
}

void kv_event_log::append_removed(const std::string& model_name,
                                  std::span<const chunk_hash> hashes) {
  make_room(1, 0);
  if (capacity_ == 0) {
    ++next_seq_;
    return;
  }
  append(model_name, {hash_end(), token_end(), false, false});
  hashes_.append(hashes);
}

void kv_event_log::append(const std::string& model_name, const record& added) {
  if (stretches_.empty() || stretches_.back().model_name != model_name)
    stretches_.push_back({model_name, next_seq_});
  records_.append(added);
  ++next_seq_;
}

const std::string& kv_event_log::model_of(uint64_t seq) const {
  auto after = std::ranges::upper_bound(stretches_, seq, {}, &stretch::first_seq);
  return std::prev(after)->model_name;
}

void kv_event_log::make_room(size_t records, size_t tokens) {
  size_t going = 0;
  while (going < records_.size()
         && (records_.size() - going + records > capacity_
             || token_end() - records_[going].first_token + tokens > max_tokens))
    ++going;
  if (going == 0)
    return;
  const bool none = going == records_.size();
  drop_until(hashes_, gone_hashes_, none ? hash_end() : hash_begin(records_[going]));
  drop_until(tokens_, gone_tokens_, none ? token_end() : records_[going].first_token);
  records_.drop(going);
  while (!stretches_.empty()
         && (none || (stretches_.size() > 1 && stretches_[1].first_seq <= first_seq())))
    stretches_.pop_front();
}

wire::kv_event_record kv_event_log::read(size_t index) const {
  const auto& from = records_[index];
  const bool last = index + 1 == records_.size();
  wire::kv_event_record result;
  result.seq = first_seq() + index;
  result.kind = from.stored ? "stored" : "removed";
  result.model_name = model_of(result.seq);
  if (from.has_parent)
    result.parent_block_hash = hashes_[from.first_hash - 1 - gone_hashes_];
  // One that was stored is one chunk; what follows may be the parent of the next.
  const auto hash_stop = from.stored ? from.first_hash + 1
                         : last      ? hash_end()
                                     : hash_begin(records_[index + 1]);
  result.block_hashes = hashes_.copy(from.first_hash - gone_hashes_, hash_stop - from.first_hash);
  const auto token_stop = last ? token_end() : records_[index + 1].first_token;
  result.token_ids = tokens_.copy(from.first_token - gone_tokens_, token_stop - from.first_token);
  return result;
}

wire::kv_event_batch
kv_event_log::page(const std::string& model_name, uint64_t cursor, size_t max_events) const {
  wire::kv_event_batch result;
  const auto first_kept = first_seq();
  result.lost = cursor + 1 < first_kept || cursor >= next_seq_;
  result.next_cursor = std::min(std::max(cursor, first_kept - 1), next_seq_ - 1);
  for (auto seq = result.next_cursor + 1; seq < next_seq_; ++seq) {
    if (result.events.size() >= max_events)
      break;
    if (model_of(seq) == model_name)
      result.events.push_back(read(seq - first_kept));
    result.next_cursor = seq;
  }
  return result;
}

} // namespace actord
