#include "observability/failure_counts.hpp"

namespace actord {

void count_allocation_failure(metric_registry& to, std::string_view during,
                              std::string_view model_name, uint64_t objects) {
  to.counter(metric::l1_allocation_failure, {during, model_name}).add(static_cast<double>(objects));
}

void count_read_failure(metric_registry& to, std::string_view during, std::string_view reason,
                        std::string_view model_name, uint64_t objects) {
  to.counter(metric::l1_read_failure, {during, reason, model_name})
    .add(static_cast<double>(objects));
}

void count_timeout(metric_registry& to, std::string_view exception_type) {
  to.counter(metric::timeouts, {exception_type}).add();
}

} // namespace actord
