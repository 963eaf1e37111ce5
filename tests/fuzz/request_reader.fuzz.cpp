// Public traces that are imported, and the calls that they become.
#include "observability/trace/request_reader.hpp"
#include "observability/trace/recorded_accesses.hpp"
#include "observability/trace/workload_import.hpp"
#include "storage/workload/simulated_cache.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace actord;

namespace {

void check(bool holds) {
  if (!holds)
    std::abort();
}

void check(const trace::bad_request& bad) {
  check(bad.line > 0 && !bad.why.empty() && bad.why.size() < 4000);
}

/// Written as calls and read back, a request looks up each of its blocks once.
void check(const trace::workload_request& request) {
  check(std::isfinite(request.t_s) && request.t_s >= 0);
  check(request.blocks.size() <= trace::max_request_blocks);
  std::string lct = trace::encode(trace::import_header({"mooncake", 512, 1}));
  trace::append_request(lct, {"mooncake", 512, 1}, 0, request);
  auto opened = trace::reader::open("", trace::bytes_of(lct), [](const auto&) { std::abort(); });
  trace::recorded_accesses accesses;
  while (const auto record = std::get<trace::reader>(opened).next())
    check(accesses.add(*record));
  const auto totals = accesses.log().count();
  check(accesses.bad_calls() == 0 && totals.writes == 0
        && totals.lookups == accesses.log().blocks());
  check(request.blocks.empty() == (totals.lookups == 0));
  check(workload::simulate(accesses.log(), {eviction_kind::arc, 8192}).hits == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  const auto format
    = data[0] % 2 == 0 ? trace::workload_format::mooncake : trace::workload_format::agentic;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  trace::read_requests(format, trace::bytes_of(text), [](const auto& next) {
    std::visit([](const auto& each) { check(each); }, next);
    return true;
  });
  return 0;
}
