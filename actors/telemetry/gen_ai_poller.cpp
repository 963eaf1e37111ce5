#include "actors/telemetry/gen_ai_poller.hpp"

#include "actors/log.hpp"
#include "actors/telemetry/gpu_memory.hpp"
#include "observability/gen_ai_pages.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <exception>

namespace actord {

namespace {

constexpr int64_t longest_wait_ms = 60'000;
constexpr int64_t page_period_ms = 1'000;

} // namespace

void gen_ai_poller_state::run() {
  auto came = options_.fetch(options_.url);
  if (came.what == fetched::outcome::cut_short)
    return; // the daemon ends, which says nothing about the server
  if (came.what == fetched::outcome::ok) {
    auto read = options_.read(came.text);
    if (const auto* report = std::get_if<gen_ai_report>(&read))
      options_.into->poll(
        options_.source, *report,
        std::chrono::duration<double>(self_->clock().now().time_since_epoch()).count());
    else
      came = {fetched::outcome::bad_status, std::get<std::string>(read)};
  }
  tell(came);
  const bool silent
    = came.what == fetched::outcome::refused || came.what == fetched::outcome::timed_out;
  wait_ms_ = silent ? std::max(options_.period_ms, std::min(2 * wait_ms_, longest_wait_ms))
                    : options_.period_ms;
  self_->delayed_send(self_, std::chrono::milliseconds(wait_ms_), atom::run_v);
}

// Spec observability §8.4, table of failures.
void gen_ai_poller_state::tell(const fetched& came) {
  if (told_ == came.what)
    return;
  const bool first = !told_;
  told_ = came.what;
  switch (came.what) {
    case fetched::outcome::ok:
      log_info(log_part::server, "{} at {} tells its KV cache usage and requests{}", options_.title,
               options_.url, first ? "" : " again");
      break;
    case fetched::outcome::refused:
      log_with(log_part::server, spdlog::level::debug, "{} does not answer at {}: {}",
               options_.title, options_.url, came.text);
      break;
    case fetched::outcome::timed_out:
    case fetched::outcome::bad_status:
      log_warn(log_part::server, "{} at {} is asked in vain: {}", options_.title, options_.url,
               came.text);
      break;
    case fetched::outcome::failed:
      log_error(log_part::server, "{} at {} cannot be asked: {}", options_.title, options_.url,
                came.text);
      break;
    case fetched::outcome::cut_short: break;
  }
}

gen_ai_poller_actor::behavior_type
gen_ai_poller(gen_ai_poller_actor::stateful_pointer<gen_ai_poller_state> self,
              gen_ai_poller_options options) {
  self->state.init(std::move(options));
  self->send(self, atom::run_v);
  return {[self](atom::run) { self->state.run(); }};
}

gen_ai_pollers::gen_ai_pollers(caf::actor_system& system, runtime::actor_census& census,
                               const model_server_options& options,
                               std::shared_ptr<gen_ai_metrics> into)
  : system_(system) {
  auto start = [&](std::string title, gen_ai_source source, std::string url, int64_t period_ms,
                   auto read) {
    gen_ai_poller_options made{std::move(title), source, std::move(url), period_ms, into, {}, read};
    made.fetch = [hurry = hurry_](const std::string& from) { return http_fetch(from, *hurry); };
    auto name = "gen-ai-poller-" + made.title;
    pollers_.push_back(
      runtime::spawn_named<caf::detached>(system, census, name, gen_ai_poller, std::move(made)));
  };
  if (options.ollama_enabled && !options.ollama_url.empty()) {
    // Asked once, on the poller's thread, when there is something to divide by it.
    auto memory = std::make_shared<std::optional<std::optional<double>>>();
    start("Ollama", gen_ai_source::ollama, options.ollama_url + "/api/ps", options.ollama_period_ms,
          [memory, gib = options.ollama_max_vram_gib](const std::string& page) {
            if (!*memory)
              *memory = find_gpu_memory(real_gpu_memory_sources(gib));
            return read_ollama_page(page, **memory);
          });
  }
  if (!options.vllm_url.empty())
    start("vLLM", gen_ai_source::vllm, options.vllm_url, page_period_ms, read_vllm_page);
  if (!options.tgi_url.empty())
    start("TGI", gen_ai_source::tgi, options.tgi_url, page_period_ms, read_tgi_page);
}

gen_ai_pollers::~gen_ai_pollers() {
  hurry_->store(true);
  caf::scoped_actor self{system_};
  for (auto& each : pollers_)
    self->send_exit(each, caf::exit_reason::user_shutdown);
  for (auto& each : pollers_)
    self->wait_for(each);
}

} // namespace actord
