#include "observability/l0_lifecycle.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

namespace {

constexpr std::string_view other_model = "__other__";

} // namespace

l0_lifecycle::l0_lifecycle(l0_lifecycle_sink& sink, uint32_t threshold, l0_lifecycle_limits limits)
  : sink_(sink), threshold_(threshold), limits_(limits), blocks_(limits.max_blocks),
    requests_(limits.max_links) {
}

void l0_lifecycle::allocated(int64_t instance_id, std::string_view model_name,
                             std::string_view request_id, std::span<const int64_t> block_ids,
                             std::span<const uint32_t> token_ids, double now) {
  if (block_ids.empty() || token_ids.empty())
    return;
  size_t share = (token_ids.size() - 1) / block_ids.size() + 1;
  auto request = bytes_identity(request_id);
  for (size_t i = 0; i < block_ids.size() && !token_ids.empty(); ++i) {
    auto own = token_ids.first(std::min(share, token_ids.size()));
    token_ids = token_ids.subspan(own.size());
    block_key key{instance_id, block_ids[i]};
    if (!sampled(sample_hash(key), threshold_))
      continue;
    auto tokens = bytes_identity({reinterpret_cast<const char*>(own.data()), own.size_bytes()});
    place(key, tokens, intern(model_name), request, now);
  }
}

void l0_lifecycle::place(const block_key& key, const sample_identity& tokens, uint32_t model,
                         const sample_identity& request, double now) {
  auto* known = blocks_.find(key);
  if (known && known->tokens == tokens) {
    if (known->owners.contains(request))
      return;
    if (known->owners.empty()) {
      known->last_used = now;
      known->reuses[known->reuse_count++ % known->reuses.size()] = now;
    }
    link(key, *known, request);
    return;
  }
  if (auto former = blocks_.take(key)) {
    report_eviction(key, *former, now);
    unlink_owners(key, *former);
  } else if (blocks_.size() >= blocks_.capacity()) {
    auto oldest = blocks_.take_oldest();
    unlink_owners(oldest->first, oldest->second);
  }
  blocks_.put(key, {tokens, {}, now, now, {}, 0, model});
  link(key, *blocks_.find(key), request);
}

void l0_lifecycle::report_eviction(const block_key& key, const block& evicted, double now) {
  const auto& model = models_[evicted.model];
  if (double lifetime = now - evicted.allocated; lifetime >= 0)
    sink_.lifetime(key.instance_id, model, lifetime);
  if (double idle = now - evicted.last_used; idle >= 0)
    sink_.idle_before_evict(key.instance_id, model, idle);
  auto size = evicted.reuses.size();
  auto first = evicted.reuse_count - std::min(evicted.reuse_count, size);
  for (auto i = first + 1; i < evicted.reuse_count; ++i) {
    double gap = evicted.reuses[i % size] - evicted.reuses[(i - 1) % size];
    if (gap >= 0)
      sink_.reuse_gap(key.instance_id, model, gap);
  }
}

void l0_lifecycle::session_ended(std::string_view request_id) {
  end_request(bytes_identity(request_id));
}

void l0_lifecycle::drop_instance(int64_t instance_id) {
  blocks_.erase_if([&](const block_key& key, const block& dropped) {
    if (key.instance_id != instance_id)
      return false;
    unlink_owners(key, dropped);
    return true;
  });
}

void l0_lifecycle::link(const block_key& key, block& owned, const sample_identity& request) {
  while (links_ >= limits_.max_links)
    end_request(*requests_.oldest());
  if (!requests_.find(request))
    requests_.put(request, {});
  requests_.find(request)->insert(key);
  owned.owners.insert(request);
  ++links_;
}

void l0_lifecycle::unlink_owners(const block_key& key, const block& leaving) {
  for (const auto& request : leaving.owners) {
    auto* owned = requests_.find(request);
    assert(owned);
    owned->erase(key);
    --links_;
    if (owned->empty())
      requests_.take(request);
  }
}

void l0_lifecycle::end_request(sample_identity request) {
  auto owned = requests_.take(request);
  if (!owned)
    return;
  for (const auto& key : *owned) {
    auto* released = blocks_.find(key);
    assert(released);
    released->owners.erase(request);
    --links_;
  }
}

uint32_t l0_lifecycle::intern(std::string_view model_name) {
  bool full = models_.size() >= limits_.max_models;
  std::string name(model_name);
  if (auto i = model_index_.find(name); i != model_index_.end())
    return i->second;
  if (full)
    name = other_model;
  auto [i, added] = model_index_.try_emplace(name, static_cast<uint32_t>(models_.size()));
  if (added)
    models_.push_back(name);
  return i->second;
}

} // namespace actord
