// A hash table that forgets its oldest entry instead of growing without end.
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

namespace actord {

/// Keys to values in the order in which they were put; O(1) for everything but `erase_if`. One
/// allocation per entry; an entry stays where it is until it leaves.
template <class Key, class Value, class Hash = std::hash<Key>>
class bounded_table {
public:
  /// @pre capacity > 0
  explicit bounded_table(size_t capacity) : capacity_(capacity) {
    assert(capacity > 0);
  }
  bounded_table(const bounded_table&) = delete;
  bounded_table& operator=(const bounded_table&) = delete;

  /// Puts a value, in place of the key's former one, as the newest. Returns whether the oldest
  /// entry had to leave for it.
  bool put(const Key& key, Value value) {
    take(key);
    bool full = entries_.size() >= capacity_;
    if (full)
      take_oldest();
    auto& entry = *entries_.emplace(key, node{std::move(value)}).first;
    entry.second.older = newest_;
    (newest_ ? newest_->second.newer : oldest_) = &entry;
    newest_ = &entry;
    return full;
  }

  /// Returns null when there is none; valid until the entry leaves.
  Value* find(const Key& key) {
    auto i = entries_.find(key);
    return i == entries_.end() ? nullptr : &i->second.value;
  }

  std::optional<Value> take(const Key& key) {
    auto i = entries_.find(key);
    if (i == entries_.end())
      return std::nullopt;
    unlink(i->second);
    std::optional<Value> result(std::move(i->second.value));
    entries_.erase(i);
    return result;
  }

  std::optional<std::pair<Key, Value>> take_oldest() {
    if (!oldest_)
      return std::nullopt;
    Key key = oldest_->first;
    return std::pair<Key, Value>(key, *take(key));
  }

  /// Removes what `doomed(key, value)` is true for, oldest first.
  template <class Predicate>
  void erase_if(Predicate&& doomed) {
    for (auto* entry = oldest_; entry;) {
      auto* next = entry->second.newer;
      if (doomed(std::as_const(entry->first), entry->second.value))
        take(Key(entry->first));
      entry = next;
    }
  }

  const Key* oldest() const noexcept {
    return oldest_ ? &oldest_->first : nullptr;
  }
  size_t size() const noexcept {
    return entries_.size();
  }
  size_t capacity() const noexcept {
    return capacity_;
  }

private:
  struct node;
  using table_entry = std::pair<const Key, node>;
  struct node {
    Value value;
    table_entry* older = nullptr;
    table_entry* newer = nullptr;
  };

  void unlink(node& leaving) {
    (leaving.older ? leaving.older->second.newer : oldest_) = leaving.newer;
    (leaving.newer ? leaving.newer->second.older : newest_) = leaving.older;
  }

  size_t capacity_;
  std::unordered_map<Key, node, Hash> entries_;
  table_entry* oldest_ = nullptr;
  table_entry* newest_ = nullptr;
};

} // namespace actord
