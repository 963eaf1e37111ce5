#include "actors/l2/aws_keyring.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr auto pause = std::chrono::seconds(10); // between searches that a server asked for

} // namespace

std::optional<int64_t> renewal_delay_ms(const aws_keys& keys, int64_t now_ms) {
  constexpr int64_t early_ms = 300'000, least_ms = 1'000;
  if (keys.expires_ms == 0)
    return std::nullopt;
  const auto left_ms = keys.expires_ms - now_ms;
  return std::max(least_ms, left_ms > 2 * early_ms ? left_ms - early_ms : left_ms / 2);
}

aws_keyring::aws_keyring(s3_l2_options options, aws_world world)
  : options_(std::move(options)), world_(std::move(world)) {
}

aws_keyring::~aws_keyring() {
  if (world_.ending)
    world_.ending->store(true);
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

std::string aws_keyring::open() {
  auto problem = search();
  if (!keys())
    return problem;
  if (!thread_.joinable())
    thread_ = std::thread([this] { run(); });
  return "";
}

aws_keys_ptr aws_keyring::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

void aws_keyring::doubt() {
  {
    const std::lock_guard lock(mutex_);
    doubted_ = true;
  }
  changed_.notify_all();
}

std::string aws_keyring::last_problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::string aws_keyring::search() {
  auto found = find_aws_keys(options_, world_);
  const std::lock_guard lock(mutex_);
  problem_ = found.keys ? "" : found.why;
  if (found.keys)
    keys_ = std::make_shared<const aws_keys>(std::move(*found.keys));
  return problem_;
}

void aws_keyring::run() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    auto delay = renewal_delay_ms(*keys_, world_.now_ms());
    if (!problem_.empty())
      delay = pause / std::chrono::milliseconds(1);
    const auto wanted = [this] { return closing_ || doubted_; };
    if (delay)
      changed_.wait_for(lock, std::chrono::milliseconds(*delay), wanted);
    else
      changed_.wait(lock, wanted);
    if (closing_)
      return;
    lock.unlock();
    search();
    lock.lock();
    // Whoever doubts again meanwhile waits: a service is not asked in a circle.
    changed_.wait_for(lock, doubted_ ? pause : pause * 0, [this] { return closing_; });
    doubted_ = false;
  }
}

} // namespace actord
