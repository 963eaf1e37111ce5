// Doubly linked lists over one table of nodes.
#pragma once

#include "storage/slab.hpp"

#include <cassert>

namespace actord {

/// Nodes by number.
template <class Node>
using node_table = paged_block<Node>;

/// A list of nodes, oldest first. Nodes have `uint32_t prev, next`, which
/// belong to the one list that a node is in; Nodes is anything with operator[].
class column_list {
public:
  template <class Nodes>
  void push_newest(Nodes& nodes, uint32_t number) {
    nodes[number].prev = newest_;
    nodes[number].next = nil;
    (newest_ == nil ? oldest_ : nodes[newest_].next) = number;
    newest_ = number;
    ++size_;
  }
  template <class Nodes>
  void remove(Nodes& nodes, uint32_t number) {
    auto prev = nodes[number].prev;
    auto next = nodes[number].next;
    (prev == nil ? oldest_ : nodes[prev].next) = next;
    (next == nil ? newest_ : nodes[next].prev) = prev;
    assert(size_ > 0);
    --size_;
  }
  uint32_t oldest() const noexcept {
    return oldest_;
  }
  uint32_t size() const noexcept {
    return size_;
  }
  bool empty() const noexcept {
    return size_ == 0;
  }

private:
  uint32_t oldest_ = nil, newest_ = nil;
  uint32_t size_ = 0;
};

} // namespace actord
