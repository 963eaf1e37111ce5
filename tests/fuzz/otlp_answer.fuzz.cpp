// What receivers of OTLP answer. The first byte chooses the status, a line end parts the fields.
#include "observability/otlp/answer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace actord::otlp;

namespace {

void check(const answer& came) {
  if (came.why.size() > 1'000 || came.rejected < 0)
    std::abort();
  if (came.retry_after_ms && (*came.retry_after_ms < 0 || *came.retry_after_ms > 86'401'000))
    std::abort();
  for (char each : came.why)
    if (each < ' ' || each > '~')
      std::abort(); // it goes into a log line
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto field = [&rest] {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto result = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return result;
  };
  grpc_result result;
  result.http_status = data[0] & 1 ? 503 : 200;
  if (data[0] & 2)
    result.status = (data[0] >> 2) % 20;
  result.message = field();
  result.details_bin = field();
  result.body = rest;
  check(judge(result));
  check(judge_http(data[0] & 1 ? 503 : 200, data[0] - 100, rest));
  return 0;
}
