// A store with faults, for tests of whoever uses one (spec l2-adapters §9.6).
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/fault_plan.hpp"
#include "actors/l2/timer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// Hands every call to another store at once and lets it go wrong on the way. Which operations do
/// is decided as they come in (fault_plan), so that a seed makes the same faults each time:
/// - hidden objects: loaded, then reported absent, as in the peer;
/// - delay: each answer is late by that much; one that would come after the call's time limit fails
///   when that is over;
/// - hang: all objects of the call fail when its time limit is over. The inner store has carried it
///   out and let go of the memory by then, or the answer waits for that;
/// - torn write: the first half of the object is stored under its name, and the report says that it
///   was stored whole, as when power fails too early. Readers find it too short. What is there
///   already is torn too, where the inner store takes the half for another object. Objects of less
///   than two bytes stay whole;
/// - bit flip: one bit of an object that was loaded well is wrong, and the report does not say so;
/// - no space: the object is not stored, the rest of its call is.
class fault_backend final : public l2_backend {
public:
  /// @param inner not open
  /// @param timer never null; may be shared
  fault_backend(const fault_inject_l2_options& options, const l2_time_limits& limits,
                std::unique_ptr<l2_backend> inner, std::shared_ptr<l2_timer> timer);
  /// What was called before is still answered, by the inner store and the timer.
  ~fault_backend() override;

  std::string open() override {
    return inner_->open();
  }
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  void scan(page more) override {
    inner_->scan(std::move(more));
  }
  /// The inner store's, and counts of faults.
  std::vector<std::pair<std::string, std::string>> status() const override;
  uint64_t capacity_bytes() const override {
    return inner_->capacity_bytes();
  }
  uint64_t capacity_objects() const override {
    return inner_->capacity_objects();
  }
  uint64_t stored_length_bytes(const object_ref& object) const override {
    return inner_->stored_length_bytes(object);
  }

private:
  struct counters;
  struct late_answer;
  /// An answer that is late, or never comes in time.
  done spoil(fault_kind hang, int64_t limit_ms, size_t objects, done answer);

  fault_plan plan_;
  l2_time_limits limits_;
  int64_t delay_ms_;
  std::shared_ptr<counters> counters_; // shared with answers on their way
  std::shared_ptr<l2_timer> timer_;
  std::unique_ptr<l2_backend> inner_; // goes first: it may answer until it is gone
};

} // namespace actord
