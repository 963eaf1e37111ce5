// The text of docs/EVENTS.md.
#pragma once

#include <string>

namespace actord {

std::string events_page();

} // namespace actord
