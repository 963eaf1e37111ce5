// Checks across flags, after each flag has been checked alone.
#pragma once

#include "runtime/options/option_draft.hpp"
#include "runtime/options/option_sources.hpp"

#include <vector>

namespace actord {

using option_problems = std::vector<option_problem>;

/// Fills what depends on several flags (worker counts, transfer mode, L1 of --l1-manager) and
/// checks the rules of spec cli-http §1.5 that concern this daemon's own parts.
void finish_options(option_draft& draft, const chosen_values& chosen, option_problems& problems);

/// Moves a `--l1-manager` object of type DRAM into the L1 options (spec cache-core §6.2), or takes
/// the L1 flags as they are.
void settle_l1(option_draft& draft, const chosen_values& chosen, option_problems& problems);

/// Reads and checks --http-token-file, --metrics-token, --metrics-token-file and
/// --zmq-curve-server-key-file.
void read_secrets(daemon_options& options, const option_sources& sources,
                  const chosen_values& chosen, option_problems& problems);

/// Reads --otlp-endpoint with the variables that say how to reach it, and the resource that
/// OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME name.
void settle_otlp(option_draft& draft, const option_sources& sources, const chosen_values& chosen,
                 option_problems& problems);

/// Checks the addresses of model servers.
void settle_model_servers(daemon_options& options, const chosen_values& chosen,
                          option_problems& problems);

/// Reads each --l2-adapter into the L2 options and checks them against each other and against L1,
/// which must be settled. Refuses what is unknown, wrong or not built.
void settle_l2_adapters(option_draft& draft, const option_sources& sources,
                        option_problems& problems);

/// The peer's own checks of parts not built here, and then "not built yet" for each flag that asks
/// for one of them.
void refuse_unbuilt(const option_draft& draft, const chosen_values& chosen,
                    option_problems& problems);

} // namespace actord
