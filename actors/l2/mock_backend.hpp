// Memory that behaves like a slow store: for tests of whoever uses one (spec l2-adapters §9.6).
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/timer.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// Keeps copies of objects up to `max_size_bytes`. Stores and loads take as long as their bytes
/// need at the bandwidth, each call by itself, as in the peer; all work is done on the timer's
/// thread at the end of that time. Calls that need longer than their limit fail when it is over. An
/// object that is there already is ok and not stored, as in the peer: its stored_bytes are 0. One
/// that has no room is told so, where the peer says that it stored it. One of another length is
/// replaced, which the peer never meets. Nothing outlives the process.
class mock_backend final : public l2_backend {
public:
  /// @param timer never null; may be shared
  mock_backend(const mock_l2_options& options, const l2_time_limits& limits,
               std::shared_ptr<l2_timer> timer);
  /// What was called before is still answered, by the timer.
  ~mock_backend() override;

  std::string open() override {
    return {};
  }
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  void scan(page more) override;
  std::vector<std::pair<std::string, std::string>> status() const override;
  uint64_t capacity_bytes() const override {
    return options_.max_size_bytes;
  }

private:
  struct state;
  using step = l2_result (state::*)(const l2_item& item, uint64_t& stored_bytes);
  void run(step work, uint64_t moved_bytes, int64_t limit_ms, l2_batch batch, done answer);

  mock_l2_options options_;
  l2_time_limits limits_;
  std::shared_ptr<l2_timer> timer_;
  std::shared_ptr<state> state_; // shared with what the timer will call
};

} // namespace actord
