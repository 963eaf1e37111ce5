#include "observability/metrics_page.hpp"

#include "observability/metric_table.hpp"

#include <charconv>
#include <string_view>

namespace actord {

namespace {

constexpr std::string_view introduction = R"(# Metrics

Generated from the table in observability/; do not edit. A test fails when this page and the table
differ, and writes the page anew when it runs with `ACTORD_WRITE_DOCS=1`.

The names are those of LMCache 0.5.6. Where older dashboards use another name for the same number,
both are exposed. A label without a value is left out. A family shows up
with its first value; counters and histograms without labels are there from the start, at 0. A
metric has at most 2000 sets of labels: what comes beyond is counted in one series with the label
`otel_metric_overflow="true"`. The metrics of blending, of the phases of copies on a GPU, of
peers and of the coordinator have no values yet: nothing in the daemon feeds them.

Beside these: `target_info` (the attributes of the OpenTelemetry resource), `lmcache_build_info`
(`version`, `revision`, `compiler`, `caf_version`), `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_start_time_seconds`,
`process_open_fds` and `process_max_fds`.
)";

constexpr std::string_view head = "\n| name | kind | labels | other names | meaning |\n"
                                  "|---|---|---|---|---|\n";

std::string_view kind_text(metric_kind kind) {
  switch (kind) {
    case metric_kind::counter: return "counter";
    case metric_kind::gauge: return "gauge";
    case metric_kind::histogram: return "histogram";
  }
  return {};
}

std::string_view bounds_text(bounds_id id) {
  switch (id) {
    case bounds_id::none: return {};
    case bounds_id::d: return "D";
    case bounds_id::l1: return "L1";
    case bounds_id::e: return "E";
    case bounds_id::throughput: return "throughput";
    case bounds_id::latency: return "latency";
  }
  return {};
}

std::string code_list(const name_list& names) {
  std::string result;
  for (auto name : names) {
    result += result.empty() ? "`" : ", `";
    (result += name) += '`';
  }
  return result;
}

std::string row_text(const metric_info& row) {
  std::string result = "| `";
  (result += row.family) += "` | ";
  result += kind_text(row.kind);
  if (row.bounds != bounds_id::none)
    (result += ' ') += bounds_text(row.bounds);
  ((result += " | ") += code_list(row.labels)) += " | ";
  (((result += code_list(row.aliases)) += " | ") += row.help) += " |\n";
  return result;
}

bool is_blend(const metric_info& row) {
  return row.family.starts_with("lmcache_blend_");
}

/// @param belongs whether a row stands in this section
template <class Predicate>
std::string section(std::string_view title, Predicate belongs) {
  std::string result = "\n## ";
  (result += title) += '\n';
  result += head;
  for (const auto& row : metric_table())
    if (belongs(row))
      result += row_text(row);
  return result;
}

std::string bounds_section() {
  std::string result = "\n## Upper bounds of histograms\n\n| id | bounds |\n|---|---|\n";
  for (auto id :
       {bounds_id::d, bounds_id::l1, bounds_id::e, bounds_id::throughput, bounds_id::latency}) {
    (result += "| ") += bounds_text(id);
    std::string_view mark = " | ";
    for (auto bound : bounds_of(id)) {
      char buffer[32];
      auto end = std::to_chars(buffer, buffer + sizeof(buffer), bound).ptr;
      (result += mark).append(buffer, end);
      mark = ", ";
    }
    result += " |\n";
  }
  return result;
}

} // namespace

std::string metrics_page() {
  std::string result{introduction};
  result += section("Names of LMCache 0.5.6", [](const auto& row) {
    return row.origin == metric_origin::v056 && !is_blend(row);
  });
  result += section("Blending (LMCache 0.5.6)", is_blend);
  result += section("Names of the first release that 0.5.6 dropped",
                    [](const auto& row) { return row.origin == metric_origin::seed; });
  result += section("Only in this daemon",
                    [](const auto& row) { return row.origin == metric_origin::added; });
  result += bounds_section();
  return result;
}

} // namespace actord
