// Flags of parts that this version does not have: neutral values and tuning are accepted, so that
// old command lines start; what switches such a part on is refused by `refuse_unbuilt`.
#include "runtime/options/option_draft.hpp"
#include "runtime/options/option_values.hpp"

#include <limits>

namespace actord {

namespace {

constexpr whole_range at_least_one{1, std::numeric_limits<std::int64_t>::max(),
                                   "must be a whole number >= 1"};

void declare_modules(option_set& set, option_draft& draft) {
  auto& unbuilt = draft.unbuilt;
  auto& mp = draft.options.mp;
  set.group("Transports, engines and modules (not built yet: may not be switched on)");
  set.choice("--transport", unbuilt.transport, {"zmq", "grpc"},
             "what engines speak on --port; grpc is not built yet");
  set.integer("--grpc-server-workers", mp.grpc_server_workers,
              {1, 65536, "grpc server workers must be >= 1 and <= 65536"},
              "threads of --transport grpc");
  set.choice("--engine-type", unbuilt.engine_type, {"default", "blend"},
             "blend (KV of text that is no prefix) is not built yet");
  set.switch_on("--enable-segmented-prefix", unbuilt.segmented_prefix,
                "blend: match segments of a prefix");
  set.switch_on("--enable-dedup-content", unbuilt.dedup_content, "blend: keep equal text once");
  set.switch_on("--enable-blend-reorder", unbuilt.blend_reorder,
                "blend: reuse text in another order");
  set.words("--enable", unbuilt.enable, "experimental modules by name");
  set.words("--runtime-plugin-locations", unbuilt.plugin_locations,
            "files and folders of plugins to start beside the daemon");
  set
    .text("--runtime-plugin-config", mp.runtime_plugin_config,
          "JSON object handed to these plugins")
    .metavar
    = "JSON";
  set.repeated("--server-module", unbuilt.server_modules, "Python modules to load into the server");
  set.words("--script-allowed-imports", mp.script_allowed_imports,
            "no effect: there is no /run_script to import for");
  set.toggle("--run-script-api-enabled", mp.run_script_api_enabled,
             "no effect: /run_script always answers as disabled");
}

void declare_tiers(option_set& set, option_draft& draft) {
  auto& unbuilt = draft.unbuilt;
  auto& l1 = draft.options.l1;
  set.group("Other memory and disks (not built yet: may not be switched on)");
  set.toggle("--l1-use-hugepages", unbuilt.hugepages, "L1 in pages of 2 MiB, for fewer TLB misses");
  set.text("--l1-devdax-path", unbuilt.devdax_path, "L1 on a Device-DAX device").metavar = "PATH";
  set.text("--gds-l1-path", unbuilt.gds_path, "L1 on GPU-direct storage").metavar = "PATH";
  set.toggle("--gds-l1-use-direct-io", l1.gds_use_direct_io,
             "read and write it past the page cache");
  set.choice("--gds-l1-backend", l1.gds_backend,
             {"auto", "cufile", "hipfile", "mufile", "phx", "ugds"}, "driver that does it");
}

void declare_fleet(option_set& set, option_draft& draft) {
  auto& p2p = draft.options.p2p;
  set.group("Peers (not built yet: may not be switched on)");
  set
    .text("--p2p-advertise-url", draft.unbuilt.p2p_advertise_url,
          "share KV with other daemons, which reach us here")
    .metavar
    = "HOST:PORT";
  set.text("--p2p-listen-url", p2p.listen_url, "address to listen on, if not the advertised one")
    .metavar
    = "HOST:PORT";
  set.number("--p2p-lookup-timeout", p2p.lookup_timeout_s, {}, "seconds a peer has for a lookup");
  set.number("--p2p-load-timeout", p2p.load_timeout_s, {}, "seconds a peer has for a load");
  set.text("--p2p-transfer-engine", p2p.transfer_engine, "library that moves the bytes").metavar
    = "NAME";
}

void declare_coordinator_kafka(option_set& set, coordinator_options& coordinator) {
  set.choice("--coordinator-event-transport", coordinator.event_transport, {"http", "kafka"},
             "how reports travel");
  set
    .text("--coordinator-kafka-bootstrap-servers", coordinator.kafka_bootstrap_servers,
          "brokers of event transport kafka")
    .metavar
    = "LIST";
  set.text("--coordinator-kafka-topic", coordinator.kafka_topic, "topic of kafka reports").metavar
    = "NAME";
  set.number("--coordinator-kafka-delivery-timeout", coordinator.kafka_delivery_timeout_s, {},
             "seconds until an undelivered report is given up");
}

/// Switches on an event report; in the environment only 1, true and yes do, as for the peer.
void read_peer_boolean(flag_spec& flag, bool& target) {
  auto strict = flag.assign;
  auto name = flag.variable;
  flag.assign
    = [&target, strict, name](const option_value& value) -> std::optional<option_problem> {
    if (value.origin != name)
      return strict(value);
    auto word = to_lower(value.last());
    target = word == "1" || word == "true" || word == "yes";
    return std::nullopt;
  };
}

void declare_coordinator(option_set& set, option_draft& draft) {
  auto& coordinator = draft.options.coordinator;
  set.group("Coordinator (not built yet: may not be switched on)");
  auto& url = set.text("--coordinator-url", draft.unbuilt.coordinator_url,
                       "register with the coordinator of a fleet");
  url.metavar = "URL";
  url.variable = "LMCACHE_COORDINATOR_URL";
  auto& ip
    = set.text("--coordinator-advertise-ip", coordinator.advertise_ip, "address it reaches us at");
  ip.metavar = "IP";
  ip.variable = "LMCACHE_COORDINATOR_ADVERTISE_IP";
  set
    .number("--coordinator-heartbeat-interval", coordinator.heartbeat_interval_s, {},
            "seconds between signs of life")
    .variable
    = "LMCACHE_COORDINATOR_HEARTBEAT_INTERVAL";
  auto& report = set.switch_on("--coordinator-event-reporting", coordinator.event_reporting,
                               "report what is stored and evicted");
  report.variable = "LMCACHE_COORDINATOR_EVENT_REPORTING";
  read_peer_boolean(report, coordinator.event_reporting);
  auto& flush = set.number("--coordinator-event-flush-interval", coordinator.event_flush_interval_s,
                           {}, "seconds between reports");
  flush.variable = "LMCACHE_COORDINATOR_EVENT_FLUSH_INTERVAL";
  declare_coordinator_kafka(set, coordinator);
  set.number("--coordinator-blend-timeout", coordinator.blend_timeout_s, {},
             "seconds a match of engine type blend may take");
  set.integer("--coordinator-blend-match-concurrency", coordinator.blend_match_concurrency,
              at_least_one, "matches of engine type blend at a time");
  auto& old_report
    = set.switch_on("--coordinator-l2-event-reporting", coordinator.event_reporting, "old name");
  old_report.alias_of = "--coordinator-event-reporting";
  old_report.hidden = old_report.command_line_only = true;
  auto& old_flush = set.number("--coordinator-l2-event-flush-interval",
                               coordinator.event_flush_interval_s, {}, "old name");
  old_flush.alias_of = "--coordinator-event-flush-interval";
  old_flush.hidden = old_flush.command_line_only = true;
}

void declare_ignored(option_set& set, ignored_flags& ignored) {
  set.group("Accepted without effect");
  auto& format = set.text("--format", ignored.format, "no effect");
  format.command_line_only = true;
  auto& output = set.text("--output", ignored.output, "no effect");
  output.command_line_only = true;
  auto& quiet = set.switch_on("--quiet", ignored.quiet, "no effect");
  quiet.letter = 'q';
  quiet.command_line_only = true;
}

} // namespace

void declare_unbuilt_options(option_set& set, option_draft& draft) {
  declare_tiers(set, draft);
  declare_modules(set, draft);
  declare_fleet(set, draft);
  declare_coordinator(set, draft);
  declare_ignored(set, draft.ignored);
}

} // namespace actord
