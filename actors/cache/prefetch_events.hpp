// What the event bus hears of loads from the stores behind L1.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/messages.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace actord {

/// The events of one lookup that L1 could not serve (spec observability §1.10). Collects nothing
/// that nobody listens to.
class prefetch_events {
public:
  /// @param number of the lookup: `request_id` of its events
  /// @param request the engine's
  prefetch_events(event_publisher_ptr bus, uint64_t number, std::string salt, std::string request);

  void asked(size_t objects, size_t adapters) const;
  /// @param answers of the adapters; who has not answered is given up now
  void answered(uint32_t hit_chunks, std::vector<l2_answer> answers) const;
  void
  task_began(const l2_adapter_info& adapter, int64_t task, size_t objects, uint64_t bytes) const;
  void
  task_ended(const l2_adapter_info& adapter, int64_t task, size_t loaded, size_t missing) const;
  /// All of a lookup's tasks have begun.
  void loading(size_t objects, size_t tasks) const;
  /// One task's objects are in L1, but for those in `missing`.
  void loaded(size_t objects, std::vector<object_ref> missing) const;
  /// L1 had no room for them.
  void no_room(std::vector<object_ref> objects) const;
  /// Unix time in seconds, as events have it.
  double now() const {
    return bus_->now();
  }

private:
  l2_details details() const;
  void publish(event_type what, l2_details of) const;
  void failed(const char* reason, std::vector<object_ref> objects) const;

  event_publisher_ptr bus_;
  int64_t number_;
  std::string salt_, request_;
};

} // namespace actord
