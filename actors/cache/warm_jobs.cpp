#include "actors/cache/warm_jobs.hpp"

#include <algorithm>

namespace actord {

bool warm_jobs::begin(const std::string& id) {
  return open() < max_open
         && jobs_.try_emplace(id, warm_status{warm_status::phase::pending, 0, 0}).second;
}

void warm_jobs::finish(const std::string& id, uint64_t found_keys, uint64_t total_keys,
                       time_ms now) {
  const auto job = jobs_.find(id);
  if (job == jobs_.end() || job->second.now != warm_status::phase::pending)
    return;
  job->second = {warm_status::phase::completed, found_keys, total_keys};
  results_.push_back({id, now});
  drop_old(now);
}

warm_status warm_jobs::take(const std::string& id, time_ms now) {
  drop_old(now);
  const auto job = jobs_.find(id);
  if (job == jobs_.end())
    return {};
  const auto status = job->second;
  if (status.now == warm_status::phase::completed) {
    jobs_.erase(job);
    std::erase_if(results_, [&](const result& each) { return each.id == id; });
  }
  return status;
}

void warm_jobs::drop_old(time_ms now) {
  while (!results_.empty()
         && (results_.size() > max_results || now - results_.front().ended_ms >= keep_ms)) {
    jobs_.erase(results_.front().id);
    results_.pop_front();
  }
}

} // namespace actord
