// What the event bus hears of one L1.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/messages.hpp"
#include "storage/l1_index.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace actord {

/// The events of one L1, published by its L1 MANAGER (spec observability §1.10, first two tables).
/// Collects nothing that nobody listens to.
class l1_events {
public:
  l1_events(event_publisher_ptr bus, std::string l1_tag);

  /// How objects come into L1.
  enum class cause : uint8_t { engine, load };

  /// Tells the index whether to keep the names of what the next steps do. Call at the start and
  /// after each step: who listens may have changed.
  /// @param wanted whether somebody else wants them
  void prepare(l1_index& index, bool wanted = false) const;
  /// What the last step did to objects; returns those that became resident, head to tail.
  std::vector<object_ref> take(l1_index& index, cause by = cause::engine);

  /// A writer begins and ends, for those who record calls.
  void asked(const reserve_order& order);
  void committing(reservation_id reservation);
  void gave_up(reservation_id reservation);

  void looked_up(const lookup_order& order, const lookup_outcome& outcome);
  void reserved(const reserve_order& order, const reserve_outcome& outcome);
  /// A reservation that ended without becoming resident.
  void write_failed();
  /// Tokens behind what is about to become resident; once per chunk, whatever the ranks.
  void storing(const store_origin& origin, uint32_t chunk_tokens);
  void touched(const touch_order& order);
  void ticked(uint64_t used_bytes, uint64_t total_bytes, double watermark, bool triggered);

private:
  std::shared_ptr<const key_space> name_of(const l1_index& index, space_id space);
  void publish_read(event_keys keys);
  void publish_written(const std::vector<object_ref>& written, cause by);

  event_publisher_ptr bus_;
  std::string l1_tag_;
  std::map<space_id, std::shared_ptr<const key_space>> names_; // ids are not reused
  // What writers got since somebody records: their calls tell it again. The oldest go.
  std::map<reservation_id, event_keys> writing_;
};

} // namespace actord
