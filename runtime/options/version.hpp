// What this daemon calls itself.
#pragma once

#include <string_view>

namespace actord {

/// Same as the project version of the build; a test compares them.
inline constexpr std::string_view daemon_version = "0.1.0";

/// Release of the LMCache multiprocess server whose clients are served unchanged.
inline constexpr std::string_view protocol_version = "0.5.6";

} // namespace actord
