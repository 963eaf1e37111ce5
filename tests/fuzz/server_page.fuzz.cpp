// What model servers send and show.
#include "observability/gen_ai_pages.hpp"
#include "observability/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

using namespace actord;

namespace {

void check(const gen_ai_report& report) {
  if (report.usages.size() > gen_ai_metrics::max_models)
    std::abort();
  if (report.running.value_or(0) < 0 || report.waiting.value_or(0) < 0
      || report.max.value_or(0) < 0)
    std::abort();
  gen_ai_metrics all;
  all.replace_usage(gen_ai_source::vllm, report.usages, 1);
  for (const auto& [model, percent] : all.usage(1))
    if (!(percent >= 0 && percent <= 100) || utf8(model) != model)
      std::abort();
}

template <class Result>
void check_any(const Result& result) {
  if (const auto* report = std::get_if<gen_ai_report>(&result))
    check(*report);
  else if (std::get<std::string>(result).size() > 1'000)
    std::abort(); // it goes into a log line
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string page{reinterpret_cast<const char*>(data), size};
  check_any(parse_gen_ai_push(page));
  check_any(read_ollama_page(page, {}));
  check_any(read_vllm_page(page));
  check_any(read_tgi_page(page));
  return 0;
}
