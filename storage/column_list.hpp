// Doubly linked lists over one table of nodes.
#pragma once

#include "storage/slab.hpp"

#include <array>
#include <cassert>
#include <memory>
#include <vector>

namespace actord {

/// Nodes by number. Grows by pages, so that no node ever moves and growth never
/// stalls.
template <class Node>
class node_table {
public:
  Node& operator[](uint32_t number) noexcept {
    return (*pages_[number / page_nodes])[number % page_nodes];
  }
  const Node& operator[](uint32_t number) const noexcept {
    return (*pages_[number / page_nodes])[number % page_nodes];
  }
  /// Makes `number` valid.
  Node& make(uint32_t number) {
    while (pages_.size() <= number / page_nodes)
      pages_.push_back(std::make_unique<page>());
    return (*this)[number];
  }
  uint64_t bytes() const noexcept {
    return pages_.size() * sizeof(page);
  }

private:
  static constexpr uint32_t page_nodes = 1024;
  using page = std::array<Node, page_nodes>;
  std::vector<std::unique_ptr<page>> pages_;
};

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
