#include "storage/l2_index.hpp"
#include "tests/storage/l2_model.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace actord;
using test::l2_model;
using state = l2_model::state;

namespace {

constexpr uint64_t alignment_bytes = 16;
constexpr uint32_t object_limit = 100;

/// Drives index and model with the same random calls and compares all that can be observed.
class twin {
public:
  twin(uint64_t seed, eviction_kind kind)
    : random_{seed}, index_{{1000, alignment_bytes, kind, 100, object_limit}},
      model_{alignment_bytes,
             object_limit,
             kind != eviction_kind::noop,
             kind == eviction_kind::isolated_lru,
             {},
             {}} {
    for (const auto* model : {"one", "two/b"})
      for (const auto* salt : {"", "a", "b"})
        for (uint8_t hash = 0; hash < 7; ++hash)
          for (uint32_t rank = 0; rank < 2; ++rank)
            for (uint32_t group = 0; group < 2; ++group)
              keys_.push_back({{{hash}}, model, pack_kv_rank(2, rank), group, salt});
    keys_.push_back({{{1}}, "one", 7, 0, ""}); // a rank without a world
    refs_ = to_refs(keys_);
  }

  void step() {
    ++model_.step;
    switch (below(20)) {
      case 0:
      case 1:
      case 2:
      case 3: return begin_store();
      case 4:
      case 5:
      case 6:
      case 7: return end_store();
      case 8:
      case 9: return lock();
      case 10:
      case 11: return each([&](auto& r, auto& k) { index_.unlock({&r, 1}), model_.unlock(k); });
      case 12: return unlock_all();
      case 13: return touch();
      case 14: return each([&](auto& r, auto& k) { REQUIRE_EQ(index_.gone(r), model_.gone(k)); });
      case 15: return learn();
      case 16: return plan_erase();
      case 17: return end_erase();
      case 18: return plan_evict();
      default: return list();
    }
  }

  void compare() {
    auto usage = index_.usage();
    auto in = [](state s) { return [s](const auto& each) { return each.second.now == s; }; };
    auto counted = [](const auto& each) { return l2_model::counted(each.second); };
    auto evictable = [&](const auto& each) { return model_.evictable(each.first); };
    REQUIRE_EQ(usage.objects, model_.count(counted));
    REQUIRE_EQ(usage.used_bytes, model_.bytes(counted));
    REQUIRE_EQ(usage.going_objects, model_.count(in(state::going)));
    REQUIRE_EQ(usage.going_bytes, model_.bytes(in(state::going)));
    REQUIRE_EQ(usage.evictable_objects, model_.count(evictable));
    REQUIRE_EQ(usage.evictable_bytes, model_.bytes(evictable));
    REQUIRE_EQ(usage.writing_objects,
               model_.count(in(state::writing)) + model_.count(in(state::cancelled)));
    REQUIRE_EQ(usage.locked_objects,
               model_.count([](const auto& each) { return each.second.locks > 0; }));
    REQUIRE_EQ(usage.too_short, model_.too_short);
    REQUIRE_EQ(usage.wrong_length, model_.wrong_length);
    REQUIRE_EQ(usage.full, model_.full);
    bool found_same = true;
    for (const auto& ref : refs_) {
      const auto* expected = model_.readable(to_key(ref));
      found_same &= index_.find(ref) == (expected ? std::optional{expected->length} : std::nullopt);
    }
    REQUIRE(found_same);
    std::map<std::string, std::pair<uint64_t, uint64_t>> salts, expected;
    for (const auto& each : index_.salts())
      salts[each.salt] = {each.bytes, each.objects};
    for (const auto& [key, o] : model_.objects)
      if (l2_model::counted(o) && model_.salt_bytes(key.cache_salt) > 0) {
        expected[key.cache_salt].first += o.length;
        expected[key.cache_salt].second += 1;
      }
    REQUIRE_EQ(salts, expected);
    REQUIRE(index_.consistent());
  }

private:
  size_t below(size_t limit) {
    return random_() % limit;
  }
  uint64_t length() {
    return below(5) == 0 ? below(60) : 32; // 0 among them
  }
  std::vector<object_key> some() {
    std::vector<object_key> result(1 + below(6));
    for (auto& key : result)
      key = keys_[below(keys_.size())];
    return result;
  }
  std::vector<object_key> in(std::initializer_list<state> states) {
    std::vector<object_key> result;
    for (const auto& [key, o] : model_.objects)
      if (std::find(states.begin(), states.end(), o.now) != states.end())
        result.push_back(key);
    std::shuffle(result.begin(), result.end(), random_);
    return result;
  }
  template <class Call>
  void each(const Call& call) {
    for (const auto& key : some()) {
      auto ref = to_ref(key, 0);
      call(ref, key);
    }
  }
  /// The refs of a batch with random lengths; some batches share their spaces and some do not.
  std::vector<object_ref> with_lengths(const std::vector<object_key>& keys) {
    auto result = to_refs(keys);
    for (auto& ref : result) {
      if (below(2) == 0)
        ref = to_ref(to_key(ref), 0);
      ref.length_bytes = length();
    }
    return result;
  }

  void begin_store() {
    auto keys = some();
    auto refs = with_lengths(keys);
    auto answers = index_.begin_store(refs);
    REQUIRE_EQ(answers.size(), keys.size());
    for (auto i = keys.size(); i-- > 0;)
      REQUIRE_EQ(answers[i], model_.begin_store(keys[i], refs[i].length_bytes));
  }
  void end_store() {
    auto keys = in({state::writing, state::cancelled});
    keys.resize(std::min<size_t>(keys.size(), 3));
    keys.push_back(keys_[below(keys_.size())]);
    for (const auto& key : keys) {
      auto ref = to_ref(key, 0);
      if (below(4) == 0) {
        index_.store_failed(ref);
        model_.store_failed(key);
      } else {
        auto bytes = length();
        REQUIRE_EQ(index_.stored(ref, bytes), model_.stored(key, bytes));
      }
    }
  }
  void lock() {
    auto keys = some();
    auto refs = with_lengths(keys);
    auto answers = index_.lock(refs);
    for (size_t i = 0; i < keys.size(); ++i)
      REQUIRE_EQ(answers[i], model_.lock(keys[i], refs[i].length_bytes));
  }
  void unlock_all() {
    for (const auto& key : keys_)
      while (model_.at(key) && model_.at(key)->locks > 0) {
        auto ref = to_ref(key, 0);
        index_.unlock({&ref, 1});
        model_.unlock(key);
      }
  }
  void touch() {
    auto keys = some();
    index_.touch(to_refs(keys));
    for (auto key = keys.rbegin(); key != keys.rend(); ++key)
      model_.touch(*key);
  }
  void learn() {
    auto keys = some();
    auto refs = with_lengths(keys);
    size_t expected = 0;
    for (size_t i = 0; i < keys.size(); ++i)
      expected += model_.learned(keys[i], refs[i].length_bytes);
    REQUIRE_EQ(index_.learned(refs), expected);
  }
  void plan_erase() {
    auto keys = some();
    auto answers = index_.plan_erase(to_refs(keys));
    for (size_t i = 0; i < keys.size(); ++i)
      REQUIRE_EQ(answers[i], model_.plan_erase(keys[i]));
  }
  void end_erase() {
    auto keys = in({state::going});
    keys.push_back(keys_[below(keys_.size())]);
    for (const auto& key : keys) {
      auto ref = to_ref(key, 0);
      if (below(4) == 0) {
        index_.erase_failed(ref);
        model_.erase_failed(key);
      } else {
        REQUIRE_EQ(index_.erased(ref), model_.erased(key));
      }
    }
  }
  void plan_evict() {
    static const std::vector<std::string> names{"", "a", "b"};
    std::map<std::string, salt_id> ids;
    for (const auto& name : names)
      if (auto id = index_.find_salt(name))
        ids[name] = *id;
    auto name = below(2) == 0 ? std::optional{names[below(3)]} : std::nullopt;
    if (name && !ids.contains(*name))
      return;
    auto goal = below(400);
    auto most = below(3) == 0 ? below(8) : SIZE_MAX;
    auto expected = model_.plan_evict(goal, most, name, ids);
    auto victims
      = index_.plan_evict(goal, most, name ? std::optional{ids.at(*name)} : std::nullopt);
    REQUIRE_EQ(victims.size(), expected.size());
    for (size_t i = 0; i < victims.size(); ++i) {
      REQUIRE_EQ(to_key(victims[i]), expected[i]);
      REQUIRE_EQ(victims[i].length_bytes, model_.at(expected[i])->length);
    }
  }
  void list() {
    if (cursor_.empty()) {
      listed_.clear();
      listing_since_ = model_.step;
      listing_model_ = below(2) == 0 ? std::optional<std::string>{"one"} : std::nullopt;
    }
    auto page = index_.list(1 + below(20), cursor_, listing_model_);
    REQUIRE(page);
    for (const auto& ref : page->objects) {
      auto key = to_key(ref);
      REQUIRE(listed_.insert(key).second);
      REQUIRE(model_.readable(key));
      REQUIRE_EQ(ref.length_bytes, model_.readable(key)->length);
      REQUIRE_EQ(key.model_name, listing_model_.value_or(key.model_name));
    }
    cursor_ = page->next;
    if (!cursor_.empty())
      return;
    for (const auto& [key, o] : model_.objects)
      if (o.now == state::resident && o.readable_since < listing_since_
          && key.model_name == listing_model_.value_or(key.model_name))
        REQUIRE(listed_.contains(key));
  }

  std::mt19937_64 random_;
  l2_index index_;
  l2_model model_;
  std::vector<object_key> keys_;
  std::vector<object_ref> refs_; // of all of them
  std::string cursor_;
  std::set<object_key> listed_;
  uint64_t listing_since_ = 0;
  std::optional<std::string> listing_model_;
};

} // namespace

TEST_CASE("the L2 index does what a naive model does") {
  for (auto kind : {eviction_kind::lru, eviction_kind::isolated_lru, eviction_kind::noop})
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(to_string(kind));
      CAPTURE(seed);
      twin both{seed, kind};
      for (int step = 0; step < 5'000; ++step) {
        CAPTURE(step);
        both.step();
        both.compare();
      }
    }
}
