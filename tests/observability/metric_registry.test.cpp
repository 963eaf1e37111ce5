#include "observability/metric_registry.hpp"

#include <doctest/doctest.h>

#include "observability/metrics_page.hpp"
#include "observability/process_metrics.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <sstream>

using namespace actord;

namespace {

using families = std::vector<prometheus::MetricFamily>;

const prometheus::MetricFamily* find(const families& all, std::string_view name) {
  for (const auto& family : all)
    if (family.name == name)
      return &family;
  return nullptr;
}

/// The labels of a point as "a=b,c=d".
std::string labels_of(const prometheus::ClientMetric& point) {
  std::string result;
  for (const auto& [name, value] : point.label)
    result += (result.empty() ? "" : ",") + name + "=" + value;
  return result;
}

/// All names under which samples of a row appear.
std::vector<std::string> sample_names(const metric_info& row, std::string_view family) {
  std::string name{family};
  if (row.kind != metric_kind::histogram)
    return {name};
  return {name, name + "_bucket", name + "_count", name + "_sum"};
}

std::string text_of(const std::string& name) {
  std::ifstream file{std::string(ACTORD_TEST_DATA) + "/" + name};
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

TEST_CASE("the table names what LMCache 0.5.6 exposes, with the same kinds") {
  std::istringstream lines{text_of("metrics_exposition.txt")};
  std::map<std::string, std::string> known;
  for (const auto& row : metric_table())
    known[std::string(row.family)] = row.kind == metric_kind::counter ? "counter"
                                     : row.kind == metric_kind::gauge ? "gauge"
                                                                      : "histogram";
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string mark, keyword, name, kind;
    words >> mark >> keyword >> name >> kind;
    if (mark != "#" || keyword != "TYPE" || name == "target_info")
      continue;
    CAPTURE(name);
    CHECK(known[name] == kind);
    ++count;
  }
  CHECK(count == 97);
}

TEST_CASE("no two rows share a sample, and names end as their kinds demand") {
  std::set<std::string> seen;
  for (const auto& row : metric_table()) {
    std::vector<std::string_view> names{row.family};
    names.insert(names.end(), row.aliases.begin(), row.aliases.end());
    for (auto name : names) {
      CAPTURE(name);
      CHECK(name.ends_with("_total") == (row.kind == metric_kind::counter));
      for (const auto& sample : sample_names(row, name))
        CHECK(seen.insert(sample).second);
    }
    CHECK(row.help.ends_with("."));
    CHECK((row.bounds != bounds_id::none) == (row.kind == metric_kind::histogram));
  }
}

TEST_CASE("bounds ascend, and finer ones keep those of the default") {
  for (auto id :
       {bounds_id::d, bounds_id::l1, bounds_id::e, bounds_id::throughput, bounds_id::latency}) {
    auto bounds = bounds_of(id);
    REQUIRE(!bounds.empty());
    for (size_t i = 1; i < bounds.size(); ++i)
      CHECK(bounds[i - 1] < bounds[i]);
  }
  auto fine = bounds_of(bounds_id::throughput);
  for (auto bound : bounds_of(bounds_id::d))
    CHECK(std::find(fine.begin(), fine.end(), bound) != fine.end());
}

TEST_CASE("counters without labels are there at 0, labelled ones once they are asked for") {
  metric_registry registry;
  auto all = registry.Collect();
  auto ticks = find(all, "lmcache_mp_l1_eviction_loop_ticks_total");
  REQUIRE(ticks);
  REQUIRE(ticks->metric.size() == 1);
  CHECK(ticks->metric[0].counter.value == 0);
  CHECK(!ticks->help.empty());
  CHECK(find(all, "lmcache_blend_retrieve_duration_milliseconds"));
  CHECK(!find(all, "lmcache_mp_l1_read_chunks_total"));
  registry.predeclare(metric::l1_read, {"", "tenant"});
  all = registry.Collect();
  auto read = find(all, "lmcache_mp_l1_read_chunks_total");
  REQUIRE(read);
  CHECK(labels_of(read->metric[0]) == "cache_salt=tenant");
}

TEST_CASE("a cell is found again by its labels, and every name shows it") {
  metric_registry registry;
  auto& cell = registry.counter(metric::l2_store_completed, {"fs"});
  CHECK(&cell == &registry.counter(metric::l2_store_completed, {"fs"}));
  CHECK(&cell != &registry.counter(metric::l2_store_completed, {"s3"}));
  CHECK(&registry.counter(metric::l1_read) == &registry.counter(metric::l1_read, {"", ""}));
  cell.add(3);
  auto all = registry.Collect();
  for (auto name :
       {"lmcache_mp_l2_store_completed_requests_total", "lmcache_mp_l2_store_completed_total"}) {
    auto family = find(all, name);
    REQUIRE(family);
    REQUIRE(family->metric.size() == 2);
    CHECK(labels_of(family->metric[0]) == "l2_name=fs");
    CHECK(family->metric[0].counter.value == 3);
    CHECK(family->metric[1].counter.value == 0);
  }
}

TEST_CASE("the choice of names hides the others") {
  auto shown = [](metric_names names, std::string_view family) {
    metric_registry registry{{names, {}}};
    registry.counter(metric::l1_read).add();
    return find(registry.Collect(), family) != nullptr;
  };
  using enum metric_names;
  std::string_view own = "lmcache_mp_l1_read_chunks_total", alias = "lmcache_mp_l1_read_keys_total",
                   dropped = "lmcache_mp_sm_read_requests_total",
                   kept = "lmcache_mp_l1_eviction_loop_ticks_total";
  for (auto name : {own, alias, dropped, kept})
    CHECK(shown(all, name));
  CHECK((!shown(seed, own) && shown(seed, alias) && shown(seed, dropped) && shown(seed, kept)));
  CHECK((shown(v056, own) && !shown(v056, alias) && !shown(v056, dropped) && shown(v056, kept)));
}

TEST_CASE("buckets are cumulative and end at infinity") {
  metric_registry registry;
  auto& cell = registry.histogram(metric::l1_chunk_evict_reuse_gap, {"hot"});
  for (auto value : {1.0, 1.5, 300.0, 301.0})
    cell.observe(value);
  auto all = registry.Collect();
  auto family = find(all, "lmcache_mp_l1_chunk_evict_reuse_gap_seconds");
  REQUIRE(family);
  const auto& histogram = family->metric[0].histogram;
  REQUIRE(histogram.bucket.size() == 8);
  CHECK(histogram.bucket[0].cumulative_count == 1);
  CHECK(histogram.bucket[1].cumulative_count == 2);
  CHECK(histogram.bucket[6].cumulative_count == 3);
  CHECK(histogram.bucket[6].upper_bound == 300);
  CHECK(histogram.bucket[7].cumulative_count == 4);
  CHECK(histogram.bucket[7].upper_bound == std::numeric_limits<double>::infinity());
  CHECK(histogram.sample_count == 4);
  CHECK(histogram.sample_sum == 603.5);
}

TEST_CASE("label sets beyond the limit share one series, known ones go on") {
  metric_registry registry;
  auto salt = [](size_t i) { return "salt-" + std::to_string(i); };
  for (size_t i = 0; i < metric_registry::label_set_limit + 10; ++i)
    registry.counter(metric::l1_read, {"", salt(i)}).add();
  registry.counter(metric::l1_read, {"", salt(7)}).add();
  auto all = registry.Collect();
  const auto& points = find(all, "lmcache_mp_l1_read_chunks_total")->metric;
  CHECK(points.size() == metric_registry::label_set_limit + 1);
  for (const auto& point : points) {
    if (labels_of(point) == "otel_metric_overflow=true")
      CHECK(point.counter.value == 10);
    else if (labels_of(point) == "cache_salt=salt-7")
      CHECK(point.counter.value == 2);
    else
      CHECK(point.counter.value == 1);
  }
}

TEST_CASE("sources are asked at every scrape, the last value of a label set holds") {
  metric_registry registry;
  double depth = 1;
  registry.add_source([&](gauge_sink& sink) {
    sink.set(metric::event_bus_queue_depth, {}, depth);
    sink.set(metric::l2_usage_bytes, {"fs", ""}, 1);
    sink.set(metric::l2_usage_bytes, {"fs", "1"}, 2);
    sink.set(metric::event_bus_dropped_events, {}, 5);
  });
  registry.add_source([](gauge_sink& sink) { sink.set(metric::l2_usage_bytes, {"fs"}, 3); });
  auto all = registry.Collect();
  CHECK(find(all, "lmcache_mp_event_bus_queue_depth")->metric[0].gauge.value == 1);
  depth = 9;
  all = registry.Collect();
  CHECK(find(all, "lmcache_mp_event_bus_queue_depth")->metric[0].gauge.value == 9);
  const auto& dropped = find(all, "lmcache_mp_event_bus_dropped_events_total")->metric;
  REQUIRE(dropped.size() == 1);
  CHECK(dropped[0].counter.value == 5);
  const auto& usage = find(all, "lmcache_mp_l2_usage_bytes")->metric;
  REQUIRE(usage.size() == 2);
  CHECK(labels_of(usage[0]) == "l2_name=fs");
  CHECK(usage[0].gauge.value == 3);
  CHECK(labels_of(usage[1]) == "adapter_index=1,l2_name=fs");
}

TEST_CASE("dropped labels merge their series") {
  metric_registry registry{{metric_names::all, {"cache_salt"}}};
  registry.counter(metric::l1_read, {"hot", "a"}).add();
  registry.counter(metric::l1_read, {"hot", "b"}).add();
  auto all = registry.Collect();
  const auto& points = find(all, "lmcache_mp_l1_read_chunks_total")->metric;
  REQUIRE(points.size() == 1);
  CHECK(labels_of(points[0]) == "l1_tag=hot");
  CHECK(points[0].counter.value == 2);
}

TEST_CASE("the statistics of a process are read behind a name of any shape") {
  auto stat = parse_process_stat("7 (a ) b) S 1 2 3 4 -5 6 7 8 9 10 100 23 0 0 20 0 4 0 555 4096 "
                                 "12 18446744073709551615 1\n");
  REQUIRE(stat);
  CHECK(stat->cpu_ticks == 123);
  CHECK(stat->start_ticks == 555);
  CHECK(stat->virtual_bytes == 4096);
  CHECK(stat->resident_pages == 12);
  CHECK(!parse_process_stat(""));
  CHECK(!parse_process_stat("7 (a) S 1 2 3"));
  CHECK(!parse_process_stat("7 (a) S 1 2 3 4 -5 6 7 8 9 10 x 23 0 0 20 0 4 0 555 4096 12"));
}

TEST_CASE("the process tells about itself") {
  process_metrics process{{"1.2", "abc", "gcc", "1.0"}, {{"service.name", "lmcache-mp"}}};
  auto all = process.Collect();
  CHECK(all[0].name == "target_info");
  CHECK(labels_of(all[0].metric[0]) == "service_name=lmcache-mp");
  CHECK(labels_of(find(all, "lmcache_build_info")->metric[0])
        == "caf_version=1.0,compiler=gcc,revision=abc,version=1.2");
  for (auto name : {"process_resident_memory_bytes", "process_virtual_memory_bytes",
                    "process_start_time_seconds", "process_open_fds", "process_max_fds"}) {
    CAPTURE(name);
    REQUIRE(find(all, name));
    CHECK(find(all, name)->metric[0].gauge.value > 0);
  }
  CHECK(find(all, "process_start_time_seconds")->metric[0].gauge.value > 1.6e9);
  CHECK(find(all, "process_cpu_seconds_total"));
}

TEST_CASE("names of attributes become labels, sorted and joined where they meet") {
  auto labels = target_labels({{"service.name", "a"}, {"b--c", "1"}, {"9x", "2"}, {"b.c", "3"}});
  prometheus::ClientMetric point;
  point.label = labels;
  CHECK(labels_of(point) == "_9x=2,b_c=1;3,service_name=a");
}

TEST_CASE("the page of metrics is the one that the table makes") {
  auto path = std::string(ACTORD_TEST_DATA) + "/../../docs/METRICS.md";
  if (std::getenv("ACTORD_WRITE_DOCS"))
    std::ofstream{path} << metrics_page();
  CHECK_MESSAGE(text_of("../../docs/METRICS.md") == metrics_page(),
                "docs/METRICS.md is out of date: run this test with ACTORD_WRITE_DOCS=1");
}
