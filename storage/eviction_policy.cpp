#include "storage/eviction_policy.hpp"

#include "storage/arc_policy.hpp"
#include "storage/isolated_lru_policy.hpp"
#include "storage/lru_policy.hpp"
#include "storage/mq_policy.hpp"
#include "storage/noop_policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace actord {

namespace {

constexpr size_t max_ghosts = size_t{1} << 28;

constexpr std::array<std::pair<eviction_kind, std::string_view>, 5> names{{
  {eviction_kind::lru, "LRU"},
  {eviction_kind::arc, "ARC"},
  {eviction_kind::mq, "MQ"},
  {eviction_kind::isolated_lru, "IsolatedLRU"},
  {eviction_kind::noop, "noop"},
}};

} // namespace

std::optional<eviction_kind> parse_eviction_kind(std::string_view name) {
  for (auto [kind, spelling] : names)
    if (spelling == name)
      return kind;
  return std::nullopt;
}

std::string_view to_string(eviction_kind kind) {
  for (auto [each, spelling] : names)
    if (each == kind)
      return spelling;
  return "unknown";
}

std::unique_ptr<eviction_policy> make_eviction_policy(eviction_kind kind, size_t ghost_limit) {
  auto ghosts = static_cast<uint32_t>(std::min(ghost_limit, max_ghosts));
  switch (kind) {
    case eviction_kind::lru: return std::make_unique<lru_policy>();
    case eviction_kind::arc: return std::make_unique<arc_policy>(ghosts);
    case eviction_kind::mq: return std::make_unique<mq_policy>(ghosts);
    case eviction_kind::isolated_lru: return std::make_unique<isolated_lru_policy>();
    case eviction_kind::noop: return std::make_unique<noop_policy>();
  }
  return nullptr;
}

} // namespace actord
