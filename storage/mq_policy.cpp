#include "storage/mq_policy.hpp"

#include <algorithm>
#include <bit>

namespace actord {

namespace {

size_t queue_of(uint32_t uses) {
  return std::min<size_t>(mq_policy::queue_count, std::bit_width(uses)) - 1;
}

uint32_t one_more(uint32_t uses) {
  return uses == UINT32_MAX ? uses : uses + 1;
}

} // namespace

mq_policy::mq_policy(uint32_t ghost_limit) : ghosts_{ghost_limit} {
}

void mq_policy::admitted(column_id column, const column_facts& facts) {
  ++accesses_;
  ++resident_;
  auto uses = one_more(ghosts_.take(facts.fingerprint).value_or(0));
  nodes_.make(column) = {nil, nil, facts.fingerprint, 0, uses, facts.salt, 0};
  enqueue(column, queue_of(uses));
  sink_expired();
}

void mq_policy::touched(column_id column) {
  ++accesses_;
  auto& used = nodes_[column];
  queues_[used.queue].remove(nodes_, column);
  used.uses = one_more(used.uses);
  enqueue(column, queue_of(used.uses));
  sink_expired();
}

void mq_policy::removed(column_id column, bool evicted) {
  const auto& gone = nodes_[column];
  queues_[gone.queue].remove(nodes_, column);
  if (evicted)
    ghosts_.push(gone.fingerprint, gone.uses);
  ghosts_.trim(ghosts_per_column * resident_);
  --resident_;
}

void mq_policy::enqueue(column_id column, size_t queue) {
  nodes_[column].queue = static_cast<uint8_t>(queue);
  nodes_[column].expiry = accesses_ + lifetime_accesses;
  queues_[queue].push_newest(nodes_, column);
}

/// The head of each queue but the lowest sinks by one when it has expired.
void mq_policy::sink_expired() {
  for (size_t queue = 1; queue < queue_count; ++queue) {
    auto head = queues_[queue].oldest();
    if (head == nil || nodes_[head].expiry >= accesses_)
      continue;
    queues_[queue].remove(nodes_, head);
    enqueue(head, queue - 1);
  }
}

void mq_policy::walk(std::optional<salt_id> salt, const offer& offer_column) const {
  for (const auto& queue : queues_)
    for (auto at = queue.oldest(); at != nil; at = nodes_[at].next)
      if ((!salt || nodes_[at].salt == *salt) && offer_column(at) == offer_answer::stop)
        return;
}

} // namespace actord
