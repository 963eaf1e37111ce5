#include "actors/l2/resp_engine.hpp"

#include "actors/l2/resp_request.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <utility>

#include <pthread.h>
#include <signal.h>

namespace actord {

// Asks one seed after the other until one answers as it should.
class resp_engine::reaching final : public resp_sink,
                                    public std::enable_shared_from_this<reaching> {
public:
  reaching(resp_engine& engine, std::function<void(std::string)> tell)
    : engine_(engine), tell_(std::move(tell)) {
  }

  void ask() {
    resp_command command;
    if (engine_.form_.cluster)
      command.head = resp_request({"CLUSTER", "SLOTS"});
    else
      command.head = resp_request({"PING"});
    command.queue = resp_queue::lookup;
    command.sink = shared_from_this();
    engine_.pool_->submit(std::move(command), engine_.seeds_[next_++]);
  }

  bool answered(resp_command&, resp_reply& reply, const std::string& from) override {
    // Its greeting has been judged already: where no cluster is asked for, any answer will do.
    if (!engine_.form_.cluster || engine_.pool_->learn_slots(reply, engine_.seeds_[next_ - 1]))
      tell_({});
    else if (reply.what == resp_reply::kind::error)
      go_on(from + ": it is no node of a cluster (" + printable(reply.text)
            + "): set \"cluster_mode\" (valkey) or \"cpp.cluster\" (resp) to false");
    else
      go_on(from + ": the cluster has no slots yet");
    return true;
  }

  void failed(resp_command&, const std::string& why) override {
    go_on(why);
  }

private:
  void go_on(std::string why) {
    if (engine_.form_.cluster && next_ < engine_.seeds_.size())
      ask();
    else
      tell_(std::move(why));
  }

  resp_engine& engine_;
  std::function<void(std::string)> tell_;
  size_t next_ = 0;
};

resp_engine::resp_engine(resp_settings settings, resp_form form)
  : form_(std::move(form)), seeds_(settings.seeds),
    pool_(std::make_unique<resp_pool>(std::move(settings), inbox_, counts_)) {
}

resp_engine::~resp_engine() = default;

bool resp_engine::begin(std::shared_ptr<resp_task> task) {
  return inbox_->post([this, task = std::move(task)] {
    tasks_.push_back(task);
    task->start(*pool_, form_);
  });
}

bool resp_engine::scan(const l2_backend::page& more) {
  return inbox_->post([this, more] { std::make_shared<resp_scan>(*pool_, form_, more)->start(); });
}

bool resp_engine::reach(std::function<void(std::string)> tell) {
  return inbox_->post(
    [this, tell = std::move(tell)] { std::make_shared<reaching>(*this, tell)->ask(); });
}

void resp_engine::stop() {
  inbox_->close();
}

// Forgets tasks that are over, cancels those that are late; returns when the next one will be.
resp_time resp_engine::watch_tasks() {
  const auto now = resp_clock::now();
  auto next = now + std::chrono::hours{1};
  std::erase_if(tasks_, [](const auto& task) { return task->over(); });
  std::vector<std::shared_ptr<resp_task>> late;
  for (const auto& task : tasks_)
    if (task->limit() <= now)
      late.push_back(task);
    else
      next = std::min(next, task->limit());
  for (const auto& task : late)
    pool_->cancel(*task, "the time limit of the task has passed");
  return next;
}

void resp_engine::run() {
  sigset_t all;
  sigfillset(&all); // SIGPIPE too: OpenSSL writes without MSG_NOSIGNAL
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "l2-resp");
  for (bool closed = false; !closed;) {
    const auto jobs = inbox_->take(closed);
    if (closed)
      pool_->close("the store is closing");
    for (const auto& job : jobs)
      job();
    if (!closed)
      pool_->turn(watch_tasks());
  }
}

} // namespace actord
