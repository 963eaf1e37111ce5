// Which actors there are and how much waits for them.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace actord::runtime {

/// Messages that came to an actor since it was last idle: 0 for an idle actor; grows while one is
/// stuck or overrun.
using backlog = std::atomic<uint64_t>;

/// Every actor that was spawned through it and is there still. Any thread reads.
class actor_census {
public:
  struct entry {
    std::string name;
    uint64_t backlog = 0;
  };

  /// The actor is there as long as what this returns.
  std::shared_ptr<backlog> add(std::string name) {
    auto result = std::make_shared<backlog>(0);
    std::lock_guard lock{mutex_};
    std::erase_if(actors_, [](const auto& each) { return each.second.expired(); });
    actors_.emplace_back(std::move(name), result);
    return result;
  }

  /// In the order in which they were spawned.
  std::vector<entry> list() const {
    std::vector<entry> result;
    std::lock_guard lock{mutex_};
    for (const auto& [name, kept] : actors_)
      if (const auto waiting = kept.lock())
        result.push_back({name, waiting->load(std::memory_order_relaxed)});
    return result;
  }

private:
  mutable std::mutex mutex_; // spawning and reading are rare
  std::vector<std::pair<std::string, std::weak_ptr<const backlog>>> actors_;
};

/// Mixin for an actor class: keeps its backlog. CAF 0.17.6 can tell the length of a mailbox to its
/// actor only, and not while that runs.
template <class Base>
class metered final : public Base {
public:
  template <class... Ts>
  metered(caf::actor_config& cfg, std::shared_ptr<backlog> waiting, Ts&&... xs)
    : Base(cfg, std::forward<Ts>(xs)...), waiting_(std::move(waiting)) {
  }

  using Base::enqueue; // keep the inherited overloads visible

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override {
    waiting_->fetch_add(1, std::memory_order_relaxed);
    Base::enqueue(std::move(message), unit);
  }

  caf::resumable::resume_result resume(caf::execution_unit* unit, size_t max) override {
    const auto result = Base::resume(unit, max);
    if (result != caf::resumable::resume_later)
      waiting_->store(0, std::memory_order_relaxed);
    return result;
  }

private:
  std::shared_ptr<backlog> waiting_;
};

/// `system.spawn(body, xs...)` under a name in the census.
template <caf::spawn_options Os = caf::no_spawn_options, class Body, class... Ts>
auto spawn_named(caf::actor_system& system, actor_census& census, std::string name, Body body,
                 Ts&&... xs) {
  using impl = caf::infer_impl_from_fun_t<Body>;
  caf::actor_config cfg;
  caf::detail::init_fun_factory<impl, Body> factory;
  cfg.init_fun = factory(std::move(body), std::forward<Ts>(xs)...);
  return system.spawn_impl<metered<impl>, Os>(cfg, census.add(std::move(name)));
}

} // namespace actord::runtime
