#include "observability/event_table.hpp"

#include "observability/event_subscriber.hpp"
#include "observability/events_page.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

using namespace actord;

TEST_CASE("every event has a name of its own and is found by it") {
  std::set<std::string_view> names;
  for (const auto& row : event_table()) {
    CHECK(names.insert(row.name).second);
    CHECK_EQ(find_event_type(row.name), row.type);
    CHECK_EQ(&info(row.type), &row);
    CHECK_FALSE(row.when.empty());
    CHECK_FALSE(row.details.empty());
  }
  CHECK_EQ(names.size(), event_type_count);
  CHECK_FALSE(find_event_type("l1.read"));
}

TEST_CASE("a mask has what it was made of, and of another what was added") {
  event_mask mask{event_type::l1_read_finished, event_type::cb_chunks_evicted};
  CHECK(mask.has(event_type::l1_read_finished));
  CHECK(mask.has(event_type::cb_chunks_evicted));
  CHECK_FALSE(mask.has(event_type::l1_read_reserved));
  mask |= {event_type::l1_read_reserved};
  CHECK(mask.has(event_type::l1_read_reserved));
  CHECK(mask.has(event_type::l1_read_finished));
}

TEST_CASE("docs/EVENTS.md says what the table says") {
  const std::string path = ACTORD_TEST_DATA "/../../docs/EVENTS.md";
  if (std::getenv("ACTORD_WRITE_DOCS"))
    std::ofstream(path) << events_page();
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  CHECK_MESSAGE(written.str() == events_page(),
                "docs/EVENTS.md is out of date: run this test with ACTORD_WRITE_DOCS=1");
}
