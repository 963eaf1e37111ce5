#include "runtime/options/option_draft.hpp"
#include "runtime/options/option_values.hpp"

namespace actord {

namespace {

constexpr std::string_view start_group = "To start with";
constexpr std::string_view l1_group = "Memory (L1)";

} // namespace

void declare_options(option_set& set, option_draft& draft) {
  set.group(start_group);
  // First of all, because the peer's messages about ambiguous flags name it first.
  set.group(l1_group);
  set.repeated("--l1-manager", draft.l1_managers,
               "one L1 of type DRAM as a JSON object, in place of --l1-size-gb");
  declare_start_options(set, draft);
  declare_l1_options(set, draft);
  declare_l2_options(set, draft);
  declare_request_options(set, draft);
  declare_http_options(set, draft);
  declare_observability_options(set, draft);
  declare_model_server_options(set, draft);
  declare_unbuilt_options(set, draft);
}

namespace {

/// L1 size in GiB to bytes, truncated; at most 1 PiB.
flag_spec& declare_l1_size(option_set& set, std::uint64_t& target) {
  constexpr double max_gb = 1 << 20;
  auto& flag = set.whole("--l1-size-gb", {}, {}, "GiB of CPU memory that keep KV; required", "");
  flag.metavar = "GIB";
  flag.assign = [&target](const option_value& value) -> std::optional<option_problem> {
    auto number = parse_number(value.last());
    if (!number)
      return unreadable(value, "float", "a number");
    if (!(*number > 0 && *number <= max_gb))
      return value.rejected("must be a finite number of GiB > 0 and <= 1048576");
    target = static_cast<std::uint64_t>(*number * (1ULL << 30));
    return std::nullopt;
  };
  return flag;
}

} // namespace

void declare_start_options(option_set& set, option_draft& draft) {
  auto& options = draft.options;
  set.group(start_group);
  declare_l1_size(set, options.l1.size_bytes);
  set.choice("--eviction-policy", options.l1.eviction.policy,
             {"LRU", "ARC", "IsolatedLRU", "noop", "MQ"},
             "what leaves a full L1 first; required (LRU is a safe start)");
  set.text("--host", options.mp.host, "address engines connect to; 0.0.0.0: from other machines")
    .metavar
    = "HOST";
  set
    .integer("--port", options.mp.port, {0, 65535},
             "port engines connect to; 0: the system chooses")
    .metavar
    = "PORT";
  set.integer("--chunk-size", options.mp.chunk_size, {1, 1 << 20},
              "tokens per chunk; all engines that share KV must agree");
  auto& config = set.text("--config", options.config_file,
                          "TOML file with options (conf/lmcache-actord.toml lists them all)");
  config.metavar = "FILE";
  config.ours = true;
  config.command_line_only = true;
  set.action("--help", 'h', "show this and exit");
  auto& version = set.action("--version", 0, "show the version and exit");
  version.ours = true;
}

void declare_l1_options(option_set& set, option_draft& draft) {
  auto& l1 = draft.options.l1;
  set.group(l1_group);
  set.number("--eviction-trigger-watermark", l1.eviction.trigger_watermark,
             {0, true, 1, "must be > 0 and <= 1"}, "used share of L1 at which eviction starts");
  set.number("--eviction-ratio", l1.eviction.eviction_ratio, {0, false, 1, "must be >= 0 and <= 1"},
             "share of the trigger that one run frees");
  auto ttl = [&set](std::string_view name, std::int64_t& target_ms, std::string_view help) {
    set
      .whole(
        name, [&target_ms](std::int64_t seconds) { target_ms = seconds * 1000; }, {1, max_seconds},
        help, std::to_string(target_ms / 1000))
      .metavar
      = "SECONDS";
  };
  ttl("--l1-write-ttl-seconds", l1.write_ttl_ms, "reserved slots that nobody commits are freed");
  ttl("--l1-read-ttl-seconds", l1.read_ttl_ms, "leases of a lookup that nobody reads are freed");
  set
    .integer("--l1-align-bytes", l1.align_bytes, {4096, 1 << 30},
             "alignment of slots; a power of two >= 4096")
    .metavar
    = "BYTES";
  set
    .text("--shm-name", l1.shm_name,
          "name of the shared memory that engines map; empty: made from the port")
    .metavar
    = "NAME";
  set.toggle("--l1-use-lazy", l1.use_lazy,
             "no effect: memory is always reserved in the background");
  set.integer("--l1-init-size-gb", l1.init_size_gb, {0, 1 << 20}, "no effect, see --l1-use-lazy")
    .metavar
    = "GIB";
}

} // namespace actord
