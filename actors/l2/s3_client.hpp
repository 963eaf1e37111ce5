// Carries out requests to one bucket on one thread of its own.
#pragma once

#include "actors/l2/s3_transfer.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace actord {

/// Where requests get the keys to sign with. Any thread; never blocks for long.
class aws_key_holder {
public:
  virtual ~aws_key_holder() = default;
  /// The newest; null before any were found.
  virtual aws_keys_ptr keys() const = 0;
  /// The server does not take them: look for others soon.
  virtual void doubt() = 0;
};

struct s3_client_options {
  s3_place place;
  uint32_t connections = 64; // requests under way, >= 1
  uint32_t max_retries = 3;  // after the first attempt
};

struct s3_client_counts {
  uint64_t requests = 0, retries = 0, failed = 0, in_flight = 0, queued = 0;
};

/// A thread with a libcurl multi handle. Every call is answered once, by its deadline, when libcurl
/// has let go of its memory; those under way when the client ends are answered `stopped`.
class s3_client {
public:
  /// Throws std::runtime_error when libcurl cannot be set up.
  s3_client(s3_client_options options, std::shared_ptr<aws_key_holder> keys);
  ~s3_client();
  s3_client(const s3_client&) = delete;
  s3_client& operator=(const s3_client&) = delete;

  /// Any thread; only hands over. Returns what stop() knows the call by.
  uint64_t submit(s3_call call);

  /// Ends a call that nobody wants any more; nothing happens when it is over. From `answered` only.
  void stop(uint64_t id);

  /// Runs `work` on the client's thread, soon. Any thread.
  void post(std::function<void()> work);

  s3_client_counts counts() const;

private:
  struct job {
    uint64_t id = 0;
    s3_call call;
    uint32_t attempts = 0;
    std::unique_ptr<s3_transfer> transfer; // while under way
    bool waiting = false;                  // for its next attempt
    s3_answer last;                        // of the attempt before
  };
  struct multi_closer {
    void operator()(CURLM* multi) const {
      curl_multi_cleanup(multi);
    }
  };

  void run();
  bool take_inbox();
  void start_ready();
  bool may_start(s3_lane lane) const;
  bool start(job& what);
  void collect();
  void ended(uint64_t id, CURLcode code);
  void expire(steady_time now);
  void wake_waiting(steady_time now);
  void give_answers();
  void finish(uint64_t id, s3_answer answer);
  void let_go(job& what);
  int poll_ms(steady_time now) const;
  void stop_all();

  s3_client_options options_;
  std::shared_ptr<aws_key_holder> keys_;
  std::unique_ptr<CURLM, multi_closer> multi_;
  std::atomic<uint64_t> next_id_{1};

  std::mutex mutex_; // of the three below
  std::vector<job> inbox_;
  std::vector<std::function<void()>> posted_;
  bool closing_ = false;

  // The thread's own.
  std::map<uint64_t, job> jobs_;
  std::array<std::deque<uint64_t>, 3> ready_;            // per lane; may name jobs that are over
  std::array<uint32_t, 3> running_{};                    // per lane
  std::set<std::pair<steady_time, uint64_t>> deadlines_; // of all jobs
  std::set<std::pair<steady_time, uint64_t>> waiting_;   // when the next attempt is due
  std::vector<s3_handle> idle_;
  std::deque<std::pair<std::function<void(s3_answer)>, s3_answer>> answers_;
  std::minstd_rand random_{std::random_device{}()};

  std::atomic<uint64_t> requests_{0}, retries_{0}, failed_{0}, in_flight_{0}, queued_{0};
  std::thread thread_; // last: everything else is there when it starts
};

} // namespace actord
