// Refuses what asks for a part of the peer that this version does not have.
#include "runtime/options/bounded_json.hpp"
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_values.hpp"

#include <string>
#include <string_view>

namespace actord {

namespace {

using json = nlohmann::ordered_json;

/// What is wrong with a module's JSON as such; empty: nothing.
std::string module_error(const std::string& text) {
  auto parsed = parse_bounded_json(text);
  if (!parsed)
    return "--server-module must be valid JSON, not " + printable(text);
  auto modules = parsed->is_array() ? *parsed : json::array({*parsed});
  for (const auto& module : modules) {
    auto path = module.is_object() ? module.find("module_path") : module.end();
    if (!module.is_object() || path == module.end() || !path->is_string()
        || path->get<std::string>().empty())
      return "--server-module " + printable(text)
             + ": server module module_path must be a non-empty string";
  }
  return {};
}

class unbuilt_checker {
public:
  unbuilt_checker(const option_draft& draft, const chosen_values& chosen, option_problems& problems)
    : unbuilt_(draft.unbuilt), draft_(draft), chosen_(chosen), problems_(problems) {
  }

  void run() {
    check_json();
    check_peer_rules();
    check_kafka();
    check_start_rules();
    refuse_all();
  }

private:
  void problem(std::string text, int code = 1) {
    problems_.push_back({code, std::move(text)});
  }

  void check_json() {
    for (const auto& module : unbuilt_.server_modules)
      if (auto why = module_error(module); !why.empty())
        problem(why);
  }

  /// Combinations that the peer refuses before it listens (exit 1).
  void check_peer_rules() {
    if (!unbuilt_.p2p_advertise_url.empty() && unbuilt_.coordinator_url.empty())
      problem("P2P requires a coordinator for peer discovery; remove --p2p-advertise-url");
    if (draft_.options.observability.enabled)
      return;
    if (draft_.options.coordinator.event_reporting)
      problem("--coordinator-event-reporting rides the observability event bus; remove it or "
              "--disable-observability");
    if (draft_.options.observability.trace_level == "events")
      problem("--trace-level events rides the observability event bus; remove it or "
              "--disable-observability");
    if (draft_.options.observability.extra_logging_enabled)
      problem("--enable-extra-logging requires the observability EventBus; remove it or "
              "--disable-observability");
  }

  void check_kafka() {
    const auto& coordinator = draft_.options.coordinator;
    if (coordinator.event_transport != "kafka")
      return;
    if (trimmed(coordinator.kafka_bootstrap_servers).empty())
      problem("--coordinator-event-transport kafka: Kafka bootstrap servers must be non-empty; "
              "add --coordinator-kafka-bootstrap-servers");
    if (trimmed(coordinator.kafka_topic).empty())
      problem("--coordinator-event-transport kafka: Kafka topic must be non-empty; remove "
              "--coordinator-kafka-topic to use the default");
  }

  /// Combinations that end the peer's start (exit 3).
  void check_start_rules() {
    bool engine_driven = draft_.transfer_mode == "engine_driven";
    if (unbuilt_.engine_type == "blend" && engine_driven)
      problem("--engine-type blend cannot work with --supported-transfer-mode engine_driven", 3);
    for (const auto& module : unbuilt_.enable) {
      if (module != "transfer_query")
        problem("--enable " + printable(module)
                  + ": unknown module; only transfer_query exists, and it is not built yet",
                3);
      else if (engine_driven)
        problem("--enable transfer_query cannot work with --supported-transfer-mode engine_driven",
                3);
    }
  }

  void refuse(bool asked, std::string_view flag, std::string_view part, std::string_view remedy) {
    if (!asked)
      return;
    auto found = chosen_.find(flag);
    auto shown = found == chosen_.end() ? std::string(flag) : found->second.described();
    problem(shown + ": " + std::string(part) + " not built yet; " + std::string(remedy));
  }

  void refuse_all() {
    constexpr std::string_view remove = "remove the flag";
    const auto& u = unbuilt_;
    refuse(u.transport != "zmq", "--transport", "the gRPC transport is", "use --transport zmq");
    refuse(u.engine_type != "default", "--engine-type", "CacheBlend is",
           "use --engine-type default");
    refuse(u.segmented_prefix, "--enable-segmented-prefix", "CacheBlend is", remove);
    refuse(u.dedup_content, "--enable-dedup-content", "CacheBlend is", remove);
    refuse(u.blend_reorder, "--enable-blend-reorder", "CacheBlend is", remove);
    refuse(!u.enable.empty(), "--enable", "experimental modules are", remove);
    refuse(!u.plugin_locations.empty(), "--runtime-plugin-locations", "runtime plugins are",
           remove);
    refuse(!u.server_modules.empty(), "--server-module", "server modules are", remove);
    refuse(u.hugepages, "--l1-use-hugepages", "huge pages are", "use --no-l1-use-hugepages");
    refuse(!u.devdax_path.empty(), "--l1-devdax-path", "L1 on Device-DAX is", remove);
    refuse(!u.gds_path.empty(), "--gds-l1-path", "L1 on GPU-direct storage is",
           "use --l1-size-gb alone");
    refuse(draft_.options.l1.gds_backend != "auto", "--gds-l1-backend",
           "L1 on GPU-direct storage is", "use --gds-l1-backend auto");
    refuse(!u.p2p_advertise_url.empty(), "--p2p-advertise-url", "P2P is", remove);
    refuse(!u.coordinator_url.empty(), "--coordinator-url", "the coordinator client is",
           "remove the flag or the variable");
    refuse(draft_.options.observability.trace_level == "events", "--trace-level",
           "recording the events of the cache is", "use --trace-level storage");
  }

  const unbuilt_requests& unbuilt_;
  const option_draft& draft_;
  const chosen_values& chosen_;
  option_problems& problems_;
};

} // namespace

void refuse_unbuilt(const option_draft& draft, const chosen_values& chosen,
                    option_problems& problems) {
  unbuilt_checker(draft, chosen, problems).run();
}

} // namespace actord
