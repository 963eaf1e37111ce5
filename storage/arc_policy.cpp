#include "storage/arc_policy.hpp"

#include <algorithm>

namespace actord {

arc_policy::arc_policy(uint32_t ghost_limit)
  : ghost_limit_{ghost_limit}, ghosts_{ghost_list{ghost_limit}, ghost_list{ghost_limit}} {
}

void arc_policy::admitted(column_id column, const column_facts& facts) {
  auto once_ghosts = static_cast<double>(ghosts_[once].size());
  auto again_ghosts = static_cast<double>(ghosts_[again].size());
  auto to = again;
  if (ghosts_[once].take(facts.fingerprint))
    target_ = std::min(static_cast<double>(capacity_),
                       target_ + std::max(1.0, again_ghosts / once_ghosts));
  else if (ghosts_[again].take(facts.fingerprint))
    target_ = std::max(0.0, target_ - std::max(1.0, once_ghosts / again_ghosts));
  else
    to = once;
  nodes_.make(column) = {nil, nil, facts.fingerprint, facts.salt, to};
  lists_[to].push_newest(nodes_, column);
  trim();
}

void arc_policy::touched(column_id column) {
  auto& used = nodes_[column];
  lists_[used.in].remove(nodes_, column);
  used.in = again;
  lists_[again].push_newest(nodes_, column);
  trim();
}

void arc_policy::removed(column_id column, bool evicted) {
  const auto& gone = nodes_[column];
  lists_[gone.in].remove(nodes_, column);
  if (evicted)
    ghosts_[gone.in].push(gone.fingerprint, 0);
  if (lists_[once].empty() && lists_[again].empty())
    capacity_ = 0;
  trim();
}

/// Keeps T1 + B1 within the capacity and everything within twice the capacity.
void arc_policy::trim() {
  size_t resident = lists_[once].size() + lists_[again].size();
  capacity_ = std::max(capacity_, std::min<size_t>(resident, ghost_limit_));
  target_ = std::min(target_, static_cast<double>(capacity_));
  ghosts_[once].trim(capacity_ - std::min<size_t>(capacity_, lists_[once].size()));
  auto room = 2 * capacity_ - std::min(2 * capacity_, resident);
  room = std::min<size_t>(room, ghost_limit_);
  if (ghosts_[once].size() + ghosts_[again].size() > room) {
    ghosts_[again].trim(room - std::min(room, ghosts_[once].size()));
    ghosts_[once].trim(room - ghosts_[again].size());
  }
}

void arc_policy::walk(std::optional<salt_id> salt, const offer& offer_column) const {
  auto at = std::array{lists_[once].oldest(), lists_[again].oldest()};
  auto left = static_cast<double>(lists_[once].size()); // T1 without what was taken
  while (at[once] != nil || at[again] != nil) {
    auto from
      = left >= std::max(1.0, static_cast<double>(static_cast<uint64_t>(target_))) ? once : again;
    if (at[from] == nil)
      from = from == once ? again : once;
    auto column = at[from];
    at[from] = nodes_[column].next;
    if (salt && nodes_[column].salt != *salt)
      continue;
    auto answer = offer_column(column);
    if (answer == offer_answer::stop)
      return;
    if (answer == offer_answer::taken && from == once)
      left -= 1;
  }
}

} // namespace actord
