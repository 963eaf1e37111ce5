// Policies on a piece of a real trace.
#include "storage/eviction_policy.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <list>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

using namespace actord;

namespace {

using request = std::vector<uint64_t>;

const std::vector<request>& trace() {
  static const auto result = [] {
    std::ifstream file{ACTORD_TEST_DATA "/mooncake_conversation.txt"};
    REQUIRE(file.good());
    std::vector<request> requests;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("#"))
        continue;
      std::istringstream words{line};
      requests.emplace_back();
      for (uint64_t block = 0; words >> block;)
        requests.back().push_back(block);
    }
    return requests;
  }();
  return result;
}

/// A cache of `capacity` blocks that a policy drives, one access at a time.
class simulated_cache {
public:
  simulated_cache(eviction_kind kind, column_id capacity)
    : policy_{make_eviction_policy(kind, size_t{4} * capacity)}, blocks_(capacity) {
  }

  bool access(uint64_t block) {
    if (auto found = columns_.find(block); found != columns_.end()) {
      policy_->touched(found->second);
      return true;
    }
    auto column = static_cast<column_id>(columns_.size());
    if (column == blocks_.size()) {
      column = victim();
      policy_->removed(column, true);
      columns_.erase(blocks_[column]);
    }
    columns_[block] = column;
    blocks_[column] = block;
    policy_->admitted(column, {block * 0x9e3779b97f4a7c15u, 1, 0});
    return false;
  }

private:
  column_id victim() const {
    std::optional<column_id> result;
    policy_->walk(std::nullopt, [&](column_id column) {
      if (result)
        return offer_answer::stop;
      result = column;
      return offer_answer::taken;
    });
    REQUIRE(result);
    return *result;
  }

  std::unique_ptr<eviction_policy> policy_;
  std::vector<uint64_t> blocks_; // by column
  std::unordered_map<uint64_t, column_id> columns_;
};

class naive_lru {
public:
  explicit naive_lru(size_t capacity) : capacity_{capacity} {
  }
  bool access(uint64_t block) {
    auto found = places_.find(block);
    auto hit = found != places_.end();
    if (hit)
      used_.erase(found->second);
    used_.push_back(block);
    places_[block] = std::prev(used_.end());
    if (used_.size() > capacity_) {
      places_.erase(used_.front());
      used_.pop_front();
    }
    return hit;
  }

private:
  size_t capacity_;
  std::list<uint64_t> used_;
  std::unordered_map<uint64_t, std::list<uint64_t>::iterator> places_;
};

template <class Access>
size_t hits(const Access& access) {
  size_t result = 0;
  for (const auto& each : trace())
    for (auto block = each.rbegin(); block != each.rend(); ++block)
      result += access(*block) ? 1 : 0;
  return result;
}

size_t hits(eviction_kind kind, column_id capacity) {
  simulated_cache cache{kind, capacity};
  return hits([&](uint64_t block) { return cache.access(block); });
}

} // namespace

TEST_CASE("LRU on a real trace equals a naive LRU at every access") {
  for (column_id capacity : {100, 1000, 5000}) {
    simulated_cache ours{eviction_kind::lru, capacity};
    naive_lru naive{capacity};
    bool equal = true;
    auto ours_hits = hits([&](uint64_t block) {
      auto hit = ours.access(block);
      equal &= hit == naive.access(block);
      return hit;
    });
    CHECK(equal);
    CHECK_GT(ours_hits, 500);
  }
}

TEST_CASE("MQ and ARC hit at least as often as LRU where the cache is small") {
  for (column_id capacity : {100, 250, 500, 1000, 2000}) {
    CAPTURE(capacity);
    auto lru = hits(eviction_kind::lru, capacity);
    CHECK_GE(hits(eviction_kind::mq, capacity), lru);
    CHECK_GE(hits(eviction_kind::arc, capacity), lru);
    CHECK_EQ(hits(eviction_kind::isolated_lru, capacity), lru);
  }
}
