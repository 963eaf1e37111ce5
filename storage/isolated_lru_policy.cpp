#include "storage/isolated_lru_policy.hpp"

namespace actord {

void isolated_lru_policy::admitted(column_id column, const column_facts& facts) {
  nodes_.make(column).salt = facts.salt;
  lists_[facts.salt].push_newest(nodes_, column);
}

void isolated_lru_policy::touched(column_id column) {
  auto& list = lists_.find(nodes_[column].salt)->second;
  list.remove(nodes_, column);
  list.push_newest(nodes_, column);
}

void isolated_lru_policy::removed(column_id column, bool) {
  auto list = lists_.find(nodes_[column].salt);
  list->second.remove(nodes_, column);
  if (list->second.empty())
    lists_.erase(list);
}

void isolated_lru_policy::walk(std::optional<salt_id> salt, const offer& offer_column) const {
  if (salt) {
    if (auto found = lists_.find(*salt); found != lists_.end())
      walk_list(found->second, offer_column);
    return;
  }
  for (const auto& [id, list] : lists_)
    if (!walk_list(list, offer_column))
      return;
}

bool isolated_lru_policy::walk_list(const column_list& list, const offer& offer_column) const {
  for (auto at = list.oldest(); at != nil; at = nodes_[at].next)
    if (offer_column(at) == offer_answer::stop)
      return false;
  return true;
}

} // namespace actord
