// Brings command line, environment and file together: one value per flag, the strongest source's.
#pragma once

#include "runtime/options/option_checks.hpp"

namespace actord {

/// Chooses per flag and reads the file of --config if there is one. What is wrong with a source
/// goes to `problems`, what is merely odd to `warnings`.
chosen_values choose_values(const collected_values& command_line, const option_set& flags,
                            const option_sources& sources, option_problems& problems,
                            std::vector<std::string>& warnings);

} // namespace actord
