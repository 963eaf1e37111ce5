#include "observability/l1_lifecycle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

using namespace actord;

namespace {

using samples = std::vector<double>;

struct recording final : l1_lifecycle_sink {
  samples reuse, life, idle, back;
  std::string tag;
  void reuse_gap(std::string_view l1_tag, double seconds) override {
    tag = l1_tag;
    reuse.push_back(seconds);
  }
  void lifetime(std::string_view, double seconds) override {
    life.push_back(seconds);
  }
  void idle_before_evict(std::string_view, double seconds) override {
    idle.push_back(seconds);
  }
  void evict_reuse_gap(std::string_view, double seconds) override {
    back.push_back(seconds);
  }
};

object_key key_of(uint8_t byte) {
  object_key key{{}, "m", 0x01000100, 0, ""};
  key.hash.bytes.fill(byte);
  return key;
}

constexpr uint32_t all = sample_threshold(1.0);

samples sorted(samples values) {
  std::sort(values.begin(), values.end());
  return values;
}

} // namespace

TEST_CASE("the L1 events of the reference run give its samples") {
  recording sink;
  l1_lifecycle tracker(sink, all);
  for (uint8_t i = 0; i < 4; ++i)
    tracker.write_finished("_default", key_of(i), 0);
  tracker.read_finished("_default", key_of(0), 10);
  tracker.read_finished("_default", key_of(2), 10);
  tracker.write_finished("_default", key_of(1), 20);
  tracker.read_finished("_default", key_of(0), 40);
  tracker.evicted("_default", key_of(0), 100);
  tracker.evicted("_default", key_of(1), 100);
  tracker.sweep(100);
  tracker.write_finished("_default", key_of(0), 130);
  tracker.sweep(130);
  tracker.sweep(500);
  CHECK_EQ(sink.reuse, samples{10, 10, 20, 30});
  CHECK_EQ(sink.life, samples{100, 80});
  CHECK_EQ(sink.idle, samples{60, 80});
  CHECK_EQ(sink.back, samples{30, 300});
  CHECK_EQ(sink.tag, "_default");
  CHECK_EQ(tracker.live(), 3);
  CHECK_EQ(tracker.gone(), 0);
}

TEST_CASE("tiers are followed apart, and keys that are not sampled not at all") {
  recording sink;
  l1_lifecycle tracker(sink, all);
  tracker.write_finished("a", key_of(0), 0);
  tracker.read_finished("b", key_of(0), 5);
  CHECK(sink.reuse.empty());
  l1_lifecycle none(sink, 0);
  none.write_finished("a", key_of(0), 0);
  CHECK_EQ(none.live(), 0);
}

TEST_CASE("the oldest leave at the limits, without a sample") {
  recording sink;
  l1_lifecycle tracker(sink, all, {300, 2, 1});
  for (uint8_t i = 0; i < 3; ++i)
    tracker.write_finished("", key_of(i), i);
  for (uint8_t i = 0; i < 3; ++i)
    tracker.evicted("", key_of(i), 10 + i);
  CHECK_EQ(sink.life, samples{10, 10});
  CHECK_EQ(tracker.gone(), 1);
  tracker.write_finished("", key_of(1), 20);
  CHECK(sink.back.empty());
  tracker.write_finished("", key_of(2), 20);
  CHECK_EQ(sink.back, samples{8});
}

TEST_CASE("after a drop only resident objects stay live") {
  recording sink;
  l1_lifecycle tracker(sink, all);
  for (uint8_t i = 0; i < 4; ++i)
    tracker.write_finished("t", key_of(i), 0);
  auto resident = l1_identity("t", key_of(2));
  tracker.forget_live_unless([&](const sample_identity& id) { return id == resident; });
  CHECK_EQ(tracker.live(), 1);
  tracker.read_finished("t", key_of(2), 3);
  CHECK_EQ(sink.reuse, samples{3});
}

TEST_CASE("tags beyond the limit share a name") {
  recording sink;
  l1_lifecycle tracker(sink, all);
  for (int i = 0; i < 300; ++i) {
    tracker.write_finished("tag" + std::to_string(i), key_of(0), 0);
    tracker.read_finished("tag" + std::to_string(i), key_of(0), 1);
    CHECK_EQ(sink.tag, i < 256 ? "tag" + std::to_string(i) : "__other__");
  }
}

TEST_CASE("L1 lifecycles match a plain model, whatever the order of times") {
  std::mt19937_64 random(11);
  recording sink;
  l1_lifecycle tracker(sink, all);
  recording model;
  std::map<uint8_t, std::array<double, 2>> live;
  std::map<uint8_t, double> gone;
  auto note = [](samples& to, double value) {
    if (value >= 0)
      to.push_back(value);
  };
  for (int step = 0; step < 5000; ++step) {
    auto k = static_cast<uint8_t>(random() % 40);
    double now = step * 7 + static_cast<double>(random() % 50);
    auto here = live.find(k);
    switch (random() % 3) {
      case 0:
        tracker.read_finished("", key_of(k), now);
        if (here != live.end()) {
          note(model.reuse, now - here->second[1]);
          here->second[1] = now;
        }
        continue;
      case 1:
        tracker.write_finished("", key_of(k), now);
        if (gone.contains(k)) {
          note(model.back, std::min(now - gone[k], 300.0));
          gone.erase(k);
        }
        if (here != live.end())
          note(model.reuse, now - here->second[1]);
        live[k] = {now, now};
        break;
      default:
        tracker.evicted("", key_of(k), now);
        if (here != live.end()) {
          note(model.life, now - here->second[0]);
          note(model.idle, now - here->second[1]);
          live.erase(here);
          gone[k] = now;
        }
    }
    tracker.sweep(now);
    std::erase_if(gone, [&](auto& e) {
      if (now - e.second < 300)
        return false;
      model.back.push_back(300);
      return true;
    });
    REQUIRE_EQ(tracker.gone(), gone.size());
    REQUIRE_EQ(tracker.live(), live.size());
  }
  CHECK_EQ(sink.reuse, model.reuse);
  CHECK_EQ(sink.life, model.life);
  CHECK_EQ(sink.idle, model.idle);
  CHECK_EQ(sorted(sink.back), sorted(model.back));
}
