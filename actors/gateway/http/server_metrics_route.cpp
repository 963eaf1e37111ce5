#include "actors/gateway/http/routes.hpp"
#include "observability/gen_ai_report.hpp"

#include <chrono>

namespace actord::http {

namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A report with a wrong field changes nothing.
reply take_report(gen_ai_metrics& into, const request& asked) {
  auto parsed = parse_gen_ai_push(asked.body);
  if (const auto* fault = std::get_if<std::string>(&parsed))
    return error_reply(400, *fault);
  const auto& report = std::get<gen_ai_report>(parsed);
  const auto now = now_s();
  constexpr auto from = gen_ai_source::push;
  for (auto [which, n] :
       {std::pair{gen_ai_level::running, report.running},
        std::pair{gen_ai_level::waiting, report.waiting}, std::pair{gen_ai_level::max, report.max}})
    if (n)
      into.set(which, from, *n, now);
  if (report.running_delta != 0)
    into.add(gen_ai_level::running, from, report.running_delta, now);
  if (report.waiting_delta != 0)
    into.add(gen_ai_level::waiting, from, report.waiting_delta, now);
  for (const auto& [model, percent] : report.usages)
    if (!into.set_usage(from, model, percent, now))
      return error_reply(400, "kv_cache: " + std::to_string(gen_ai_metrics::max_models)
                                + " models are known already; the rest of the list is not taken");
  return {204, "", "", {}};
}

} // namespace

void add_server_metrics_route(router& to, context& from) {
  to.add({"POST", "/observability/server_metrics", exposure::change,
          [into = from.peers.gen_ai](const request& asked, const path_values&) {
            return take_report(*into, asked);
          }});
}

} // namespace actord::http
