// Strings in JSON, spelled as CPython's json.dumps spells them.
#pragma once

#include <string>
#include <string_view>

namespace actord {

/// Appends `text` in quotes; all but printable ASCII is escaped, as UTF-16 where it has no short
/// form. @pre `text` is UTF-8
void append_json_string(std::string& out, std::string_view text);

} // namespace actord
