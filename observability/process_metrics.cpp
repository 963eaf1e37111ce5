#include "observability/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace actord {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using labels = std::vector<ClientMetric::Label>;

MetricFamily
family_of(std::string name, std::string help, MetricType type, double value, labels names = {}) {
  ClientMetric point;
  point.label = std::move(names);
  (type == MetricType::Counter ? point.counter.value : point.gauge.value) = value;
  return {std::move(name), std::move(help), type, {point}};
}

bool is_plain(char symbol) {
  return (symbol >= 'a' && symbol <= 'z') || (symbol >= 'A' && symbol <= 'Z')
         || (symbol >= '0' && symbol <= '9');
}

std::string label_name(std::string_view attribute) {
  std::string result;
  for (auto symbol : attribute) {
    if (is_plain(symbol))
      result += symbol;
    else if (!result.ends_with('_'))
      result += '_';
  }
  if (result.empty() || (result[0] >= '0' && result[0] <= '9'))
    result.insert(0, "_");
  return result;
}

std::string file_text(const char* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Seconds since 1970 at which the system was started.
std::optional<double> boot_time() {
  auto text = file_text("/proc/stat");
  auto line = text.find("\nbtime ");
  if (line == std::string::npos)
    return std::nullopt;
  auto begin = text.data() + line + 7;
  uint64_t seconds = 0;
  if (std::from_chars(begin, text.data() + text.size(), seconds).ec != std::errc{})
    return std::nullopt;
  return static_cast<double>(seconds);
}

void add_usage(std::vector<MetricFamily>& families) {
  auto stat = parse_process_stat(file_text("/proc/self/stat"));
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (!stat || ticks <= 0)
    return;
  families.push_back(family_of("process_cpu_seconds_total", "CPU time that the process used.",
                               MetricType::Counter, static_cast<double>(stat->cpu_ticks) / ticks));
  families.push_back(family_of("process_virtual_memory_bytes", "Address space of the process.",
                               MetricType::Gauge, static_cast<double>(stat->virtual_bytes)));
  auto resident = static_cast<double>(stat->resident_pages) * static_cast<double>(getpagesize());
  families.push_back(family_of("process_resident_memory_bytes", "Memory that the process occupies.",
                               MetricType::Gauge, resident));
  if (auto boot = boot_time())
    families.push_back(
      family_of("process_start_time_seconds", "When the process started, in seconds since 1970.",
                MetricType::Gauge, *boot + static_cast<double>(stat->start_ticks) / ticks));
}

void add_files(std::vector<MetricFamily>& families) {
  std::error_code error;
  auto entry = std::filesystem::directory_iterator{"/proc/self/fd", error};
  double count = -1; // the descriptor that lists the others
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error))
    ++count;
  if (!error)
    families.push_back(
      family_of("process_open_fds", "File descriptors in use.", MetricType::Gauge, count));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    families.push_back(family_of("process_max_fds", "File descriptors that the process may use.",
                                 MetricType::Gauge, static_cast<double>(limit.rlim_cur)));
}

} // namespace

std::optional<process_stat> parse_process_stat(std::string_view text) {
  // The second field is a name in parentheses that may hold blanks and parentheses itself.
  auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos)
    return std::nullopt;
  text.remove_prefix(name_end + 1);
  constexpr size_t first = 3, user = 14, system = 15, start = 22, virtual_size = 23, resident = 24;
  std::array<uint64_t, resident + 1> fields{};
  for (auto field = first; field <= resident; ++field) {
    auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos)
      return std::nullopt;
    text.remove_prefix(begin);
    auto length = std::min(text.find(' '), text.size());
    auto [end, error] = std::from_chars(text.data(), text.data() + length, fields[field]);
    auto needed = field == user || field == system || field >= start;
    if (needed && error != std::errc{})
      return std::nullopt;
    text.remove_prefix(length);
  }
  return process_stat{fields[user] + fields[system], fields[start], fields[virtual_size],
                      fields[resident]};
}

std::vector<ClientMetric::Label> target_labels(const resource_attributes& attributes) {
  labels sorted;
  for (const auto& [name, value] : attributes)
    sorted.push_back({label_name(name), value});
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& left, const auto& right) { return left.name < right.name; });
  labels result;
  for (auto& label : sorted) {
    if (!result.empty() && result.back().name == label.name)
      result.back().value += ";" + label.value;
    else
      result.push_back(std::move(label));
  }
  return result;
}

process_metrics::process_metrics(build_info build, const resource_attributes& resource) {
  constant_.push_back(family_of("target_info", "The resource that these metrics belong to.",
                                MetricType::Gauge, 1, target_labels(resource)));
  constant_.push_back(family_of("lmcache_build_info", "What this daemon was built from.",
                                MetricType::Gauge, 1,
                                {{"caf_version", std::move(build.caf_version)},
                                 {"compiler", std::move(build.compiler)},
                                 {"revision", std::move(build.revision)},
                                 {"version", std::move(build.version)}}));
}

std::vector<MetricFamily> process_metrics::Collect() const {
  auto result = constant_;
  add_usage(result);
  add_files(result);
  return result;
}

} // namespace actord
