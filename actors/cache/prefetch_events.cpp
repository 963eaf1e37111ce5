#include "actors/cache/prefetch_events.hpp"

#include <memory>
#include <utility>

namespace actord {

prefetch_events::prefetch_events(event_publisher_ptr bus, uint64_t number, std::string salt,
                                 std::string request)
  : bus_(std::move(bus)), number_(static_cast<int64_t>(number)), salt_(std::move(salt)),
    request_(std::move(request)) {
}

l2_details prefetch_events::details() const {
  l2_details result;
  result.request_id = number_;
  result.external_request_id = request_;
  return result;
}

void prefetch_events::publish(event_type what, l2_details of) const {
  if (bus_->wants(what))
    bus_->publish(what, {}, std::move(of));
}

void prefetch_events::asked(size_t objects, size_t adapters) const {
  auto told = details();
  told.key_count = static_cast<int64_t>(objects);
  told.adapter_count = static_cast<int64_t>(adapters);
  told.key_count_per_salt = {{salt_, told.key_count}};
  publish(event_type::l2_prefetch_lookup_submitted, std::move(told));
}

void prefetch_events::answered(uint32_t hit_chunks, std::vector<l2_answer> answers) const {
  auto told = details();
  told.succeeded = hit_chunks;
  for (auto& each : answers)
    if (!each.answered)
      each.end_s = now();
  told.answers = std::move(answers);
  publish(event_type::l2_prefetch_lookup_completed, std::move(told));
}

void prefetch_events::task_began(const l2_adapter_info& adapter, int64_t task, size_t objects,
                                 uint64_t bytes) const {
  auto told = details();
  told.adapter_index = adapter.index;
  told.task_id = task;
  told.l2_name = adapter.name;
  told.key_count = static_cast<int64_t>(objects);
  told.bytes = static_cast<int64_t>(bytes);
  publish(event_type::l2_load_task_submitted, std::move(told));
}

void prefetch_events::task_ended(const l2_adapter_info& adapter, int64_t task, size_t loaded,
                                 size_t missing) const {
  auto told = details();
  told.succeeded = static_cast<int64_t>(loaded);
  told.failed = static_cast<int64_t>(missing);
  told.adapter_index = adapter.index;
  told.task_id = task;
  told.l2_name = adapter.name;
  publish(event_type::l2_load_task_completed, std::move(told));
}

void prefetch_events::loading(size_t objects, size_t tasks) const {
  auto told = details();
  told.key_count = static_cast<int64_t>(objects);
  told.adapter_count = static_cast<int64_t>(tasks);
  told.key_count_per_salt = {{salt_, told.key_count}};
  publish(event_type::l2_prefetch_load_submitted, std::move(told));
}

void prefetch_events::loaded(size_t objects, std::vector<object_ref> missing) const {
  auto told = details();
  told.succeeded = static_cast<int64_t>(objects);
  told.failed = static_cast<int64_t>(missing.size());
  told.key_count_per_salt = {{salt_, told.succeeded}};
  publish(event_type::l2_prefetch_load_completed, std::move(told));
  failed("not_found", std::move(missing));
}

void prefetch_events::no_room(std::vector<object_ref> objects) const {
  failed("l1_oom", std::move(objects));
}

void prefetch_events::failed(const char* reason, std::vector<object_ref> objects) const {
  if (objects.empty() || !bus_->wants(event_type::l2_prefetch_failed))
    return;
  bus_->publish(
    event_type::l2_prefetch_failed, {},
    failure_details{"l2_prefetch", reason,
                    std::make_shared<const std::vector<object_ref>>(std::move(objects))});
}

} // namespace actord
