#include "actors/gateway/http_gateway.hpp"

#include "actors/gateway/http/access.hpp"
#include "actors/gateway/http/codec.hpp"
#include "actors/gateway/http/listener.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/log.hpp"
#include "actors/logging.hpp"
#include "runtime/options/version.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>

namespace actord {

namespace {

constexpr auto drain_limit = std::chrono::milliseconds(5'000);

// Printable, so that a client cannot write lines of its own into the log, and short.
std::string shown_target(const std::string& target) {
  constexpr size_t most = 200;
  std::string result;
  for (unsigned char c : target) {
    if (result.size() >= most)
      return result + "...";
    result
      += c > 0x20 && c < 0x7f ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return result;
}

void log_access(const http::request& asked, int status) {
  if (!logger_of(log_part::http_gateway).should_log(spdlog::level::info))
    return;
  write_access_line(fmt::format("INFO:     {} - \"{} {} HTTP/1.1\" {} {}\n", asked.peer,
                                asked.method, shown_target(asked.target), status,
                                http::reason_of(status)));
}

// Requests that wait for no actor: probes are answered even when all workers are busy.
bool is_instant(std::string_view bytes) {
  constexpr std::array<std::string_view, 4> probes{"GET /healthcheck ", "GET / ", "GET /livez ",
                                                   "GET /readyz "};
  for (auto probe : probes)
    if (bytes.starts_with(probe))
      return true;
  return false;
}

http::reply denial(http::verdict verdict, http::exposure shows) {
  const bool needs_token = verdict == http::verdict::needs_token;
  const std::string text
    = shows == http::exposure::metrics
        ? "this route needs a token: send 'Authorization: Bearer TOKEN' with the one given with "
          "--metrics-token or --metrics-token-file (that of --http-token-file will do too)"
      : needs_token
        ? "this route needs the token: send 'Authorization: Bearer TOKEN' with the "
          "content of the file given with --http-token-file"
        : "this route is served on loopback only, because --http-host is reachable from "
          "outside and no token is set: start with --http-token-file FILE (or "
          "--http-insecure to open all routes)";
  auto answer = http::json_reply({{"detail", text}, {"error", text}}, needs_token ? 401 : 403);
  if (needs_token)
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

} // namespace

class http_gateway::impl {
public:
  impl(caf::actor_system& system, http_peers peers, const daemon_options& options,
       level_setter set_level, std::string commit)
    : context_{system,
               std::move(peers),
               options,
               std::move(set_level),
               commit.empty() ? "actord-" + std::string{daemon_version} : std::move(commit),
               nullptr},
      policy_{options.http.token, options.http.insecure, options.observability.metrics_token},
      api_codec_([this](const http::request& asked) { return serve(api_, api_site_, asked); }),
      metrics_codec_(
        [this](const http::request& asked) { return serve(metrics_, metrics_site_, asked); }),
      listener_(
        {},
        [this](std::string_view bytes, const std::string& peer, size_t site, bool last) {
          return run(bytes, peer, site, last);
        },
        is_instant) {
    context_.process = http::make_process_metrics(options, context_.commit);
    add_info_routes(api_, context_);
    http::add_dashboard_route(api_);
    add_diagnostic_routes(api_, context_);
    add_server_metrics_route(api_, context_);
    add_quota_routes(api_, context_);
    add_cache_routes(api_, context_);
    add_l2_routes(api_, context_);
    add_reconfigure_routes(api_);
    http::add_openapi_route(api_);
    metrics_.add({"GET", "/metrics", http::exposure::metrics,
                  [this](const http::request& asked, const http::path_values&) {
                    return http::metrics_reply(context_, asked);
                  }});
    api_site_ = listener_.bind(options.http.host, options.http.port);
    bind_metrics(options.observability);
    warn_of_exposure();
  }

  void start() {
    const auto& host = context_.options.http.host;
    listener_.start();
    log_info(log_part::http_gateway, "LMCache HTTP server initialized");
    log_info(log_part::http_gateway, "Application startup complete.");
    log_info(log_part::http_gateway, "Uvicorn running on http://{}:{} (Press CTRL+C to quit)", host,
             port());
  }

  void retire() {
    context_.stopping = true;
  }

  void stop() {
    retire();
    listener_.stop(drain_limit);
  }

  uint16_t port() const {
    return api_site_.port;
  }

private:
  void bind_metrics(const observability_options& options) {
    if (options.prometheus_port == 0 || !options.enabled || !options.metrics_enabled)
      return;
    try {
      metrics_site_ = listener_.bind(options.prometheus_host, options.prometheus_port);
    } catch (const std::runtime_error& fault) {
      log_warn(log_part::http_gateway,
               "no extra listener for /metrics: {}; --prometheus-port 0 switches it off",
               fault.what());
    }
  }

  void warn_of_exposure() const {
    const auto& host = context_.options.http.host;
    if (api_site_.loopback || (!policy_.token.empty() && !policy_.insecure))
      return;
    if (policy_.insecure)
      log_warn(log_part::http_gateway,
               "the HTTP API on {}:{} is open to everyone who reaches it (--http-insecure)", host,
               port());
    else
      log_warn(log_part::http_gateway,
               "the HTTP API on {}:{} is reachable from outside and has no token: it serves "
               "only routes that change nothing; --http-token-file FILE opens the others",
               host, port());
  }

  // Runs on a worker, or for probes on the socket thread. Nothing may escape to either.
  http::codec::outcome
  run(std::string_view bytes, const std::string& peer, size_t site, bool last) {
    try {
      const bool api = site == api_site_.number;
      return (api ? api_codec_ : metrics_codec_).serve(bytes, peer, last);
    } catch (const std::exception& fault) {
      if (auto others = context_.faults_told.admit(std::chrono::steady_clock::now()))
        log_error(log_part::http_gateway, "HTTP request from {}: {}; the connection is closed{}",
                  peer, fault.what(), *others);
      return {};
    }
  }

  http::reply
  serve(const http::router& routes, const http::bound_site& site, const http::request& asked) {
    auto answer = route(routes, site, asked);
    log_access(asked, answer.status);
    return answer;
  }

  http::reply
  route(const http::router& routes, const http::bound_site& site, const http::request& asked) {
    auto match = routes.find(asked);
    if (match.answer)
      return std::move(*match.answer);
    const auto shows = match.found->shows_to(asked);
    const auto verdict = http::judge(policy_, shows, site.loopback, asked.authorization);
    if (verdict != http::verdict::granted)
      return denial(verdict, shows);
    try {
      return match.found->serve(asked, match.values);
    } catch (const std::exception& fault) {
      if (auto others = context_.faults_told.admit(std::chrono::steady_clock::now()))
        log_error(log_part::http_gateway, "{} {}: {}{}", asked.method, shown_target(asked.target),
                  fault.what(), *others);
      return http::text_reply("Internal Server Error", 500);
    }
  }

  http::context context_;
  http::access_policy policy_;
  http::router api_, metrics_;
  http::bound_site api_site_, metrics_site_;
  http::codec api_codec_, metrics_codec_;
  http::listener listener_; // its threads use all of the above
};

http_gateway::http_gateway(caf::actor_system& system, http_peers peers,
                           const daemon_options& options, level_setter set_level,
                           std::string commit)
  : impl_(std::make_unique<impl>(system, std::move(peers), options, std::move(set_level),
                                 std::move(commit))) {
}

http_gateway::~http_gateway() = default;

void http_gateway::start() {
  impl_->start();
}

uint16_t http_gateway::port() const {
  return impl_->port();
}

void http_gateway::retire() {
  impl_->retire();
}

void http_gateway::stop() {
  impl_->stop();
}

} // namespace actord
