#include "observability/subscribers/lifecycle_subscribers.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace actord;

namespace {

struct summing final : l1_lifecycle_sink {
  double reuse = 0, life = 0, idle = 0, back = 0;
  void reuse_gap(std::string_view, double seconds) override {
    reuse += seconds;
  }
  void lifetime(std::string_view, double seconds) override {
    life += seconds;
  }
  void idle_before_evict(std::string_view, double seconds) override {
    idle += seconds;
  }
  void evict_reuse_gap(std::string_view, double seconds) override {
    back += seconds;
  }
};

object_key key_of(int number) {
  object_key key{{}, number % 2 == 0 ? "even" : "odd", 0x01000100, 0, ""};
  const auto chunk = number / 4; // two ranks each
  std::memcpy(key.hash.bytes.data(), &chunk, sizeof chunk);
  key.kv_rank += static_cast<uint32_t>(number / 2 % 2);
  return key;
}

} // namespace

TEST_CASE("objects that come again and again are followed or not, as the first time") {
  constexpr double rate = 0.3;
  auto registry = std::make_shared<metric_registry>();
  l1_lifecycle_subscriber subscriber{registry, rate};
  summing wanted;
  l1_lifecycle plain{wanted, sample_threshold(rate)}; // hashes every key of every event
  std::minstd_rand random{5};
  for (int step = 0; step < 3'000; ++step) {
    std::vector<object_key> keys(random() % 11);
    for (auto& key : keys)
      key = key_of(static_cast<int>(random() % 200));
    constexpr std::array kinds{event_type::l1_read_finished, event_type::l1_write_finished,
                               event_type::l1_keys_evicted};
    const auto kind = kinds[random() % kinds.size()];
    for (const auto& key : keys)
      if (kind == event_type::l1_read_finished)
        plain.read_finished("t", key, step);
      else if (kind == event_type::l1_write_finished)
        plain.write_finished("t", key, step);
      else
        plain.evicted("t", key, step);
    if (kind != event_type::l1_read_finished)
      plain.sweep(step);
    auto refs = std::make_shared<const std::vector<event_key>>(to_refs(keys));
    subscriber.handle({kind, double(step), "", l1_keys_details{"t", std::move(refs)}});
  }
  const auto sum = [&](metric which) { return registry->histogram(which, {"t"}).sum(); };
  CHECK(wanted.reuse > 0);
  CHECK_EQ(sum(metric::l1_chunk_reuse_gap), wanted.reuse);
  CHECK_EQ(sum(metric::l1_chunk_lifetime), wanted.life);
  CHECK_EQ(sum(metric::l1_chunk_idle_before_evict), wanted.idle);
  CHECK_EQ(sum(metric::l1_chunk_evict_reuse_gap), wanted.back);
}
