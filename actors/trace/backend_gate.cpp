#include "actors/trace/backend_gate.hpp"

#include <utility>

namespace actord {

namespace {

class gated_backend final : public l2_backend {
public:
  gated_backend(std::shared_ptr<l2_backend> store, std::shared_ptr<backend_gate> gate)
    : gate_(std::move(gate)), store_(std::move(store)) {
  }

  std::string open() override {
    return store_->open();
  }
  void probe(l2_batch batch, done answer) override {
    store_->probe(std::move(batch), later(std::move(answer)));
  }
  void load(l2_batch batch, done answer) override {
    store_->load(std::move(batch), later(std::move(answer)));
  }
  void store(l2_batch batch, done answer) override {
    store_->store(std::move(batch), later(std::move(answer)));
  }
  void erase(l2_batch batch, done answer) override {
    store_->erase(std::move(batch), later(std::move(answer)));
  }
  void scan(page more) override {
    // One answer, when all pages are there.
    store_->scan([more = std::move(more), ticket = gate_->ask(),
                  all = std::make_shared<std::vector<std::vector<l2_found>>>()](auto found) {
      const bool last = found.empty();
      all->push_back(std::move(found));
      if (last)
        ticket->answer([more, all] {
          for (auto& each : *all)
            more(std::move(each));
        });
    });
  }
  uint64_t stored_length_bytes(const object_ref& object) const override {
    return store_->stored_length_bytes(object);
  }
  std::vector<std::pair<std::string, std::string>> status() const override {
    return store_->status();
  }
  uint64_t capacity_bytes() const override {
    return store_->capacity_bytes();
  }
  uint64_t capacity_objects() const override {
    return store_->capacity_objects();
  }

private:
  done later(done answer) {
    return [answer = std::move(answer), ticket = gate_->ask()](l2_report report) {
      ticket->answer([answer, report = std::make_shared<l2_report>(std::move(report))] {
        answer(std::move(*report));
      });
    };
  }

  std::shared_ptr<backend_gate> gate_; // outlives the store, which may still answer as it ends
  std::shared_ptr<l2_backend> store_;
};

} // namespace

void backend_gate::ticket::answer(job what) {
  std::lock_guard lock{gate_.mutex_};
  answer_ = std::move(what);
  gate_.came_.notify_one();
}

std::shared_ptr<backend_gate::ticket> backend_gate::ask() {
  std::shared_ptr<ticket> result{new ticket(*this)};
  std::lock_guard lock{mutex_};
  out_.push_back(result);
  return result;
}

bool backend_gate::hand_out(bool wait) {
  std::unique_lock lock{mutex_};
  if (out_.empty())
    return false;
  const auto first = out_.front();
  if (!first->answer_ && !wait)
    return false;
  came_.wait(lock, [&] { return static_cast<bool>(first->answer_); });
  out_.pop_front();
  const auto what = std::move(first->answer_);
  lock.unlock();
  what();
  return true;
}

void backend_gate::forget() {
  std::deque<std::shared_ptr<ticket>> dropped;
  std::lock_guard lock{mutex_};
  dropped.swap(out_);
}

std::shared_ptr<l2_backend>
gated(std::shared_ptr<l2_backend> store, std::shared_ptr<backend_gate> gate) {
  return std::make_shared<gated_backend>(std::move(store), std::move(gate));
}

} // namespace actord
