// What runs: the process, its build, and the resource that telemetry names.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

struct build_info {
  std::string version, revision, compiler, caf_version;
};

/// Attributes of the OTel resource, such as service.name.
using resource_attributes = std::vector<std::pair<std::string, std::string>>;

/// One line of /proc/PID/stat, as far as metrics need it.
struct process_stat {
  uint64_t cpu_ticks = 0;   // user and system
  uint64_t start_ticks = 0; // since boot
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
};

/// @return nothing for text of another shape
std::optional<process_stat> parse_process_stat(std::string_view text);

/// The names of attributes as labels: what is no letter or digit becomes one underscore. Labels are
/// sorted; the values of attributes that fall together are joined with ';' (spec observability
/// §2.1).
std::vector<prometheus::ClientMetric::Label> target_labels(const resource_attributes& attributes);

/// target_info, lmcache_build_info and the process_* families. What the system does not tell is
/// left out.
class process_metrics final : public prometheus::Collectable {
public:
  process_metrics(build_info build, const resource_attributes& resource);

  std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::vector<prometheus::MetricFamily> constant_; // the same at every scrape
};

} // namespace actord
