// What the flags filled in, before checks across flags turn it into `daemon_options`.
#pragma once

#include "runtime/options/cli11_values.hpp"
#include "runtime/options/daemon_options.hpp"
#include "runtime/options/option_set.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// Requests for parts of the peer that this version does not have. Their neutral values are fine.
struct unbuilt_requests {
  std::string transport = "zmq";
  std::string engine_type = "default";
  bool segmented_prefix = false, dedup_content = false, blend_reorder = false;
  std::vector<std::string> enable, plugin_locations, server_modules;
  std::string p2p_advertise_url;
  bool hugepages = false;
  std::string devdax_path, gds_path;
  std::string coordinator_url;
};

/// Flags without influence on the daemon.
struct ignored_flags {
  std::string format, output;
  bool quiet = false;
};

struct option_draft {
  daemon_options options;
  unbuilt_requests unbuilt;
  ignored_flags ignored;
  std::string transfer_mode = "auto";
  std::string log_format = "text";
  std::string otlp_protocol = "grpc";
  std::string service_instance_id; // "" counts where it is given
  std::vector<std::string> l1_managers, l2_adapters;
  std::optional<std::int64_t> max_gpu_workers, max_cpu_workers;
};

/// Flag name -> the value that won (command line, environment or file).
using chosen_values = std::map<std::string, option_value, std::less<>>;

/// Declares every flag with its destination in `draft`, group by group in the order of --help.
void declare_options(option_set& set, option_draft& draft);

// The groups, one file per part.
void declare_start_options(option_set& set, option_draft& draft);
void declare_l1_options(option_set& set, option_draft& draft);
void declare_l2_options(option_set& set, option_draft& draft);
void declare_request_options(option_set& set, option_draft& draft);
void declare_http_options(option_set& set, option_draft& draft);
void declare_observability_options(option_set& set, option_draft& draft);
void declare_model_server_options(option_set& set, option_draft& draft);
void declare_unbuilt_options(option_set& set, option_draft& draft);

} // namespace actord
