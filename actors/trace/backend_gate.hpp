// Brings the answers of stores to the one thread that runs a replay.
#pragma once

#include "actors/l2/backend.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace actord {

/// What stores were asked to do and have not answered. Their answers are handed out in the order
/// of the questions, whoever is faster: two replays then see the same.
class backend_gate {
public:
  using job = std::function<void()>;

  /// A question is on its way.
  class ticket {
  public:
    /// The answer: what is to be done with it. Once, from any thread.
    void answer(job what);

  private:
    friend class backend_gate;
    explicit ticket(backend_gate& gate) : gate_(gate) {
    }
    backend_gate& gate_;
    job answer_; // guarded by the gate; empty: not yet
  };

  std::shared_ptr<ticket> ask();

  /// Does what the oldest answer asks for. False: nothing is out, or its answer has not come and
  /// `wait` is false.
  bool hand_out(bool wait);
  /// Drops whatever has not been handed out.
  void forget();

private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::shared_ptr<ticket>> out_; // guarded, oldest first
};

/// The store, with its answers at the gate.
std::shared_ptr<l2_backend>
gated(std::shared_ptr<l2_backend> store, std::shared_ptr<backend_gate> gate);

} // namespace actord
