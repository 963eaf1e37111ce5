// The stores behind L1, as routes see them.
#pragma once

#include "actors/gateway/http/context.hpp"

#include <utility>
#include <vector>

namespace actord::http {

/// Those that answer questions, by id: not those that still open or have ended.
inline caf::expected<std::vector<l2_entry>> serving_adapters(asker& asks, const context& from) {
  auto all = asks.ask<l2_entries>(from.peers.l2.registry, atom::list_v);
  if (!all)
    return std::move(all.error());
  std::erase_if(all->list, [](const l2_entry& each) { return !each.actor; });
  return std::move(all->list);
}

constexpr const char* the_l2_registry = "the L2 registry";

} // namespace actord::http
