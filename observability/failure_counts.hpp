// Counts of what went wrong.
#pragma once

#include "observability/metric_registry.hpp"

#include <cstdint>
#include <string_view>

namespace actord {

// For rare things: each call looks its cell up (spec observability §2.4.2).

/// @param during l1_store, l2_prefetch
void count_allocation_failure(metric_registry& to, std::string_view during,
                              std::string_view model_name, uint64_t objects);
/// @param during l1_retrieve, l2_store
/// @param reason not_found, write_locked
void count_read_failure(metric_registry& to, std::string_view during, std::string_view reason,
                        std::string_view model_name, uint64_t objects);
void count_timeout(metric_registry& to, std::string_view exception_type);

} // namespace actord
