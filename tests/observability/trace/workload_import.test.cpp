#include "observability/trace/workload_import.hpp"

#include "tests/observability/trace/lct.hpp"

#include "observability/trace/recorded_accesses.hpp"
#include "observability/trace/request_reader.hpp"
#include "observability/trace/simulation.hpp"

#include <map>
#include <random>
#include <set>

using namespace actord;
using namespace actord::test;

namespace {

const trace::import_options options{"mooncake", 512, 1000};

struct session_request {
  uint64_t session = 0;
  trace::workload_request request;
};

std::string import_all(const std::vector<session_request>& requests) {
  auto bytes = trace::encode(trace::import_header(options));
  for (const auto& each : requests)
    trace::append_request(bytes, options, each.session, each.request);
  return bytes;
}

trace::recorded_accesses accesses_of(std::string_view lct) {
  const auto found = read_lct(lct);
  CHECK(found.warnings.empty());
  trace::recorded_accesses result;
  for (const auto& record : found.records)
    REQUIRE(result.add(record));
  return result;
}

std::vector<session_request> mooncake_piece() {
  std::ifstream file{ACTORD_TEST_DATA "/mooncake_conversation.jsonl"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  std::vector<session_request> result;
  const auto fault
    = trace::read_requests(trace::workload_format::mooncake, trace::bytes_of(text), [&](auto next) {
        REQUIRE(std::holds_alternative<trace::workload_request>(next));
        result.push_back({0, std::get<trace::workload_request>(std::move(next))});
        return true;
      });
  REQUIRE_EQ(fault, "");
  REQUIRE_EQ(result.size(), 1250);
  return result;
}

} // namespace

TEST_CASE("what was imported reads back as the same accesses at the same times") {
  std::mt19937_64 random{3};
  std::vector<session_request> requests;
  for (int i = 0; i < 200; ++i) {
    std::set<uint64_t> blocks; // each once
    for (auto count = random() % 12; count > 0; --count)
      blocks.insert(random() % 40 == 0 ? random() >> 1 : random() % 60);
    requests.push_back({random() % 3, {0.25 * i, 1, 1, {blocks.begin(), blocks.end()}}});
  }
  const auto accesses = accesses_of(import_all(requests));
  const auto& log = accesses.log();
  CHECK_EQ(accesses.bad_calls(), 0);
  std::erase_if(requests, [](const auto& each) { return each.request.blocks.empty(); });
  REQUIRE_EQ(log.steps(), requests.size());
  std::map<std::pair<uint64_t, uint64_t>, workload::block_id> known;
  for (size_t number = 0; number < log.steps(); ++number) {
    const auto& [session, request] = requests[number];
    const auto found = log.at(number);
    CHECK(found.lookup);
    CHECK_EQ(found.time_ms, static_cast<int64_t>(request.t_s * 1000));
    std::vector<workload::block_id> wanted;
    for (const auto block : request.blocks)
      wanted.push_back(
        known.try_emplace({session, block}, static_cast<workload::block_id>(known.size()))
          .first->second);
    REQUIRE_EQ(std::vector(found.blocks.begin(), found.blocks.end()), wanted);
  }
  CHECK_EQ(log.blocks(), known.size());
  CHECK_EQ(log.at_block(0).bytes, 512'000);
}

TEST_CASE("a request becomes a lookup that locks nothing and a write of all its blocks") {
  const auto bytes = import_all({{7, {1.5, 1000, 3, {4, 9}}}});
  const auto found = read_lct(bytes);
  CHECK_EQ(found.head.level, "storage");
  REQUIRE_EQ(found.records.size(), 3);
  const auto submit = trace::to_call(found.records[0]), write = trace::to_call(found.records[1]),
             finish = trace::to_call(found.records[2]);
  const auto& lookup = std::get<trace::submit_prefetch_call>(std::get<trace::call>(submit));
  CHECK_FALSE(lookup.lock);
  REQUIRE_EQ(lookup.groups.size(), 1);
  CHECK_EQ(lookup.groups[0].keys.size(), 2);
  CHECK_EQ(lookup.groups[0].keys[1].hash, trace::hash_of_block(7, 9));
  const auto& written = std::get<trace::reserve_write_call>(std::get<trace::call>(write));
  CHECK_EQ(written.keys.size(), 2);
  CHECK_EQ(trace::object_bytes(written.layout), 512'000);
  CHECK_EQ(std::get<trace::finish_write_call>(std::get<trace::call>(finish)).keys.size(), 2);
  for (const auto& record : found.records)
    CHECK_EQ(record.t_mono, 1.5);
}

TEST_CASE("block ids are those of their session") {
  std::set<chunk_hash> hashes;
  for (uint64_t session = 0; session < 50; ++session)
    for (uint64_t block = 0; block < 50; ++block)
      hashes.insert(trace::hash_of_block(session, block));
  CHECK_EQ(hashes.size(), 2500);
  CHECK_EQ(to_hex(trace::hash_of_block(0, 0)).substr(0, 16), "6f7e194d2fdd06a7");
}

TEST_CASE("on a piece of Mooncake's trace the policies hit as often as simple models of them") {
  // Counted by models in Python, written from the papers: an ordered dictionary for LRU, MQ and
  // ARC with their lists, a heap for the optimum. By size of the cache in blocks.
  struct golden {
    uint64_t blocks = 0, lru = 0, mq = 0, arc = 0, optimum = 0;
  };
  const golden all[]{{188, 1233, 1288, 1249, 2608},
                     {376, 1257, 1512, 1257, 3630},
                     {941, 1296, 1857, 1335, 5594},
                     {1883, 1397, 2411, 1645, 7300},
                     {3765, 2383, 2998, 2706, 8284}};
  const auto accesses = accesses_of(import_all(mooncake_piece()));
  const auto& log = accesses.log();
  const auto block = log.at_block(0).bytes;
  trace::simulation_options asked{{eviction_kind::mq, eviction_kind::arc}, {}};
  asked.room = workload::room_rule::full;
  for (const auto& each : all)
    asked.sizes_bytes.push_back(each.blocks * block);
  size_t told = 0;
  const auto found = trace::run_simulation(log, asked, [&](size_t done, size_t of) {
    CHECK_EQ(done, ++told);
    CHECK_EQ(of, 20);
  });
  CHECK_EQ(told, 20);
  CHECK_EQ(found.totals.requests, 1250);
  CHECK_EQ(found.totals.lookups, 34967);
  CHECK_EQ(found.blocks, 26683);
  REQUIRE_EQ(found.rows.size(), 4);
  CHECK_EQ(found.rows[0].policy, eviction_kind::lru);
  CHECK_FALSE(found.rows[3].policy);
  for (size_t at = 0; at < std::size(all); ++at) {
    CAPTURE(all[at].blocks);
    CHECK_EQ(found.rows[0].cells[at].hits, all[at].lru);
    CHECK_EQ(found.rows[1].cells[at].hits, all[at].mq);
    CHECK_EQ(found.rows[2].cells[at].hits, all[at].arc);
    CHECK_EQ(found.rows[3].cells[at].hits, all[at].optimum);
  }
  CHECK_EQ(trace::simulation_json(trace::run_simulation(log, asked, [](size_t, size_t) {})),
           trace::simulation_json(found));
}
