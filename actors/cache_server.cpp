#include "actors/cache_server.hpp"

#include "actors/cache/kv_events.hpp"
#include "actors/cache/l1_options.hpp"
#include "actors/cache/quota.hpp"
#include "actors/cache/session.hpp"
#include "actors/log.hpp"
#include "actors/logging.hpp"
#include "actors/request_trace.hpp"
#include "actors/supervisor.hpp"
#include "actors/telemetry/event_bus.hpp"
#include "actors/telemetry/log_subscribers.hpp"
#include "actors/telemetry/metric_subscribers.hpp"
#include "actors/telemetry/trace_recorder.hpp"
#include "actors/telemetry/tracing.hpp"
#include "actors/transfer/copier.hpp"
#include "actors/transfer/engine_driven.hpp"
#include "actors/transfer/lmcache_driven.hpp"
#include "actors/transfer/pool_grower.hpp"
#include "observability/otel_resource.hpp"
#include "runtime/options/version.hpp"
#include "runtime/spawn_bare.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace actord {

namespace {

constexpr auto drain_time = std::chrono::seconds(5);

// Subscribers may write to disks and networks.
constexpr auto telemetry_drain_time = std::chrono::seconds(35);

// Largest frame that is accepted: pickled chunks of one commit_store, never more than the pool
// could hold.
constexpr uint64_t least_frame_limit = 64 << 20;
constexpr uint64_t most_frame_limit = 1 << 30;

constexpr size_t max_seed_bytes = 255; // of storage/hash_chain.hpp

// Copies are bound by memory bandwidth, which few threads use up.
constexpr unsigned most_copiers = 4;

std::shared_ptr<shm_pool> make_pool(const daemon_options& options) {
  auto made
    = shm_pool::create(pool_name(options.l1.shm_name, options.mp.port), options.l1.size_bytes);
  if (auto* error = std::get_if<std::string>(&made))
    throw std::runtime_error(*error);
  return std::get<std::shared_ptr<shm_pool>>(std::move(made));
}

zmq_socket_options socket_options(const daemon_options& options) {
  zmq_socket_options result;
  result.host = options.mp.host;
  result.port = options.mp.port;
  result.ipc_path = options.mp.ipc_path;
  result.max_frame_bytes
    = static_cast<int64_t>(std::clamp(options.l1.size_bytes, least_frame_limit, most_frame_limit));
  result.curve_secret_key = options.mp.curve_server_secret_key;
  return result;
}

liveness_options liveness_of(const daemon_options& options) {
  return {options.mp.worker_reap_timeout_ms, options.mp.worker_registration_grace_ms};
}

// The hasher that the options ask for; throws when its algorithm cannot do it.
session_options session_options_of(const daemon_options& options) {
  session_options result;
  result.algorithm = *parse_hash_algorithm(options.mp.hash_algorithm);
  result.chunk_tokens = options.mp.chunk_size;
  result.session_ttl_ms = options.mp.session_ttl_ms;
  if (const char* seed = std::getenv("PYTHONHASHSEED"))
    result.hash_seed = seed;
  if (result.chunk_tokens > max_chunk_tokens(result.algorithm))
    throw std::runtime_error("--chunk-size " + std::to_string(result.chunk_tokens)
                             + " is more than --hash-algorithm " + options.mp.hash_algorithm
                             + " can hash, " + std::to_string(max_chunk_tokens(result.algorithm))
                             + "; choose a smaller chunk or blake3");
  if (result.hash_seed.size() > max_seed_bytes)
    throw std::runtime_error("PYTHONHASHSEED is longer than 255 bytes; unset it or make it short");
  return result;
}

registry_options registry_options_of(const observability_options& options) {
  const auto names = options.metrics_names == "seed"   ? metric_names::seed
                     : options.metrics_names == "v056" ? metric_names::v056
                                                       : metric_names::all;
  return {names, options.metrics_drop_labels};
}

int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

} // namespace

cache_server::cache_server(caf::actor_system& system, const daemon_options& options,
                           std::function<void()> take_down,
                           std::unique_ptr<event_subscriber> lookup_log)
  : system_(system), options_(options),
    metrics_(std::make_shared<metric_registry>(registry_options_of(options.observability))) {
  session_options_of(options_); // a wrong combination is told before anything is bound
  auto recorder = open_trace_recorder(options_, metrics_);
  // The socket comes first: a port that is taken is the commonest mistake, and costs nothing to
  // find.
  zmq_ = std::make_unique<zmq_thread>(system, socket_options(options));
  pool_ = make_pool(options);
  l2_ = std::make_unique<l2_tier>(options);
  supervisor_
    = runtime::spawn_named(system, *census_, "supervisor", supervisor, std::move(take_down));
  start_telemetry(std::move(lookup_log), std::move(recorder));
  start_cache();
  start_transfers();
  try {
    start_export();
    start_gateways();
  } catch (...) {
    stop();
    throw;
  }
}

cache_server::~cache_server() {
  stop();
}

void cache_server::start_telemetry(std::unique_ptr<event_subscriber> lookup_log,
                                   std::unique_ptr<event_subscriber> recorder) {
  metrics_->add_source([actors = census_](gauge_sink& to) {
    for (const auto& each : actors->list()) {
      to.set(metric::actor_backlog, {each.name}, static_cast<double>(each.backlog));
      to.set(metric::actor_restarts, {each.name}, 0);
    }
    for (auto stream : {log_writer::stream::error, log_writer::stream::output})
      to.set(metric::log_lines_discarded,
             {stream == log_writer::stream::error ? "stderr" : "stdout"},
             static_cast<double>(log_lines_counted(stream).discarded));
  });
  metrics_->add_source(
    [gen_ai = gen_ai_, requests = &metrics_->counter(metric::gen_ai_requests)](gauge_sink& to) {
      to.set(metric::gen_ai_requests_untyped, {}, requests->value());
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      gen_ai->collect(to, std::chrono::duration<double>(now).count());
    });
  const auto& wanted = options_.observability;
  if (!wanted.enabled)
    return;
  if (wanted.metrics_enabled)
    pollers_ = std::make_unique<gen_ai_pollers>(system_, *census_, options_.model_servers, gen_ai_);
  auto started = start_event_bus(system_, *census_, wanted.event_bus_queue_size, metrics_);
  bus_ = std::move(started.bus);
  publisher_ = std::move(started.publisher);
  if (wanted.metrics_enabled)
    attach_metric_subscribers(system_, bus_, wanted.event_bus_queue_size, metrics_,
                              wanted.metrics_sample_rate);
  logs_ = std::make_unique<log_control>(system_, bus_, wanted.event_bus_queue_size);
  attach_log_subscribers(*logs_, wanted.logging_enabled);
  if (lookup_log) // whatever the log's level
    logs_->attach(std::move(lookup_log), log_part::lookup_hashes, spdlog::level::critical,
                  log_control::on::own_thread);
  if (recorder)
    logs_->attach(std::move(recorder), log_part::trace, spdlog::level::critical,
                  log_control::on::own_thread);
  if (wanted.extra_logging_enabled)
    attach_extra_stats(*logs_, wanted.extra_logging_interval_s);
}

void cache_server::start_export() {
  const auto& wanted = options_.observability;
  if (!wanted.enabled)
    return;
  auto resource = otel_resource(options_.mp.instance_id, daemon_version, wanted.resource);
  const auto shown = resource_text(resource);
  if (const auto& endpoint = options_.otlp.endpoint; !endpoint.empty()) {
    export_
      = std::make_unique<otlp_export>(system_, *census_, options_, metrics_, std::move(resource));
    log_info(log_part::server,
             "OTel MeterProvider initialised with OTLP exporter ({}), resource={}", endpoint,
             shown);
    if (const auto& spans = export_->spans()) {
      attach_tracing(system_, bus_, options_, spans);
      log_info(log_part::server,
               "OTel TracerProvider initialised with OTLP exporter ({}), sample rate {}", endpoint,
               options_.otlp.tracing.sample_rate);
    }
  } else if (wanted.metrics_enabled && wanted.prometheus_port != 0) {
    log_info(log_part::server,
             "OTel MeterProvider initialised with Prometheus fallback "
             "(http://{}:{}/metrics), resource={}",
             wanted.prometheus_host, wanted.prometheus_port, shown);
  }
}

void cache_server::start_cache() {
  caf::scoped_actor self{system_};
  kv_events_options events;
  events.log_size = options_.observability.enabled ? options_.mp.kv_event_log_size : 0;
  events.chunk_tokens = options_.mp.chunk_size;
  events.reap_timeout_ms = options_.mp.worker_reap_timeout_ms;
  events.incarnation_ns = wall_clock_ns();
  events.metrics = metrics_;
  events_ = runtime::spawn_named(system_, *census_, "kv-events", kv_events, events);
  const auto levels = std::make_shared<quota_levels>();
  metrics_->add_source([levels](gauge_sink& to) {
    for (const auto& [salt, level] : levels->read()) {
      to.set(metric::quota_limit_bytes, {salt}, static_cast<double>(level.limit_bytes));
      to.set(metric::quota_used_bytes, {salt}, static_cast<double>(level.used_bytes));
    }
  });
  quotas_ = runtime::spawn_named(system_, *census_, "quota", quota, levels);
  eviction_ = runtime::spawn_named(system_, *census_, "eviction-controller", eviction_controller,
                                   eviction_options_of(options_), quotas_);
  auto l1 = l1_options_of(options_);
  l1.record_changes = events.log_size > 0;
  l1.metrics = metrics_;
  l1.bus = publisher_;
  l1.gen_ai = gen_ai_;
  l1.quotas = levels;
  l1_ = runtime::spawn_named(system_, *census_, "l1-manager", l1_manager, l1, eviction_, events_);
  self->send(eviction_, atom::open_v, l1_);
  self->send(l1_, atom::grow_v, pool_->reserved_bytes());
  system_.spawn<caf::detached>(pool_grower, pool_, l1_);
  auto session_settings = session_options_of(options_);
  session_settings.metrics = metrics_;
  session_settings.bus = publisher_;
  session_settings.dtypes = l2_->dtypes();
  sessions_ = runtime::spawn_named(system_, *census_, "session", session, session_settings, l1_);
  l2_->start(system_, {metrics_, census_, publisher_, pool_, quotas_, l1_, sessions_, supervisor_});
  l2_->wait_for_start(system_);
}

void cache_server::start_transfers() {
  const auto copiers = std::clamp(std::thread::hardware_concurrency(), 1u, most_copiers);
  for (unsigned i = 0; i < copiers; ++i)
    copiers_.push_back(
      runtime::spawn_bare<caf::detached>(system_, *census_, "copier-" + std::to_string(i), copier));
  gen_ai_->set(gen_ai_level::max, gen_ai_source::own, copiers, 0);
  const auto mode = options_.mp.supported_transfer_mode;
  const auto chunk_tokens = options_.mp.chunk_size;
  if (mode != transfer_mode::lmcache_driven)
    engine_driven_
      = runtime::spawn_named(system_, *census_, "engine-driven", engine_driven,
                             engine_driven_options{chunk_tokens, liveness_of(options_), metrics_,
                                                   publisher_, options_.l1.write_ttl_ms},
                             pool_, sessions_, l1_, copiers_);
  if (mode != transfer_mode::engine_driven)
    lmcache_driven_
      = runtime::spawn_named(system_, *census_, "lmcache-driven", lmcache_driven,
                             lmcache_driven_options{chunk_tokens, options_.mp.null_block_id,
                                                    options_.mp.separate_object_groups,
                                                    liveness_of(options_), metrics_, publisher_},
                             pool_, sessions_, l1_, copiers_);
  caf::scoped_actor self{system_};
  self->send(sessions_, atom::open_v, engine_driven_, lmcache_driven_);
}

bool cache_server::set_level(std::string_view logger, log_level level) {
  const bool known = set_logger_level(logger, level);
  if (known && logs_)
    logs_->refresh();
  return known;
}

void cache_server::start_gateways() {
  zmq_gateway_options options;
  options.chunk_tokens = options_.mp.chunk_size;
  options.request_timeout_ms = options_.mp.request_timeout_ms;
  options.kv_events = options_.observability.enabled && options_.mp.kv_event_log_size > 0;
  options.metrics = metrics_;
  options.bus = publisher_;
  options.gen_ai = gen_ai_;
  gateway_
    = zmq_->start(options, {sessions_, l1_, engine_driven_, lmcache_driven_, events_}, *census_);
  caf::scoped_actor self{system_};
  self->send(events_, atom::open_v, gateway_);
  watch();
  for (const auto& endpoint : zmq_->socket().endpoints())
    log_info(log_part::server, "LMCache zmq cache server is running on {}",
             endpoint.starts_with("tcp://") ? endpoint.substr(6) : endpoint);
  log_info(log_part::server, "LMCache cache server is running...");
  const bool shown = options_.observability.enabled && options_.observability.metrics_enabled;
  http_ = std::make_unique<http_gateway>(
    system_,
    http_peers{sessions_,
               l1_,
               eviction_,
               quotas_,
               engine_driven_,
               lmcache_driven_,
               events_,
               gateway_,
               shown ? metrics_ : nullptr,
               bus_,
               census_,
               gen_ai_,
               &metrics_->histogram(metric::scrape_duration, {"pull"}),
               {l2_->stores(), l2_->prefetcher(), l2_->registry()}},
    options_,
    [this](const std::string& logger, log_level level) { return set_level(logger, level); },
    "actord" + std::string{daemon_version});
  http_->start();
}

void cache_server::watch() {
  caf::scoped_actor self{system_};
  auto ward = [&](const auto& handle, std::string name) {
    if (handle)
      self->send(supervisor_, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(handle),
                 std::move(name));
  };
  ward(bus_, "event-bus");
  ward(events_, "kv-events");
  ward(quotas_, "quota");
  ward(eviction_, "eviction-controller");
  ward(l1_, "l1-manager");
  ward(sessions_, "session");
  l2_->for_each(ward);
  for (const auto& one : copiers_)
    ward(one, "copier");
  ward(engine_driven_, "engine-driven");
  ward(lmcache_driven_, "lmcache-driven");
  ward(gateway_, "zmq-gateway");
}

void cache_server::stop() {
  if (std::exchange(stopped_, true))
    return;
  if (http_)
    http_->retire(); // and says so while the requests under way are answered
  caf::scoped_actor self{system_};
  if (gateway_)
    self->request(gateway_, drain_time, atom::stop_v)
      .receive([](caf::ok_atom) {},
               [](const caf::error&) {
                 log_warn(log_part::server, "Some requests were left unanswered");
               });
  if (http_)
    http_->stop();
  auto end_and_wait = [&](auto& handle) {
    if (!handle)
      return;
    self->send_exit(handle, caf::exit_reason::user_shutdown);
    self->wait_for(handle);
    handle = nullptr;
  };
  // The gateway's thread runs actors until the last of them is gone.
  end_and_wait(lmcache_driven_);
  end_and_wait(engine_driven_);
  end_and_wait(sessions_);
  for (auto& one : copiers_)
    end_and_wait(one);
  l2_->stop(system_);
  end_and_wait(l1_);
  end_and_wait(eviction_);
  end_and_wait(quotas_);
  end_and_wait(events_);
  end_and_wait(gateway_);
  if (bus_)
    self->request(bus_, telemetry_drain_time, atom::stop_v)
      .receive([](caf::ok_atom) {},
               [](const caf::error&) {
                 log_warn(log_part::server, "Some events were left unhandled");
               });
  end_and_wait(bus_);
  pollers_.reset();
  trace_requests(nullptr);
  export_.reset(); // after everything that is counted
  zmq_->stop();
  end_and_wait(supervisor_);
  copiers_.clear();
  http_.reset();
  zmq_.reset();
  pool_.reset();
}

} // namespace actord
