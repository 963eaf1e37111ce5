// What each kind of event is called and says.
#pragma once

#include "observability/event_type.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace actord {

/// Which part of the daemon publishes an event.
enum class event_source { l1, storage, l2, server, blend };

struct event_info {
  event_type type;
  std::string_view name; // as on the wire of LMCache 0.5.6
  event_source source;
  bool published;           // by a part that is built
  std::string_view details; // its metadata, by the names of 0.5.6
  std::string_view when;
};

std::span<const event_info> event_table();
const event_info& info(event_type type);
std::optional<event_type> find_event_type(std::string_view name);

} // namespace actord
