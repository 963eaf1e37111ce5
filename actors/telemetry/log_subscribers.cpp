#include "actors/telemetry/log_subscribers.hpp"

#include "observability/extra_stats.hpp"

#include <memory>
#include <utility>

namespace actord {

namespace {

using enum event_type;

spdlog::level::level_enum spdlog_level(line_level level) {
  switch (level) {
    case line_level::debug: return spdlog::level::debug;
    case line_level::info: return spdlog::level::info;
    case line_level::warning: return spdlog::level::warn;
  }
  return spdlog::level::info;
}

void attach_one(log_control& to, std::string_view name, log_part part, line_level level,
                event_mask interests, log_subscriber::line_maker lines) {
  to.attach(std::make_unique<log_subscriber>(name, part, interests, std::move(lines)), part,
            spdlog_level(level));
}

void attach_steps(log_control& to) {
  constexpr auto level = line_level::debug;
  attach_one(to, "MPServerLoggingSubscriber", log_part::mp_server, level,
             {mp_store_start, mp_store_end, mp_retrieve_start, mp_retrieve_end,
              mp_lookup_prefetch_start, mp_lookup_prefetch_end, mp_vllm_block_allocation},
             step_lines);
  attach_one(to, "L1LoggingSubscriber", log_part::l1, level,
             {l1_read_reserved, l1_read_finished, l1_write_reserved, l1_write_finished,
              l1_write_finished_and_read_reserved, l1_keys_evicted},
             step_lines);
  attach_one(to, "L2LoggingSubscriber", log_part::l2, level,
             {l2_store_submitted, l2_store_completed, l2_prefetch_lookup_submitted,
              l2_prefetch_load_submitted, l2_prefetch_load_completed, l2_keys_evicted},
             step_lines);
  attach_one(to, "SMLoggingSubscriber", log_part::storage_manager, level,
             {sm_read_prefetched_finished, sm_write_reserved, sm_write_finished}, step_lines);
  attach_one(to, "BlendLoggingSubscriber", log_part::blend, level,
             {cb_lookup_start, cb_lookup_end, cb_retrieve_start, cb_retrieve_end,
              cb_fingerprints_registered, cb_chunks_evicted},
             step_lines);
  attach_one(to, "TimeoutLoggingSubscriber", log_part::timeouts, line_level::warning,
             {timeout_raised}, step_lines);
}

} // namespace

log_subscriber::log_subscriber(std::string_view name, log_part part, event_mask interests,
                               line_maker lines)
  : name_(name), part_(part), interests_(interests), lines_(std::move(lines)) {
}

std::string_view log_subscriber::name() const {
  return name_;
}

event_mask log_subscriber::interests() const {
  return interests_;
}

void log_subscriber::handle(const event& what) {
  for (const auto& line : lines_(what))
    log_record(part_, spdlog_level(line.level), what.session_id, line.text);
}

void attach_log_subscribers(log_control& to, bool steps) {
  if (steps)
    attach_steps(to);
  attach_one(to, "RequestLogSubscriber", log_part::requests, line_level::info,
             {mp_store_end, mp_retrieve_end, mp_lookup_prefetch_end}, request_lines);
  attach_one(to, "EvictionLogSubscriber", log_part::eviction, line_level::info,
             {l1_eviction_loop_tick}, request_lines);
}

void attach_extra_stats(log_control& to, double interval_s) {
  auto stats = std::make_shared<extra_stats>(interval_s);
  attach_one(to, "ExtraStatsLoggingSubscriber", log_part::extra_stats, line_level::info,
             {mp_store_start, mp_store_end, mp_retrieve_start, mp_retrieve_end,
              l1_eviction_loop_tick},
             [stats](const event& what) {
               std::vector<log_line> result;
               for (auto& text : stats->take(what))
                 result.push_back({line_level::info, std::move(text)});
               return result;
             });
}

} // namespace actord
