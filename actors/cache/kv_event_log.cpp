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
  const auto name = shared_name(model_name);
  for (auto at = passed; at < hashes.size(); ++at) {
    records_.push_back({name, gone_hashes_ + hashes_.size(),
                        gone_tokens_ + tokens_.size() + (at - passed) * each, true,
                        parent != nullptr});
    if (parent)
      hashes_.append({parent, 1});
    hashes_.append({&hashes[at], 1});
    parent = &hashes[at];
  }
  tokens_.append(tokens.subspan(passed * each));
  next_seq_ += kept;
}

void kv_event_log::append_removed(const std::string& model_name,
                                  std::span<const chunk_hash> hashes) {
  make_room(1, 0);
  ++next_seq_;
  if (capacity_ == 0)
    return;
  records_.push_back({shared_name(model_name), gone_hashes_ + hashes_.size(),
                      gone_tokens_ + tokens_.size(), false, false});
  hashes_.append(hashes);
}

// Neighbours are mostly of one model: they share its name.
std::shared_ptr<const std::string> kv_event_log::shared_name(const std::string& model_name) const {
  return !records_.empty() && *records_.back().model_name == model_name
           ? records_.back().model_name
           : std::make_shared<const std::string>(model_name);
}

void kv_event_log::make_room(size_t records, size_t tokens) {
  auto going = records_.begin();
  while (going != records_.end()
         && (static_cast<size_t>(records_.end() - going) + records > capacity_
             || gone_tokens_ + tokens_.size() - going->first_token + tokens > max_tokens))
    ++going;
  if (going == records_.begin())
    return;
  const bool none = going == records_.end();
  drop_until(hashes_, gone_hashes_, none ? gone_hashes_ + hashes_.size() : going->first_hash);
  drop_until(tokens_, gone_tokens_, none ? gone_tokens_ + tokens_.size() : going->first_token);
  records_.erase(records_.begin(), going);
}

wire::kv_event_record kv_event_log::read(size_t index) const {
  const auto& from = records_[index];
  const bool last = index + 1 == records_.size();
  const auto hash_end = last ? gone_hashes_ + hashes_.size() : records_[index + 1].first_hash;
  const auto token_end = last ? gone_tokens_ + tokens_.size() : records_[index + 1].first_token;
  wire::kv_event_record result;
  result.seq = next_seq_ - records_.size() + index;
  result.kind = from.stored ? "stored" : "removed";
  result.model_name = *from.model_name;
  auto first_hash = from.first_hash;
  if (from.has_parent)
    result.parent_block_hash = hashes_.copy(first_hash++ - gone_hashes_, 1).front();
  result.block_hashes = hashes_.copy(first_hash - gone_hashes_, hash_end - first_hash);
  result.token_ids = tokens_.copy(from.first_token - gone_tokens_, token_end - from.first_token);
  return result;
}

wire::kv_event_batch
kv_event_log::page(const std::string& model_name, uint64_t cursor, size_t max_events) const {
  wire::kv_event_batch result;
  const auto first_kept = next_seq_ - records_.size();
  result.lost = cursor + 1 < first_kept || cursor >= next_seq_;
  result.next_cursor = std::min(std::max(cursor, first_kept - 1), next_seq_ - 1);
  for (auto seq = result.next_cursor + 1; seq < next_seq_; ++seq) {
    const auto index = seq - first_kept;
    if (result.events.size() >= max_events)
      break;
    if (*records_[index].model_name == model_name)
      result.events.push_back(read(index));
    result.next_cursor = seq;
  }
  return result;
}

} // namespace actord
