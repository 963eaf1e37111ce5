#include "observability/trace/summary.hpp"

#include "tests/observability/trace/lct.hpp"

using namespace actord;
using namespace actord::test;
using namespace actord::trace;

namespace {

value_map map_of(std::vector<std::pair<std::string, value>> pairs) {
  value_map result;
  for (auto& [key, what] : pairs)
    trace::add(result, key, std::move(what));
  return result;
}

record batch(std::string type, bool shared, value_list entries) {
  return {1, 2, "events.batch",
          map_of({{"instance_id", text("i")},
                  {"incarnation", int64_t{7}},
                  {"event_type", text(type)},
                  {"tier", text("l1")},
                  {"backend", text("")},
                  {"shared", shared},
                  {"entries", std::move(entries)}})};
}

} // namespace

TEST_CASE("the summary of a file of LMCache 0.5.6 reads as its own command writes it") {
  const auto found = read_lct(sample_lct());
  summary all{found.head};
  for (const auto& record : found.records)
    all.add(record);
  CHECK(all.text("s.lct") == R"(Trace file: s.lct
  level:                      storage
  format_version:             1
  trace_schema_version:       1
  duration:                   0.142s
  sm_config_digest:           3c240684a43e1f16ce6da0fff05403ecc75b5670d4971ad40737f91a345643f7
  total_records:              6
  ops:
    lmcache.v1.distributed.storage_manager.StorageManager.finish_read_prefetched: 1
    lmcache.v1.distributed.storage_manager.StorageManager.finish_write: 1
    lmcache.v1.distributed.storage_manager.StorageManager.read_prefetched_results.__enter__: 1
    lmcache.v1.distributed.storage_manager.StorageManager.read_prefetched_results.__exit__: 1
    lmcache.v1.distributed.storage_manager.StorageManager.reserve_write: 1
    lmcache.v1.distributed.storage_manager.StorageManager.submit_prefetch_task: 1
)");
}

TEST_CASE("a file without records, with what its level adds") {
  header head;
  head.level_meta = map_of({{"b", int64_t{1}}, {"a", text("x\x1b[31m")}});
  CHECK(summary{head}.text("f") == R"(Trace file: f
  level:                      storage
  format_version:             1
  trace_schema_version:       1
  duration:                   0.000s
  sm_config_digest:           (none)
  a:                          x\x1b[31m
  b:                          1
  total_records:              0
  ops: (none)
)");
}

TEST_CASE("batches of events are summed up by kind") {
  header head;
  head.level = "events";
  summary all{head};
  all.add({0, 0, "events.lifecycle", map_of({{"phase", text("start")}})});
  const value entry = map_of({{"size_bytes", int64_t{10}}, {"token_ids", value_list{int64_t{1}}}});
  const value bare = map_of({{"size_bytes", int64_t{5}}});
  all.add(batch("store", false, {entry, bare}));
  all.add(batch("delete", true, {bare}));
  const auto report = all.text("f");
  CHECK(report.substr(report.find("  events:")) == R"(  events:
    instances:                  1
      i: incarnations=[7] restarts=0
    batches (type/tier/backend/shared):
      delete/l1/-/shared: 1
      store/l1/-/local: 1
    entries:
      delete: 1
      store: 2
    store_bytes:                15
    entries_with_tokens:        1
    lifecycle:                  start=1
)");
}
