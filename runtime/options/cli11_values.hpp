// Lets CLI11 collect the canonical command line.
#pragma once

#include "runtime/options/argparse_forms.hpp"

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace actord {

/// Flag name -> its values in order, each exactly as written.
using collected_values = std::map<std::string, std::vector<std::string>, std::less<>>;

/// @param pairs canonical arguments (`canonical_arguments::pairs`) of flags of `flags`.
std::variant<collected_values, syntax_error>
collect_values(const std::vector<std::string>& pairs, const option_set& flags);

} // namespace actord
