#include "actors/gateway/http/routes.hpp"
#include "observability/exposition.hpp"
#include "observability/exposition_request.hpp"
#include "observability/otel_resource.hpp"
#include "runtime/options/version.hpp"

#include <caf/config.hpp>

#include <chrono>
#include <iterator>

namespace actord::http {

std::shared_ptr<const process_metrics>
make_process_metrics(const daemon_options& options, const std::string& commit) {
  const std::string version{daemon_version};
  return std::make_shared<const process_metrics>(
    build_info{version, commit, __VERSION__,
               std::to_string(CAF_MAJOR_VERSION) + "." + std::to_string(CAF_MINOR_VERSION) + "."
                 + std::to_string(CAF_PATCH_VERSION)},
    otel_resource(options.mp.instance_id, version, options.observability.resource));
}

// Any Accept is answered, so that a scraper of any age finds its metrics (spec observability §2.2).
reply metrics_reply(const context& from, const request& asked) {
  const auto began = std::chrono::steady_clock::now();
  auto families = from.process->Collect();
  if (from.peers.metrics) {
    auto counted = from.peers.metrics->Collect();
    families.insert(families.end(), std::move_iterator{counted.begin()},
                    std::move_iterator{counted.end()});
  }
  const auto query = asked.target.find('?');
  if (query != std::string::npos)
    families = filtered_families(std::move(families),
                                 queried_names(std::string_view{asked.target}.substr(query + 1)));
  const auto format = negotiated_format(asked.accept);
  reply result;
  result.content_type = content_type_of(format);
  result.body = exposition(families, format);
  if (accepts_gzip(asked.accept_encoding))
    if (auto small = gzipped(result.body)) {
      result.body = std::move(*small);
      result.headers.emplace_back("Content-Encoding", "gzip");
    }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (from.peers.scrape_time)
    from.peers.scrape_time->observe(took.count());
  return result;
}

} // namespace actord::http
