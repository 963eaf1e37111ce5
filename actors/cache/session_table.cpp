#include "actors/cache/session_table.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

namespace {

uint64_t token_count(const session_record& state) {
  return state.key ? state.key->token_ids.size() : 0;
}

// Chunks at the head of two token lists that are the same.
size_t common_chunks(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, size_t limit,
                     uint32_t chunk_tokens) {
  auto count = std::min({a.size(), b.size(), limit * chunk_tokens});
  auto same = std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(count), b.begin());
  return static_cast<size_t>(same.first - a.begin()) / chunk_tokens;
}

} // namespace

session_table::session_table(chain_hasher hasher) : hasher_(std::move(hasher)) {
}

session_record* session_table::find(const std::string& request_id) {
  auto i = sessions_.find(request_id);
  return i == sessions_.end() ? nullptr : &i->second->state;
}

session_record& session_table::use(const std::string& request_id, time_ms now) {
  auto i = sessions_.find(request_id);
  if (i == sessions_.end()) {
    auto where = order_.insert(order_.end(), entry{request_id, {}});
    i = sessions_.emplace(where->request_id, where).first;
  } else {
    order_.splice(order_.end(), order_, i->second);
  }
  i->second->state.last_used_ms = now;
  return i->second->state;
}

session_record session_table::remove(list::iterator where) {
  auto result = std::move(where->state);
  tokens_ -= token_count(result);
  sessions_.erase(where->request_id);
  order_.erase(where);
  return result;
}

std::optional<session_record> session_table::take(const std::string& request_id) {
  auto i = sessions_.find(request_id);
  if (i == sessions_.end())
    return std::nullopt;
  return remove(i->second);
}

std::vector<session_record> session_table::take_idle(time_ms limit_ms) {
  std::vector<session_record> result;
  while (!order_.empty() && order_.front().state.last_used_ms < limit_ms)
    result.push_back(remove(order_.begin()));
  return result;
}

std::vector<session_record> session_table::take_excess() {
  std::vector<session_record> result;
  while ((tokens_ > max_tokens || order_.size() > max_sessions) && order_.size() > 1)
    result.push_back(remove(order_.begin()));
  return result;
}

chain_work session_table::begin_chain(std::shared_ptr<const wire::cache_key> key, size_t chunks) {
  chain_work work{std::move(key), std::make_shared<std::vector<chunk_hash>>(), chunks};
  work.chain->reserve(chunks);
  auto* known = find(work.key->request_id);
  if (known && known->chain) {
    // The same request id with other tokens keeps only what is really the same.
    auto same = common_chunks(known->key->token_ids, work.key->token_ids,
                              std::min(known->chain->size(), chunks), hasher_.chunk_tokens());
    work.chain->assign(known->chain->begin(), known->chain->begin() + static_cast<ptrdiff_t>(same));
  }
  return work;
}

bool session_table::extend(chain_work& work) const {
  auto missing = work.wanted - work.chain->size();
  auto tokens = std::span{work.key->token_ids}.first(work.wanted * hasher_.chunk_tokens());
  hasher_.extend(*work.chain, tokens, std::min(missing, chunks_per_slice));
  return work.chain->size() == work.wanted;
}

chain_ptr session_table::finish_chain(chain_work work) {
  assert(work.chain->size() == work.wanted);
  chain_ptr chain = work.chain;
  if (auto* known = find(work.key->request_id)) {
    // A shorter range of the same tokens must not shorten what later ranges will need.
    const bool longer = !known->chain || chain->size() > known->chain->size()
                        || !std::equal(chain->begin(), chain->end(), known->chain->begin());
    if (longer) {
      tokens_ += work.key->token_ids.size() - token_count(*known);
      known->key = std::move(work.key);
      known->chain = chain;
    }
  }
  return chain;
}

void session_table::attach(const model_layout& layout) {
  layouts_[{layout.model_name, layout.world_size}].push_back(layout);
}

void session_table::detach(const model_layout& layout) {
  auto i = layouts_.find({layout.model_name, layout.world_size});
  if (i == layouts_.end())
    return;
  auto& known = i->second;
  auto gone = std::find_if(known.rbegin(), known.rend(),
                           [&](const model_layout& x) { return x.groups == layout.groups; });
  if (gone != known.rend())
    known.erase(std::next(gone).base());
  if (known.empty())
    layouts_.erase(i);
}

const model_layout*
session_table::layout(const std::string& model_name, uint32_t world_size) const {
  auto i = layouts_.find({model_name, world_size});
  return i == layouts_.end() ? nullptr : &i->second.back();
}

std::string range_fault(const wire::cache_key& key, uint32_t chunk_tokens) {
  if (!key.worker_id)
    return "worker_id is nil, but only a worker moves data";
  if (key.end > key.token_ids.size())
    return "end " + std::to_string(key.end) + " lies beyond the "
           + std::to_string(key.token_ids.size()) + " tokens of the key";
  if (key.start > key.end || key.start % chunk_tokens != 0 || key.end % chunk_tokens != 0)
    return "range [" + std::to_string(key.start) + ", " + std::to_string(key.end)
           + ") is not made of whole chunks of " + std::to_string(chunk_tokens) + " tokens";
  return {};
}

} // namespace actord
