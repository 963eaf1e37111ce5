// How the parts of an --l2-adapter object are read: one function per kind of store.
#pragma once

#include "runtime/options/json_fields.hpp"
#include "runtime/options/l2_adapter_options.hpp"
#include "runtime/options/option_sources.hpp"

namespace actord {

/// What the functions below share. All of it outlives them.
struct l2_reading_context {
  /// The adapter's object, and our own keys in its object `cpp`.
  json_fields& fields;
  json_fields& cpp;
  json_findings& found;
  const environment& variables;
  /// What all kinds have, read before the rest.
  l2_adapter_options& options;
};

inline constexpr whole_range positive_workers{1, 65'536, {}};
inline constexpr whole_range connection_range{1, 1024, {}};
/// Limits of operations, ms: at most an hour.
inline constexpr whole_range timeout_range_ms{1, 3'600'000, {}};
inline constexpr number_range share_range{0, false, 1, "must be a number from 0 to 1"};

/// Keys of every type (spec l2-adapters §4.1) and ours in `cpp`: time limits, breaker, serde.
void read_l2_common(l2_reading_context& context);

fs_l2_options read_fs_options(l2_reading_context& context);
raw_block_l2_options read_raw_block_options(l2_reading_context& context);
redis_l2_options read_resp_options(l2_reading_context& context);
redis_l2_options read_valkey_options(l2_reading_context& context);
s3_l2_options read_s3_options(l2_reading_context& context);
mock_l2_options read_mock_options(l2_reading_context& context);
fault_inject_l2_options read_fault_inject_options(l2_reading_context& context);

/// Reads one adapter object of a built type into `options`; the caller has checked `type`.
void read_l2_object(const nlohmann::ordered_json& object, const environment& variables,
                    l2_adapter_options& options, json_findings& found);

/// max_capacity_gb where the type has it at the top, and the remarks that a capacity deserves.
void read_l2_capacity(l2_reading_context& context);

/// An `exclusive` store must be listed at start: nobody asks it for what is not in the index.
void check_exclusive(l2_reading_context& context, bool scan_at_start);

/// `host:port`; empty when it is not that.
std::optional<network_node> parse_network_node(std::string_view text);

} // namespace actord
