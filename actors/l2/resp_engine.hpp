// The thread of one store of type resp or valkey.
#pragma once

#include "actors/l2/resp_pool.hpp"
#include "actors/l2/resp_tasks.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace actord {

/// Runs a pool and the tasks that use it. Its thread and its owner share it.
class resp_engine final {
public:
  /// @throws std::system_error without descriptors
  resp_engine(resp_settings settings, resp_form form);
  ~resp_engine();

  /// The thread's work, until `stop`.
  void run();
  /// Fails everything; from any thread.
  void stop();

  /// Each from any thread; false when it is stopped: nobody will answer then.
  bool begin(std::shared_ptr<resp_task> task);
  bool scan(const l2_backend::page& more);
  /// Reaches for a seed; tells what is wrong with the last one that was tried, "" when nothing is.
  bool reach(std::function<void(std::string)> tell);

  const resp_counts& counts() const noexcept {
    return counts_;
  }

private:
  class reaching;
  resp_time watch_tasks();

  resp_counts counts_;
  resp_form form_;
  const std::vector<network_node> seeds_;
  std::shared_ptr<job_inbox> inbox_ = std::make_shared<job_inbox>();
  std::unique_ptr<resp_pool> pool_;
  std::vector<std::shared_ptr<resp_task>> tasks_;
};

} // namespace actord
