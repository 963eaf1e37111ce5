#include "actors/l2/resp_backend.hpp"

#include "actors/l2/resp_engine.hpp"
#include "actors/l2/tls_client.hpp"

#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace actord {

namespace {

using std::chrono::milliseconds;

resp_form form_of(const redis_l2_options& redis) {
  return {redis.key_prefix, redis.ttl_s, redis.cluster, false};
}

resp_settings settings_of(const redis_l2_options& redis) {
  resp_settings result;
  result.seeds = redis.nodes;
  result.cluster = redis.cluster;
  result.connections = redis.connections;
  result.request_timeout = milliseconds{redis.request_timeout_ms};
  result.connect_timeout = milliseconds{redis.connect_timeout_ms};
  result.login.username = redis.username;
  result.login.password = redis.password;
  if (!redis.cluster)
    result.login.database_id = redis.database_id;
  if (redis.tls)
    result.login.server_name = redis.tls->server_name;
  return result;
}

l2_report all_failed(const l2_batch& batch, std::string why) {
  return {std::vector<l2_result>(batch->size(), l2_result::failed),
          std::vector<uint64_t>(batch->size(), 0), std::move(why)};
}

} // namespace

struct resp_backend::state {
  std::string type;
  redis_l2_options redis;
  milliseconds store_limit, load_limit, lookup_limit;
  std::shared_ptr<resp_engine> engine; // from `open` on
  std::thread thread;

  void begin(resp_task::kind what, l2_batch batch, done answer, milliseconds limit) const {
    if (!engine) {
      answer(all_failed(batch, "the store is not open"));
      return;
    }
    const auto task = std::make_shared<resp_task>(what, std::move(batch), std::move(answer),
                                                  resp_clock::now() + limit);
    engine->begin(task); // open until the destructor: no call comes after that
  }

  void close() {
    if (engine)
      engine->stop();
    if (thread.get_id() == std::this_thread::get_id())
      thread.detach();
    else if (thread.joinable())
      thread.join();
    engine.reset();
  }

  std::string start() {
    std::string error;
    auto settings = settings_of(redis);
    if (redis.tls)
      settings.login.tls = make_tls_context(*redis.tls, error);
    if (!error.empty())
      return "cpp.tls: " + error;
    try {
      engine = std::make_shared<resp_engine>(std::move(settings), form_of(redis));
      thread = std::thread{[shared = engine] { shared->run(); }};
    } catch (const std::system_error& failure) {
      engine.reset();
      return std::string{"the store cannot be set up: "} + failure.what();
    }
    const auto told = std::make_shared<std::promise<std::string>>();
    engine->reach([told](std::string why) { told->set_value(std::move(why)); });
    error = told->get_future().get();
    if (!error.empty() && error.find("set \"") == error.npos)
      error += type == "resp" ? "; set \"host\" and \"port\" to where a server listens"
                              : "; set \"startup_nodes\" to where servers listen";
    return error;
  }
};

resp_backend::resp_backend(const l2_adapter_options& options)
  : state_(std::make_unique<state>(state{options.type,
                                         std::get<redis_l2_options>(options.store),
                                         milliseconds{options.store_timeout_ms},
                                         milliseconds{options.load_timeout_ms},
                                         milliseconds{options.lookup_timeout_ms},
                                         nullptr,
                                         {}})) {
}

resp_backend::~resp_backend() {
  state_->close();
}

std::string resp_backend::open() {
  state_->close();
  auto error = state_->start();
  if (error.empty())
    return error;
  state_->close();
  return state_->type + ": " + error;
}

void resp_backend::probe(l2_batch batch, done answer) {
  state_->begin(resp_task::kind::probe, std::move(batch), std::move(answer), state_->lookup_limit);
}

void resp_backend::load(l2_batch batch, done answer) {
  state_->begin(resp_task::kind::load, std::move(batch), std::move(answer), state_->load_limit);
}

void resp_backend::store(l2_batch batch, done answer) {
  state_->begin(resp_task::kind::store, std::move(batch), std::move(answer), state_->store_limit);
}

void resp_backend::erase(l2_batch batch, done answer) {
  state_->begin(resp_task::kind::erase, std::move(batch), std::move(answer), state_->store_limit);
}

void resp_backend::scan(page more) {
  if (!state_->engine || !state_->redis.scan_at_start || !state_->engine->scan(more))
    more({});
}

std::vector<std::pair<std::string, std::string>> resp_backend::status() const {
  if (!state_->engine)
    return {};
  const auto& counts = state_->engine->counts();
  return {{"nodes", std::to_string(counts.nodes)},
          {"connections", std::to_string(counts.connections)},
          {"connects", std::to_string(counts.connects)},
          {"failed_connects", std::to_string(counts.failed_connects)},
          {"redirects", std::to_string(counts.redirects)}};
}

} // namespace actord
