#include "actors/cache/kv_event_log.hpp"

#include <algorithm>

namespace actord {

namespace {

// Element `index` of a queue whose first elements have gone.
template <class T>
auto at(const std::deque<T>& queue, uint64_t gone, uint64_t index) {
  return queue.begin() + static_cast<ptrdiff_t>(index - gone);
}

template <class T>
void drop_until(std::deque<T>& queue, uint64_t& gone, uint64_t end) {
  queue.erase(queue.begin(), queue.begin() + static_cast<ptrdiff_t>(end - gone));
  gone = end;
}

} // namespace

void kv_event_log::append_stored(const std::string& model_name, const chunk_hash& hash,
                                 const chunk_hash* parent, std::span<const uint32_t> tokens) {
  append(model_name, true, parent != nullptr);
  if (parent)
    hashes_.push_back(*parent);
  hashes_.push_back(hash);
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  trim();
}

void kv_event_log::append_removed(const std::string& model_name,
                                  std::span<const chunk_hash> hashes) {
  append(model_name, false, false);
  hashes_.insert(hashes_.end(), hashes.begin(), hashes.end());
  trim();
}

void kv_event_log::append(const std::string& model_name, bool stored, bool has_parent) {
  // Neighbours are mostly of one model: they share its name.
  auto name = !records_.empty() && *records_.back().model_name == model_name
                ? records_.back().model_name
                : std::make_shared<const std::string>(model_name);
  records_.push_back({std::move(name), gone_hashes_ + hashes_.size(), gone_tokens_ + tokens_.size(),
                      stored, has_parent});
  ++next_seq_;
}

void kv_event_log::trim() {
  while (!records_.empty() && (records_.size() > capacity_ || tokens_.size() > max_tokens)) {
    records_.pop_front();
    const bool none = records_.empty();
    drop_until(hashes_, gone_hashes_,
               none ? gone_hashes_ + hashes_.size() : records_.front().first_hash);
    drop_until(tokens_, gone_tokens_,
               none ? gone_tokens_ + tokens_.size() : records_.front().first_token);
  }
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
    result.parent_block_hash = *at(hashes_, gone_hashes_, first_hash++);
  result.block_hashes.assign(at(hashes_, gone_hashes_, first_hash),
                             at(hashes_, gone_hashes_, hash_end));
  result.token_ids.assign(at(tokens_, gone_tokens_, from.first_token),
                          at(tokens_, gone_tokens_, token_end));
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
