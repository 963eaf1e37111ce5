// Keeps keys fresh, on a thread of its own.
#pragma once

#include "actors/l2/aws_key_sources.hpp"
#include "actors/l2/s3_client.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace actord {

/// Milliseconds until keys are to be renewed: five minutes before they end, or half of what is left
/// where that is less than ten; none for keys that do not end.
std::optional<int64_t> renewal_delay_ms(const aws_keys& keys, int64_t now_ms);

/// Finds keys once, then again before they end; after a search that fails it goes on with those it
/// has and tries again in ten seconds.
class aws_keyring final : public aws_key_holder {
public:
  aws_keyring(s3_l2_options options, aws_world world);
  ~aws_keyring() override;

  /// The first search, in the caller's thread; "" or why there are no keys. Starts the thread.
  std::string open();

  aws_keys_ptr keys() const override;
  void doubt() override;

  /// What the last search ended in: "" or why it found none.
  std::string last_problem() const;

private:
  void run();
  std::string search();

  const s3_l2_options options_;
  const aws_world world_;
  mutable std::mutex mutex_; // of all below but the thread
  std::condition_variable changed_;
  aws_keys_ptr keys_;
  std::string problem_;
  bool doubted_ = false, closing_ = false;
  std::thread thread_;
};

} // namespace actord
