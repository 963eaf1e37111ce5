#include "actors/gateway/http/routes.hpp"
#include "observability/gen_ai_report.hpp"

#include <chrono>

namespace actord::http {

namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A push that cannot be taken as a whole changes nothing.
reply take_push(gen_ai_metrics& into, const request& asked) {
  auto parsed = parse_gen_ai_push(asked.body);
  if (const auto* fault = std::get_if<std::string>(&parsed))
    return error_reply(400, *fault);
  if (!into.push(std::get<gen_ai_report>(parsed), now_s()))
    return error_reply(400, "kv_cache: no more than " + std::to_string(gen_ai_metrics::max_models)
                              + " models are kept; those that nobody reports make room after 30 s");
  return {204, "", "", {}};
}

} // namespace

void add_server_metrics_route(router& to, context& from) {
  to.add({"POST", "/observability/server_metrics", exposure::change,
          [into = from.peers.gen_ai](const request& asked, const path_values&) {
            return take_push(*into, asked);
          }});
}

} // namespace actord::http
