#include "observability/reuse_lifecycle.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

using namespace actord;

namespace {

using sample = std::tuple<std::string, double, uint64_t>;

struct recording final : reuse_lifecycle_sink {
  std::vector<sample> samples;
  void reuse(std::string_view cache_salt, double seconds, uint64_t objects) override {
    samples.emplace_back(cache_salt, seconds, objects);
  }
};

reuse_key key_of(int number, std::string_view salt = "") {
  reuse_key key{salt, {}};
  std::memcpy(key.hash.bytes.data(), &number, sizeof number);
  return key;
}

using keys = std::vector<reuse_key>;
constexpr uint32_t all = sample_threshold(1.0);

} // namespace

TEST_CASE("the reads and writes of the reference run give its samples") {
  recording sink;
  reuse_lifecycle tracker(sink, all);
  tracker.write_finished(keys{key_of(0), key_of(1), key_of(2, "tenant-a")}, 600);
  tracker.read_finished(keys{key_of(0), key_of(0)}, 610); // two ranks of one chunk
  tracker.read_finished(keys{key_of(1), key_of(2, "tenant-a")}, 700);
  std::vector<sample> expected{{"", 10, 2}, {"", 100, 2}, {"tenant-a", 100, 1}};
  CHECK_EQ(sink.samples, expected);
}

TEST_CASE("a write renews without a sample, and what is not sampled counts too") {
  recording sink;
  auto followed = key_of(0), other = key_of(1);
  auto threshold = static_cast<uint32_t>(reuse_sample_hash("", followed.hash) % sample_modulus) + 1;
  while (sampled(reuse_sample_hash("", other.hash), threshold))
    other.hash.bytes[9] = static_cast<uint8_t>(other.hash.bytes[9] + 1);
  reuse_lifecycle tracker(sink, threshold);
  tracker.read_finished(keys{followed}, 0);
  tracker.write_finished(keys{followed}, 4);
  tracker.read_finished(keys{other, other}, 5);
  tracker.read_finished(keys{followed}, 6);
  CHECK_EQ(sink.samples, std::vector<sample>{{"", 2, 2}});
  CHECK_EQ(tracker.tracked(), 1);
}

TEST_CASE("salts and chunks are bounded") {
  recording sink;
  reuse_lifecycle tracker(sink, all, {2, 50, 3});
  for (auto salt : {"a", "b", "c", "d"})
    tracker.write_finished(keys{key_of(0, salt)}, 0);
  CHECK_EQ(tracker.salts(), 3);
  tracker.read_finished(keys{key_of(0, "c")}, 1);
  CHECK_EQ(sink.samples, std::vector<sample>{{"__other__", 1, 2}});
  for (int i = 0; i < 1000; ++i)
    tracker.write_finished(keys{key_of(i, "a")}, 2);
  CHECK_EQ(tracker.tracked(), 50);
  sink.samples.clear();
  for (int i = 999; i >= 0 && sink.samples.size() < 10; --i)
    tracker.read_finished(keys{key_of(i, "a")}, 3);
  CHECK_EQ(sink.samples.size(), 10);
}

TEST_CASE("a chunk of two salts counts twice in one event, its ranks once") {
  recording sink;
  reuse_lifecycle tracker(sink, all, {1, 50, 3}); // b and c share one count
  tracker.write_finished(keys{key_of(0, "a")}, 0);
  tracker.write_finished(
    keys{key_of(7, "b"), key_of(7, "c"), key_of(7, "b"), key_of(7, "c"), key_of(8, "b")}, 0);
  tracker.read_finished(keys{key_of(7, "b")}, 1);
  CHECK_EQ(sink.samples, std::vector<sample>{{"__other__", 1, 3}});
}

TEST_CASE("a chunk that lost its place is unknown") {
  recording sink;
  reuse_lifecycle tracker(sink, all, {10, 1, 0});
  tracker.write_finished(keys{key_of(1)}, 0);
  tracker.write_finished(keys{key_of(2)}, 1);
  tracker.read_finished(keys{key_of(1)}, 2);
  CHECK(sink.samples.empty());
  tracker.read_finished(keys{key_of(1)}, 5);
  CHECK_EQ(sink.samples, std::vector<sample>{{"", 3, 1}});
}

TEST_CASE("chunks that come again and again are followed or not, as the first time") {
  recording sink;
  constexpr auto some = sample_threshold(0.3);
  reuse_lifecycle tracker(sink, some);
  struct known {
    double time;
    uint64_t count;
  };
  std::map<std::string, uint64_t> counts;
  std::map<std::pair<std::string, int>, known> followed;
  std::vector<sample> expected;
  std::minstd_rand random{11};
  for (int step = 0; step < 2'000; ++step) {
    const bool is_read = random() % 3 > 0;
    keys told;
    std::set<std::pair<std::string, int>> named;
    for (auto left = random() % 11; left > 0; --left) {
      const int number = 1 + static_cast<int>(random() % 60);
      const std::string_view salt = random() % 2 == 0 ? "" : "tenant";
      told.push_back(key_of(number, salt));
      const std::pair id{std::string{salt}, number};
      if (!named.insert(id).second)
        continue;
      const auto count = ++counts[id.first];
      if (!sampled(reuse_sample_hash(salt, told.back().hash), some))
        continue;
      const auto before = followed.find(id);
      if (is_read && before != followed.end())
        expected.emplace_back(salt, step - before->second.time, count - before->second.count);
      followed[id] = {double(step), count};
    }
    is_read ? tracker.read_finished(told, step) : tracker.write_finished(told, step);
  }
  CHECK_EQ(tracker.tracked(), followed.size());
  CHECK(expected.size() > 500);
  CHECK_EQ(sink.samples, expected);
}
