// Text from outsiders: checked, and made safe to print.
#pragma once

#include <string>
#include <string_view>

namespace actord::wire {

/// `text` in double quotes, shortened to 64 bytes, with everything but
/// printable ASCII escaped: what an outsider sent is safe to print.
std::string printable(std::string_view text);

} // namespace actord::wire
