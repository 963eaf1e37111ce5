#include "storage/lru_policy.hpp"

namespace actord {

void lru_policy::admitted(column_id column, const column_facts& facts) {
  nodes_.make(column).salt = facts.salt;
  list_.push_newest(nodes_, column);
}

void lru_policy::touched(column_id column) {
  list_.remove(nodes_, column);
  list_.push_newest(nodes_, column);
}

void lru_policy::removed(column_id column, bool) {
  list_.remove(nodes_, column);
}

void lru_policy::walk(std::optional<salt_id> salt, const offer& offer_column) const {
  for (auto at = list_.oldest(); at != nil; at = nodes_[at].next)
    if ((!salt || nodes_[at].salt == *salt) && offer_column(at) == offer_answer::stop)
      return;
}

} // namespace actord
