// The way of objects through a serde: in line, staged, encoded or decoded, at the inner store.
#pragma once

#include "actors/l2/call_line.hpp"
#include "actors/l2/serde_backend.hpp"
#include "actors/l2/serde_workers.hpp"
#include "actors/l2/staging_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace actord {

/// What a serde makes of one object.
struct serde_form {
  std::string dtype;
  uint64_t stored_bytes = 0;
  std::string problem; // why there is none; "" when there is
};

/// One store or load.
struct serde_call {
  bool storing = false;
  l2_batch batch;
  l2_backend::done answer;
  std::chrono::steady_clock::time_point deadline;
  std::vector<serde_form> forms;
  size_t next = 0;              // the first that has no memory yet; under the mutex of serde_calls
  std::atomic<size_t> open = 1; // objects without a result, and one for whoever begins
  l2_report report;
  std::mutex error_mutex;
};

/// Objects of one call that go to the inner store together.
struct serde_group {
  struct staged {
    size_t index;
    staging_pool::buffer buffer;
    uint64_t stored_bytes = 0;
    bool failed = false; // has its result already
  };
  std::shared_ptr<serde_call> call;
  std::vector<staged> items;
  std::atomic<size_t> left = 0; // to be encoded
};

/// Shared with everything that is on its way; `serde_backend` ends it first and then the inner
/// store and the workers, which it uses as long as calls run. Any thread.
class serde_calls : public std::enable_shared_from_this<serde_calls> {
public:
  serde_calls(const serde_backend_options& options, l2_backend& inner)
    : options_(options), inner_(inner), pool_(options.staging_bytes, options.align_bytes) {
  }

  /// Before the first call. Both outlive all calls.
  void use(const serde& with, serde_workers& workers) {
    serde_ = &with;
    workers_ = &workers;
  }

  serde_form form_of(const object_ref& object) const;
  void begin(bool storing, l2_batch batch, l2_backend::done answer);
  /// Hands a call to the inner store, one at a time. `answer` counts as a running call.
  void pass(std::function<void(l2_backend&, l2_backend::done)> what, l2_backend::done answer);
  /// Hands on what is not answered.
  void pass(std::function<void(l2_backend&)> what);
  /// Fails what is in line, and waits for the rest.
  void close();
  std::vector<std::pair<std::string, std::string>> status() const;

private:
  using call_ptr = std::shared_ptr<serde_call>;
  using group_ptr = std::shared_ptr<serde_group>;
  struct given_up {
    call_ptr call;
    size_t first;
  };

  void pump();
  bool stage(serde_call& call, serde_group& group);
  group_ptr next_group();
  std::vector<given_up> take_expired();
  void start(const group_ptr& group);
  void encode(serde_lane& lane, serde_group& group, serde_group::staged& item);
  void send(const group_ptr& group);
  void stored(const group_ptr& group, l2_report report);
  void loaded(const group_ptr& group, l2_report report);
  void decode(serde_lane& lane, serde_group& group, serde_group::staged& item);
  void remove(const call_ptr& call, size_t index, std::string why);

  void settle(serde_call& call, size_t index, l2_result result, uint64_t stored_bytes,
              const std::string& error);
  void leave(serde_call& call);
  void enter_one();
  void leave_one();

  const serde_backend_options options_;
  l2_backend& inner_;
  const serde* serde_ = nullptr;
  serde_workers* workers_ = nullptr;
  staging_pool pool_;
  call_line line_; // of the inner store
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::deque<call_ptr> waiting_; // for memory; as many as callers keep open
  bool closing_ = false;
  size_t running_ = 0;
  std::atomic<uint64_t> encoded_ = 0, decoded_ = 0, corrupt_ = 0, formless_ = 0, given_up_ = 0;
};

} // namespace actord
