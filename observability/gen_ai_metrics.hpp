// How full and how busy the model servers are: gen_ai.server metrics (spec observability §8).
#pragma once

#include "observability/metric_registry.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// Who reported a value, the weakest first: of the fresh values the strongest source's counts.
enum class gen_ai_source : uint8_t { own, ollama, tgi, vllm, push };
inline constexpr size_t gen_ai_source_count = 5;

/// Numbers of requests, and how many the server works on at a time.
enum class gen_ai_level : uint8_t { running, waiting, max };
inline constexpr size_t gen_ai_level_count = 3;

/// Percent of the KV cache by model.
using gen_ai_usages = std::vector<std::pair<std::string, double>>;

/// One report. Levels that are not in it are left as they were.
struct gen_ai_report {
  gen_ai_usages usages;
  std::optional<int64_t> running, waiting, max;
  int64_t running_delta = 0, waiting_delta = 0;
};

/// Values of all sources. Any thread; `own_requests` is for hot paths, the rest takes a lock.
class gen_ai_metrics {
public:
  static constexpr size_t max_models = 256, max_name_bytes = 256;
  /// Seconds after which a value from outside no longer counts. Own values never expire.
  static constexpr double expiry_s = 30;

  /// @param now_s any steady clock; below 0 counts as 0, and so does `n`
  void set(gen_ai_level which, gen_ai_source from, int64_t n, double now_s);

  /// Adds to what the source itself said, or to 0 where it said nothing or that has expired.
  /// The sum stays within 0 and the largest int64_t.
  void add(gen_ai_level which, gen_ai_source from, int64_t delta, double now_s);

  /// What the daemon itself works on.
  void own_requests(int64_t running, int64_t waiting) noexcept {
    own_running_.store(running, std::memory_order_relaxed);
    own_waiting_.store(waiting, std::memory_order_relaxed);
  }

  /// Clamps to [0, 100].
  /// @returns false when nothing is set: the value is NaN, the name is empty or longer than
  ///   max_name_bytes, or the model is new and max_models are known
  bool set_usage(gen_ai_source from, std::string_view model, double percent, double now_s);

  /// Takes a list as all that the source knows. A model that it knew and that the list lacks is 0
  /// until the source's next list, and is then forgotten.
  void replace_usage(gen_ai_source from, const gen_ai_usages& models, double now_s);

  /// Forgets what one source said about a model.
  void remove_usage(gen_ai_source from, std::string_view model);

  int64_t value(gen_ai_level which, double now_s) const;

  /// Each model's value by its strongest fresh source. Forgets what has expired.
  gen_ai_usages usage(double now_s);

  /// Takes a push as a whole.
  /// @returns false when nothing is taken: it names more new models than there is room for
  bool push(const gen_ai_report& report, double now_s);

  /// Takes what a source that was asked says: all models that it knows, and its numbers.
  void poll(gen_ai_source from, const gen_ai_report& report, double now_s);

  /// All of it, for a scrape.
  void collect(gauge_sink& to, double now_s);

private:
  struct number {
    int64_t n = 0;
    double set_s = 0;
  };
  struct share {
    double percent = 0, set_s = 0;
    bool gone = false;
  };
  template <class T>
  using by_source = std::array<std::optional<T>, gen_ai_source_count>;

  void set_locked(gen_ai_level which, gen_ai_source from, int64_t n, double now_s);
  void set_locked(gen_ai_source from, const gen_ai_report& report, double now_s);
  void add_locked(gen_ai_level which, gen_ai_source from, int64_t delta, double now_s);
  void replace_locked(gen_ai_source from, const gen_ai_usages& models, double now_s);
  bool set_locked(gen_ai_source from, std::string_view model, double percent, double now_s);
  void forget_expired(double now_s);
  void forget_silent();

  mutable std::mutex mutex_;
  std::array<by_source<number>, gen_ai_level_count> levels_;
  std::map<std::string, by_source<share>, std::less<>> models_;
  std::atomic<int64_t> own_running_ = 0, own_waiting_ = 0;
};

} // namespace actord
