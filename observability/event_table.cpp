#include "observability/event_table.hpp"

#include "observability/event_rows.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr bool in_order() {
  if (event_rows.size() != event_type_count)
    return false;
  for (size_t i = 0; i < event_type_count; ++i)
    if (static_cast<size_t>(event_rows[i].type) != i)
      return false;
  return true;
}
static_assert(in_order(), "one row per event_type, in its order");

} // namespace

std::span<const event_info> event_table() {
  return event_rows;
}

const event_info& info(event_type type) {
  return event_rows[static_cast<size_t>(type)];
}

std::optional<event_type> find_event_type(std::string_view name) {
  auto found = std::ranges::find(event_rows, name, &event_info::name);
  if (found == event_rows.end())
    return std::nullopt;
  return found->type;
}

} // namespace actord
