// What --help and --version print.
#pragma once

#include "runtime/options/option_set.hpp"

#include <string>

namespace actord {

/// All flags by group, at most 100 columns wide.
std::string help_text(const option_set& flags);

/// `lmcache-actord 0.1.0 (LMCache protocol 0.5.6)` and a line end.
std::string version_text();

} // namespace actord
