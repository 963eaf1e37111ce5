#include "observability/gen_ai_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace actord {

namespace {

template <class Enum>
constexpr size_t index_of(Enum value) {
  return static_cast<size_t>(value);
}

template <class Value>
bool counts(const std::optional<Value>& said, size_t source, double now_s) {
  return said
         && (source == index_of(gen_ai_source::own)
             || now_s - said->set_s <= gen_ai_metrics::expiry_s);
}

/// The strongest source's value, null where nobody has said any.
template <class Values>
const auto* strongest(const Values& by_source, double now_s) {
  for (size_t i = by_source.size(); i-- > 0;)
    if (counts(by_source[i], i, now_s))
      return &*by_source[i];
  return static_cast<decltype(&*by_source[0])>(nullptr);
}

/// @pre value >= 0, hence no overflow downwards
int64_t sum(int64_t value, int64_t delta) {
  constexpr auto largest = std::numeric_limits<int64_t>::max();
  return delta > 0 && value > largest - delta ? largest : std::max<int64_t>(value + delta, 0);
}

} // namespace

void gen_ai_metrics::set(gen_ai_level which, gen_ai_source from, int64_t n, double now_s) {
  std::lock_guard lock{mutex_};
  set_locked(which, from, n, now_s);
}

void gen_ai_metrics::set_locked(gen_ai_level which, gen_ai_source from, int64_t n, double now_s) {
  levels_[index_of(which)][index_of(from)] = number{std::max<int64_t>(n, 0), now_s};
}

void gen_ai_metrics::set_locked(gen_ai_source from, const gen_ai_report& report, double now_s) {
  if (report.running)
    set_locked(gen_ai_level::running, from, *report.running, now_s);
  if (report.waiting)
    set_locked(gen_ai_level::waiting, from, *report.waiting, now_s);
  if (report.max)
    set_locked(gen_ai_level::max, from, *report.max, now_s);
}

void gen_ai_metrics::add(gen_ai_level which, gen_ai_source from, int64_t delta, double now_s) {
  std::lock_guard lock{mutex_};
  add_locked(which, from, delta, now_s);
}

void gen_ai_metrics::add_locked(gen_ai_level which, gen_ai_source from, int64_t delta,
                                double now_s) {
  auto& said = levels_[index_of(which)][index_of(from)];
  const auto before = counts(said, index_of(from), now_s) ? said->n : 0;
  said = number{sum(before, delta), now_s};
}

bool gen_ai_metrics::set_usage(gen_ai_source from, std::string_view model, double percent,
                               double now_s) {
  std::lock_guard lock{mutex_};
  return set_locked(from, model, percent, now_s);
}

bool gen_ai_metrics::set_locked(gen_ai_source from, std::string_view model, double percent,
                                double now_s) {
  if (std::isnan(percent) || model.empty() || model.size() > max_name_bytes)
    return false;
  auto at = models_.find(model);
  if (at == models_.end()) {
    if (models_.size() >= max_models)
      forget_expired(now_s);
    if (models_.size() >= max_models)
      return false;
    at = models_.emplace(model, by_source<share>{}).first;
  }
  at->second[index_of(from)] = share{std::clamp(percent, 0.0, 100.0), now_s, false};
  return true;
}

void gen_ai_metrics::replace_usage(gen_ai_source from, const gen_ai_usages& models, double now_s) {
  std::lock_guard lock{mutex_};
  replace_locked(from, models, now_s);
}

void gen_ai_metrics::replace_locked(gen_ai_source from, const gen_ai_usages& models, double now_s) {
  std::set<std::string_view> listed;
  for (const auto& [name, percent] : models)
    listed.insert(name);
  for (auto& [name, shares] : models_) {
    auto& said = shares[index_of(from)];
    if (!said || listed.contains(name))
      continue;
    if (said->gone)
      said.reset();
    else
      said = share{0, now_s, true};
  }
  forget_silent();
  for (const auto& [name, percent] : models)
    set_locked(from, name, percent, now_s);
}

void gen_ai_metrics::remove_usage(gen_ai_source from, std::string_view model) {
  std::lock_guard lock{mutex_};
  if (const auto at = models_.find(model); at != models_.end())
    at->second[index_of(from)].reset();
  forget_silent();
}

int64_t gen_ai_metrics::value(gen_ai_level which, double now_s) const {
  std::lock_guard lock{mutex_};
  if (const auto* said = strongest(levels_[index_of(which)], now_s))
    return said->n;
  switch (which) {
    case gen_ai_level::running: return own_running_.load(std::memory_order_relaxed);
    case gen_ai_level::waiting: return own_waiting_.load(std::memory_order_relaxed);
    case gen_ai_level::max: break;
  }
  return 0;
}

gen_ai_usages gen_ai_metrics::usage(double now_s) {
  std::lock_guard lock{mutex_};
  forget_expired(now_s);
  gen_ai_usages all;
  for (const auto& [name, shares] : models_)
    if (const auto* said = strongest(shares, now_s))
      all.emplace_back(name, said->percent);
  return all;
}

bool gen_ai_metrics::push(const gen_ai_report& report, double now_s) {
  constexpr auto from = gen_ai_source::push;
  std::lock_guard lock{mutex_};
  forget_expired(now_s);
  const auto fresh = std::ranges::count_if(report.usages, [&](const auto& each) {
    return !models_.contains(each.first);
  });
  if (models_.size() + static_cast<size_t>(fresh) > max_models)
    return false;
  set_locked(from, report, now_s);
  if (report.running_delta != 0)
    add_locked(gen_ai_level::running, from, report.running_delta, now_s);
  if (report.waiting_delta != 0)
    add_locked(gen_ai_level::waiting, from, report.waiting_delta, now_s);
  for (const auto& [model, percent] : report.usages)
    set_locked(from, model, percent, now_s);
  return true;
}

void gen_ai_metrics::poll(gen_ai_source from, const gen_ai_report& report, double now_s) {
  std::lock_guard lock{mutex_};
  replace_locked(from, report.usages, now_s);
  set_locked(from, report, now_s);
}

void gen_ai_metrics::collect(gauge_sink& to, double now_s) {
  for (auto [which, as] : {std::pair{gen_ai_level::running, metric::gen_ai_requests_running},
                           std::pair{gen_ai_level::waiting, metric::gen_ai_requests_waiting},
                           std::pair{gen_ai_level::max, metric::gen_ai_requests_max}})
    to.set(as, {}, static_cast<double>(value(which, now_s)));
  for (const auto& [model, percent] : usage(now_s))
    to.set(metric::gen_ai_kv_cache_usage, {model}, percent);
}

void gen_ai_metrics::forget_expired(double now_s) {
  for (auto& [name, shares] : models_)
    for (size_t i = 0; i < shares.size(); ++i)
      if (!counts(shares[i], i, now_s))
        shares[i].reset();
  forget_silent();
}

void gen_ai_metrics::forget_silent() {
  std::erase_if(models_, [](const auto& entry) {
    return std::ranges::none_of(entry.second, [](const auto& said) { return said.has_value(); });
  });
}

} // namespace actord
