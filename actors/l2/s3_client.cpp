#include "actors/l2/s3_client.hpp"

#include "actors/l2/s3_xml.hpp"

#include <algorithm>
#include <stdexcept>

namespace actord {

namespace {

using clock = std::chrono::steady_clock;

size_t index_of(s3_lane lane) {
  return static_cast<size_t>(lane);
}

int64_t unix_s() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

} // namespace

s3_client::s3_client(s3_client_options options, std::shared_ptr<aws_key_holder> keys)
  : options_(std::move(options)), keys_(std::move(keys)) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  multi_.reset(ready == CURLE_OK ? curl_multi_init() : nullptr);
  if (!multi_)
    throw std::runtime_error("s3: libcurl cannot be set up; is memory short?");
  options_.connections = std::max(options_.connections, 1u);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections));
  thread_ = std::thread([this] { run(); });
}

s3_client::~s3_client() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  curl_multi_wakeup(multi_.get());
  thread_.join();
}

uint64_t s3_client::submit(s3_call call) {
  const auto id = next_id_.fetch_add(1);
  job fresh;
  fresh.id = id;
  fresh.call = std::move(call);
  queued_.fetch_add(1);
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(fresh));
  }
  curl_multi_wakeup(multi_.get());
  return id;
}

void s3_client::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  curl_multi_wakeup(multi_.get());
}

s3_client_counts s3_client::counts() const {
  return {requests_, retries_, failed_, in_flight_, queued_};
}

void s3_client::run() {
  while (true) {
    take_inbox();
    const bool closing = [this] {
      const std::lock_guard lock(mutex_);
      return closing_;
    }();
    if (closing)
      return stop_all();
    auto now = clock::now();
    wake_waiting(now);
    start_ready();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    collect();
    expire(clock::now());
    give_answers();
    start_ready();
    curl_multi_poll(multi_.get(), nullptr, 0, poll_ms(clock::now()), nullptr);
  }
}

/// False when there was nothing in it.
bool s3_client::take_inbox() {
  std::vector<job> fresh;
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(inbox_);
    posted.swap(posted_);
  }
  for (auto& what : fresh) {
    const auto id = what.id;
    deadlines_.emplace(what.call.deadline, id);
    ready_[index_of(what.call.lane)].push_back(id);
    jobs_.emplace(id, std::move(what));
  }
  for (auto& work : posted)
    work();
  return !fresh.empty() || !posted.empty();
}

/// Loads leave an eighth of the connections to lookups, stores a quarter to both.
bool s3_client::may_start(s3_lane lane) const {
  const auto most = options_.connections;
  const auto all = running_[0] + running_[1] + running_[2];
  if (all >= most)
    return false;
  const auto own = running_[index_of(lane)];
  if (lane == s3_lane::load)
    return own < std::max(1u, most - (most + 7) / 8);
  return lane == s3_lane::lookup || own < std::max(1u, most - (most + 3) / 4);
}

void s3_client::start_ready() {
  for (auto lane : {s3_lane::lookup, s3_lane::load, s3_lane::store}) {
    auto& queue = ready_[index_of(lane)];
    while (!queue.empty() && may_start(lane)) {
      const auto found = jobs_.find(queue.front());
      queue.pop_front();
      if (found == jobs_.end() || start(found->second))
        continue;
      s3_answer answer;
      answer.end = s3_answer::how::broken;
      answer.why = "no memory for a request, or no keys to sign it with";
      finish(found->first, std::move(answer));
    }
  }
}

bool s3_client::start(job& what) {
  const auto keys = keys_->keys();
  s3_handle handle;
  if (!idle_.empty()) {
    handle = std::move(idle_.back());
    idle_.pop_back();
  } else {
    handle.reset(curl_easy_init());
  }
  if (!keys || !handle)
    return false;
  const auto left_ms = std::max<int64_t>(1, ms_until(clock::now(), what.call.deadline));
  what.transfer = std::make_unique<s3_transfer>(std::move(handle));
  const bool begun = what.transfer->begin(what.call, options_.place, *keys, unix_s(),
                                          std::min(left_ms, options_.place.request_timeout_ms));
  curl_easy_setopt(what.transfer->handle(), CURLOPT_PRIVATE, &what);
  if (!begun || curl_multi_add_handle(multi_.get(), what.transfer->handle()) != CURLM_OK) {
    what.transfer.reset();
    return false;
  }
  ++running_[index_of(what.call.lane)];
  ++what.attempts;
  requests_.fetch_add(1);
  in_flight_.fetch_add(1);
  return true;
}

void s3_client::collect() {
  int left = 0;
  while (auto* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE)
      continue;
    const auto code = message->data.result; // the message ends with the handle
    void* at = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &at);
    ended(static_cast<job*>(at)->id, code);
  }
}

/// Takes the handle away from libcurl, which touches no memory of the call from then on.
void s3_client::let_go(job& what) {
  if (!what.transfer)
    return;
  curl_multi_remove_handle(multi_.get(), what.transfer->handle());
  --running_[index_of(what.call.lane)];
  in_flight_.fetch_sub(1);
}

void s3_client::ended(uint64_t id, CURLcode code) {
  auto& what = jobs_.at(id);
  let_go(what);
  auto answer = what.transfer->end(code);
  idle_.push_back(what.transfer->release());
  what.transfer.reset();
  if (answer.good() && what.call.is_whole && !what.call.is_whole(answer.text)) {
    answer.end = s3_answer::how::broken;
    answer.code = parse_error_code(answer.text);
    answer.why = answer.code.empty() ? "no such document as was asked for" : answer.code;
  }
  if (blames_keys(answer))
    keys_->doubt();
  const auto now = clock::now();
  const auto delay_ms = retry_delay_ms(what.attempts, random_());
  const auto due = now + std::chrono::milliseconds(delay_ms);
  if (!worth_retrying(answer) || what.attempts > options_.max_retries || due >= what.call.deadline)
    return finish(id, std::move(answer));
  retries_.fetch_add(1);
  what.waiting = true;
  what.last = std::move(answer);
  waiting_.emplace(due, id);
}

void s3_client::wake_waiting(steady_time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const auto found = jobs_.find(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    if (found == jobs_.end())
      continue;
    found->second.waiting = false;
    ready_[index_of(found->second.call.lane)].push_front(found->first);
  }
}

void s3_client::expire(steady_time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto id = deadlines_.begin()->second;
    auto& what = jobs_.at(id);
    let_go(what);
    s3_answer answer;
    // What the last attempt came to says more than that time is over.
    if (!what.transfer && what.attempts > 0)
      answer = std::move(what.last);
    else
      answer.end = s3_answer::how::timed_out;
    finish(id, std::move(answer));
  }
}

void s3_client::finish(uint64_t id, s3_answer answer) {
  const auto found = jobs_.find(id);
  auto& what = found->second;
  deadlines_.erase({what.call.deadline, id});
  if (answer.end != s3_answer::how::answered)
    failed_.fetch_add(1);
  queued_.fetch_sub(1);
  answers_.emplace_back(std::move(what.call.answered), std::move(answer));
  jobs_.erase(found);
}

void s3_client::give_answers() {
  while (!answers_.empty()) {
    auto [call, answer] = std::move(answers_.front());
    answers_.pop_front();
    call(std::move(answer));
  }
}

void s3_client::stop(uint64_t id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end())
    return;
  let_go(found->second);
  finish(id, {});
}

int s3_client::poll_ms(steady_time now) const {
  int64_t result = answers_.empty() ? 10'000 : 0;
  if (!deadlines_.empty())
    result = std::min(result, ms_until(now, deadlines_.begin()->first));
  if (!waiting_.empty())
    result = std::min(result, ms_until(now, waiting_.begin()->first));
  return static_cast<int>(result);
}

/// Answers call for more while it ends: those end too.
void s3_client::stop_all() {
  do {
    while (!jobs_.empty())
      stop(jobs_.begin()->first);
    give_answers();
  } while (take_inbox());
}

} // namespace actord
