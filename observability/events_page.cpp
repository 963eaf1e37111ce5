#include "observability/events_page.hpp"

#include "observability/event_table.hpp"

#include <array>
#include <string_view>

namespace actord {

namespace {

constexpr std::string_view introduction = R"(# Events

Generated from the table in observability/; do not edit. A test fails when this page and the table
differ, and writes the page anew when it runs with `ACTORD_WRITE_DOCS=1`.

What parts of the daemon tell the [event bus](event-bus.md). Names and details are those of LMCache
0.5.6; `sm.read.prefetched` and `l2.prefetch.lookup.completed` are known to older versions only.
An event has a time (Unix seconds, taken when it is published), the request id of the engine where
it belongs to a request (`mp.*`, `cb.*`, `timeout.raised`; empty else), and the details below. An
event is published only while somebody listens to its type. Those of the last column "no" belong to
parts that are not built: nothing publishes them yet.

A list of keys names memory objects: chunk hash, model, rank, object group, salt. A transfer key,
`<request id>#<n>`, names one store or retrieve of the process.
)";

struct section {
  event_source source;
  std::string_view title;
};

constexpr std::array<section, 5> sections{{
  {event_source::l1, "L1"},
  {event_source::storage, "Storage"},
  {event_source::l2, "L2"},
  {event_source::server, "Server"},
  {event_source::blend, "Blending"},
}};

} // namespace

std::string events_page() {
  std::string page{introduction};
  for (const auto& [source, title] : sections) {
    page += "\n## ";
    page += title;
    page += "\n\n| event | when | details | published |\n|---|---|---|---|\n";
    for (const auto& row : event_table()) {
      if (row.source != source)
        continue;
      page += "| `";
      page += row.name;
      page += "` | ";
      page += row.when;
      page += " | ";
      page += row.details;
      page += row.published ? " | yes |\n" : " | no |\n";
    }
  }
  return page;
}

} // namespace actord
