// The JSON of --l2-adapter: what is accepted keeps its bounds and can be shown.
#include "runtime/options/l2_adapter_json.hpp"
#include "runtime/options/l2_adapter_view.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace actord;

namespace {

void check_message(const std::string& text) {
  if (text.size() > 4'000)
    std::abort(); // it goes into a log line
  for (char c : text)
    if (c < ' ' || c > '~')
      std::abort();
}

void check(const l2_adapter_options& options) {
  if (options.store_timeout_ms < 1 || options.load_timeout_ms < 1 || options.lookup_timeout_ms < 1
      || options.breaker.max_cooldown_ms < options.breaker.cooldown_ms)
    std::abort();
  if (const auto* raw = std::get_if<raw_block_l2_options>(&options.store))
    if (raw->slot_bytes <= raw->header_bytes || raw->slot_bytes % raw->block_align != 0)
      std::abort();
  if (const auto* redis = std::get_if<redis_l2_options>(&options.store))
    if (redis->nodes.empty() || redis->nodes.front().port == 0 || redis->connections == 0)
      std::abort();
  if (const auto* faults = std::get_if<fault_inject_l2_options>(&options.store))
    check(*faults->inner);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  const auto reading = read_l2_adapter(text, 1, {});
  for (const auto& problem : reading.problems)
    check_message(problem);
  for (const auto& warning : reading.warnings)
    check_message(warning);
  if (reading.options.has_value() == !reading.problems.empty())
    std::abort();
  if (!reading.options)
    return 0;
  check(*reading.options);
  if (l2_adapter_view(*reading.options).dump().empty())
    std::abort();
  return 0;
}
