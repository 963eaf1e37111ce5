// Every route of the API, by subject.
#pragma once

#include "actors/gateway/http/context.hpp"
#include "actors/gateway/http/router.hpp"

namespace actord::http {

// `from` must outlive the router.

/// /, /healthcheck, /livez, /readyz, /status, versions, /config (spec cli-http §2.3 to §2.6).
void add_info_routes(router& to, context& from);
/// /cache/objects, /cache/prefetches, /cache/clear, /cache/checksums (spec cli-http §2.7).
void add_cache_routes(router& to, context& from);
/// /cache/objects.
void add_object_routes(router& to, context& from);
/// /cache/prefetches.
void add_prefetch_routes(router& to, context& from);
/// /cache/checksums.
void add_checksum_route(router& to, context& from);
/// /quota (spec cli-http §2.8).
void add_quota_routes(router& to, context& from);
/// /l2/adapters: stores behind L1 that come and go.
void add_l2_routes(router& to, context& from);
/// GET /openapi.json: the routes that are ours.
void add_openapi_route(router& to);
/// /reconfigure (spec cli-http §2.9): there is no Device-DAX that could be reconfigured.
void add_reconfigure_routes(router& to);
/// /metrics, /env, /loglevel, /threads, /periodic-threads, /run_script (spec cli-http §2.10).
void add_diagnostic_routes(router& to, context& from);

/// POST /observability/server_metrics: engines tell how full and how busy they are.
void add_server_metrics_route(router& to, context& from);

/// GET /dashboard: the page that plots /metrics and /status in a browser.
void add_dashboard_route(router& to);

/// What /metrics says of this process and its build, and of its OTel resource.
std::shared_ptr<const process_metrics>
make_process_metrics(const daemon_options& options, const std::string& commit);

/// GET /metrics, also served on its own address.
reply metrics_reply(const context& from, const request& asked);

} // namespace actord::http
