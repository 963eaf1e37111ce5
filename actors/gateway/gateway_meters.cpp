#include "actors/gateway/gateway_meters.hpp"

#include "observability/failure_counts.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace actord {

namespace {

// The one that clients of the Python server know.
constexpr std::string_view timeout_type = "LMCacheTimeoutError";

double seconds(gateway_meters::time_point::duration time) {
  return std::chrono::duration<double>(time).count();
}

bool timed(const wire::operation_info& row) {
  using enum wire::operation;
  return row.served && row.op != noop && row.op != ping && row.op != get_chunk_size
         && row.op != get_experimental && row.op != report_block_allocation;
}

} // namespace

gateway_meters::gateway_meters(std::shared_ptr<metric_registry> registry, event_publisher_ptr bus,
                               std::shared_ptr<gen_ai_metrics> gen_ai)
  : registry_(std::move(registry)), bus_(std::move(bus)), gen_ai_(std::move(gen_ai)) {
  for (const auto& row : wire::operations()) {
    const auto index = static_cast<size_t>(row.op);
    if (index >= cells_.size())
      cells_.resize(index + 1);
    if (timed(row))
      cells_[index] = {&registry_->histogram(metric::request_queue_wait, {row.name}),
                       &registry_->histogram(metric::request_handler, {row.name})};
  }
  registry_->predeclare(metric::timeouts, {timeout_type});
}

void gateway_meters::waited(wire::operation op, time_point::duration wait) {
  if (auto* cell = cells_[static_cast<size_t>(op)].wait)
    cell->observe(seconds(wait));
}

void gateway_meters::handled(wire::operation op, time_point::duration work) {
  if (auto* cell = cells_[static_cast<size_t>(op)].work)
    cell->observe(seconds(work));
}

void gateway_meters::overdue(wire::operation op, std::string_view request_id,
                             std::string_view reason) {
  count_timeout(*registry_, timeout_type);
  if (bus_->wants(event_type::timeout_raised))
    bus_->publish(event_type::timeout_raised, request_id,
                  timeout_details{std::string{wire::info(op).name} + ": " + std::string{reason},
                                  std::string{timeout_type},
                                  {}});
}

} // namespace actord
