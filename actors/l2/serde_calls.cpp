#include "actors/l2/serde_calls.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr uint64_t groups_in_staging = 4; // so that encoding and storing overlap

/// What a fault of a serde is for those who asked for an object.
l2_result result_of(serde_fault fault) {
  switch (fault) {
    case serde_fault::none: return l2_result::ok;
    case serde_fault::too_short:
    case serde_fault::wrong_length:
    case serde_fault::wrong_dtype:
    case serde_fault::wrong_salt: return l2_result::wrong_length;
    case serde_fault::wrong_version:
    case serde_fault::unbound:
    case serde_fault::bad_tag:
    case serde_fault::changed: return l2_result::corrupt;
    case serde_fault::wrong_buffer:
    case serde_fault::no_nonce:
    case serde_fault::crypto_failed: break;
  }
  return l2_result::failed;
}

std::string problem_of(const char* verb, const object_ref& object, std::string_view why) {
  return std::string("cannot ") + verb + " object " + to_hex(object.hash) + ": " + std::string(why);
}

} // namespace

serde_form serde_calls::form_of(const object_ref& object) const {
  serde_form result;
  result.dtype = options_.dtype_of ? options_.dtype_of(object) : std::string{};
  const auto key = to_key(object);
  const auto size = serde_->size_of({key, result.dtype, object.length_bytes});
  if (size.fault != serde_fault::none)
    result.problem = explain(size.fault);
  else if (!size.is_exact)
    result.problem = "the serde does not say how long its stored form is";
  else if (!pool_.holds(size.bytes))
    result.problem = "its stored form has " + std::to_string(size.bytes) + " bytes, more than the "
                     + std::to_string(options_.staging_bytes)
                     + " bytes that the serde works in; use smaller chunks";
  result.stored_bytes = result.problem.empty() ? size.bytes : 0;
  return result;
}

// -- in line
// ----------------------------------------------------------------------------------------------

void serde_calls::begin(bool storing, l2_batch batch, l2_backend::done answer) {
  const auto count = batch->size();
  auto call = std::make_shared<serde_call>();
  call->storing = storing;
  call->deadline
    = options_.now()
      + std::chrono::milliseconds(storing ? options_.store_limit_ms : options_.load_limit_ms);
  call->answer = std::move(answer);
  call->report.results.assign(count, l2_result::failed);
  call->report.stored_bytes.assign(count, 0);
  call->open += count;
  call->batch = std::move(batch);
  call->forms.reserve(count);
  for (const auto& item : *call->batch)
    call->forms.push_back(form_of(item.object));
  enter_one();
  for (size_t i = 0; i < count; ++i)
    if (!call->forms[i].problem.empty()) {
      ++formless_;
      settle(*call, i, l2_result::wrong_length, 0, call->forms[i].problem);
    }
  {
    std::lock_guard lock{mutex_};
    waiting_.push_back(call);
  }
  pump();
  leave(*call);
}

/// Gives memory to objects of a call, as many as there is and one group may have. Returns whether
/// all of them have been seen to.
bool serde_calls::stage(serde_call& call, serde_group& group) {
  const auto most_bytes = options_.staging_bytes / groups_in_staging;
  uint64_t staged_bytes = 0;
  for (; call.next < call.forms.size(); ++call.next) {
    const auto& form = call.forms[call.next];
    if (!form.problem.empty())
      continue;
    if (!group.items.empty() && staged_bytes + form.stored_bytes > most_bytes)
      return false;
    auto buffer = pool_.take(form.stored_bytes);
    // Nobody will give anything back: either that has just happened, or there is no memory at all.
    if (!buffer && pool_.used_bytes() == 0)
      buffer = pool_.take(form.stored_bytes);
    const bool hopeless = !buffer && pool_.used_bytes() == 0;
    if (!buffer && !hopeless)
      return false;
    staged_bytes += form.stored_bytes;
    group.items.push_back({call.next, std::move(buffer)});
    group.items.back().failed = hopeless;
  }
  return true;
}

serde_calls::group_ptr serde_calls::next_group() {
  while (!waiting_.empty()) {
    auto group = std::make_shared<serde_group>();
    group->call = waiting_.front();
    const bool all = stage(*group->call, *group);
    if (!all && group->items.empty())
      return nullptr;
    waiting_.pop_front();
    if (!all)
      waiting_.push_back(group->call); // others have their turn first
    if (!group->items.empty())
      return group;
  }
  return nullptr;
}

std::vector<serde_calls::given_up> serde_calls::take_expired() {
  std::vector<given_up> result;
  const auto now = options_.now();
  std::erase_if(waiting_, [&](const call_ptr& call) {
    if (!closing_ && now < call->deadline)
      return false;
    result.push_back({call, call->next});
    call->next = call->forms.size();
    return true;
  });
  return result;
}

void serde_calls::pump() {
  while (true) {
    std::vector<given_up> expired;
    group_ptr group;
    bool closing = false;
    {
      std::lock_guard lock{mutex_};
      expired = take_expired();
      group = next_group();
      closing = closing_;
    }
    for (const auto& [call, first] : expired)
      for (size_t i = first; i < call->forms.size(); ++i)
        if (call->forms[i].problem.empty()) {
          ++given_up_;
          settle(*call, i, l2_result::failed, 0,
                 closing ? "the store is being closed"
                         : "the serde's memory was taken by other objects until the time limit");
        }
    if (!group)
      return;
    start(group);
  }
}

// -- on the way
// ----------------------------------------------------------------------------------------------

void serde_calls::start(const group_ptr& group) {
  auto& items = group->items;
  for (auto& item : items)
    if (item.failed)
      settle(*group->call, item.index, l2_result::failed, 0, "there is no memory to work in");
  std::erase_if(items, [](const auto& item) { return item.failed; });
  if (!group->call->storing) {
    for (auto& item : items)
      item.stored_bytes = group->call->forms[item.index].stored_bytes;
    send(group);
    return;
  }
  group->left = items.size();
  for (size_t i = 0; i < items.size(); ++i)
    workers_->post([own = shared_from_this(), group, i](serde_lane& lane) {
      own->encode(lane, *group, group->items[i]);
      if (--group->left == 0)
        own->send(group);
    });
}

void serde_calls::encode(serde_lane& lane, serde_group& group, serde_group::staged& item) {
  auto& call = *group.call;
  const auto& plain = (*call.batch)[item.index];
  const auto& form = call.forms[item.index];
  const auto key = to_key(plain.object);
  const auto done = lane.encode({key, form.dtype, plain.object.length_bytes},
                                {plain.bytes, plain.object.length_bytes},
                                {item.buffer.bytes.get(), form.stored_bytes});
  item.stored_bytes = done.bytes;
  item.failed = done.fault != serde_fault::none;
  if (!item.failed)
    ++encoded_;
  else
    settle(call, item.index, result_of(done.fault), 0, std::string(explain(done.fault)));
}

/// The encoded objects of a group to the inner store, or from it.
void serde_calls::send(const group_ptr& group) {
  std::vector<l2_item> batch;
  for (const auto& item : group->items) {
    if (item.failed)
      continue;
    auto object = (*group->call->batch)[item.index].object;
    object.length_bytes = item.stored_bytes;
    batch.push_back({std::move(object), item.buffer.bytes.get(), item.buffer.room_bytes});
  }
  if (batch.empty()) {
    stored(group, {});
    return;
  }
  line_.run([own = shared_from_this(), group,
             shared = std::make_shared<const std::vector<l2_item>>(std::move(batch))] {
    auto what = group->call->storing ? &l2_backend::store : &l2_backend::load;
    auto then = group->call->storing ? &serde_calls::stored : &serde_calls::loaded;
    (own->inner_.*what)(shared, [own, group, then](l2_report report) {
      (own.get()->*then)(group, std::move(report));
    });
  });
}

void serde_calls::stored(const group_ptr& group, l2_report report) {
  size_t place = 0;
  for (auto& item : group->items) {
    pool_.give_back(std::move(item.buffer));
    if (item.failed)
      continue;
    settle(*group->call, item.index, report.results[place], report.stored_bytes[place],
           report.error);
    ++place;
  }
  pump();
}

void serde_calls::loaded(const group_ptr& group, l2_report report) {
  for (size_t i = 0; i < group->items.size(); ++i) {
    auto& item = group->items[i];
    if (report.results[i] == l2_result::ok) {
      // The worker settles it; what the store said of its size goes with it.
      item.stored_bytes = std::max(report.stored_bytes[i], item.stored_bytes);
      workers_->post([own = shared_from_this(), group, i](serde_lane& lane) {
        own->decode(lane, *group, group->items[i]);
      });
      continue;
    }
    pool_.give_back(std::move(item.buffer));
    settle(*group->call, item.index, report.results[i], report.stored_bytes[i], report.error);
  }
  pump();
}

void serde_calls::decode(serde_lane& lane, serde_group& group, serde_group::staged& item) {
  auto& call = *group.call;
  const auto& plain = (*call.batch)[item.index];
  const auto& form = call.forms[item.index];
  const auto key = to_key(plain.object);
  const auto fault = lane.decode({key, form.dtype, plain.object.length_bytes},
                                 {item.buffer.bytes.get(), form.stored_bytes},
                                 {plain.bytes, plain.object.length_bytes});
  pool_.give_back(std::move(item.buffer));
  const auto result = result_of(fault);
  decoded_ += result == l2_result::ok ? 1 : 0;
  corrupt_ += result == l2_result::corrupt ? 1 : 0;
  std::string why{result == l2_result::ok ? std::string_view{} : explain(fault)};
  if (result == l2_result::corrupt && (fault == serde_fault::changed || decoded_ > 0))
    remove(group.call, item.index, std::move(why));
  else
    settle(call, item.index, result, item.stored_bytes, why);
  pump();
}

/// Takes a corrupt object out of the store, so that it can be stored again, and settles it.
void serde_calls::remove(const call_ptr& call, size_t index, std::string why) {
  auto batch = std::make_shared<const std::vector<l2_item>>(
    std::vector<l2_item>{{(*call->batch)[index].object, nullptr, 0}});
  line_.run(
    [own = shared_from_this(), call, index, batch = std::move(batch), why = std::move(why)] {
      own->inner_.erase(batch, [own, call, index, why](const l2_report&) {
        own->settle(*call, index, l2_result::corrupt, 0, why);
      });
    });
}

// -- answers
// ----------------------------------------------------------------------------------------------

void serde_calls::settle(serde_call& call, size_t index, l2_result result, uint64_t stored_bytes,
                         const std::string& error) {
  call.report.results[index] = result;
  call.report.stored_bytes[index] = stored_bytes;
  if (!error.empty() && result != l2_result::ok) {
    std::lock_guard lock{call.error_mutex};
    if (call.report.error.empty())
      call.report.error
        = problem_of(call.storing ? "store" : "load", (*call.batch)[index].object, error);
  }
  leave(call);
}

void serde_calls::leave(serde_call& call) {
  if (--call.open != 0)
    return;
  call.answer(std::move(call.report));
  leave_one();
}

void serde_calls::enter_one() {
  std::lock_guard lock{mutex_};
  ++running_;
}

void serde_calls::leave_one() {
  std::lock_guard lock{mutex_};
  if (--running_ == 0)
    ended_.notify_all();
}

void serde_calls::pass(std::function<void(l2_backend&, l2_backend::done)> what,
                       l2_backend::done answer) {
  enter_one();
  line_.run([own = shared_from_this(), what = std::move(what), answer = std::move(answer)] {
    what(own->inner_, [own, answer](l2_report report) {
      answer(std::move(report));
      own->leave_one();
    });
  });
}

void serde_calls::pass(std::function<void(l2_backend&)> what) {
  enter_one();
  line_.run([own = shared_from_this(), what = std::move(what)] {
    what(own->inner_);
    own->leave_one();
  });
}

void serde_calls::close() {
  {
    std::lock_guard lock{mutex_};
    closing_ = true;
  }
  pump();
  std::unique_lock lock{mutex_};
  ended_.wait(lock, [this] { return running_ == 0; });
}

std::vector<std::pair<std::string, std::string>> serde_calls::status() const {
  size_t waiting = 0;
  {
    std::lock_guard lock{mutex_};
    waiting = waiting_.size();
  }
  return {{"serde_encoded", std::to_string(encoded_.load())},
          {"serde_decoded", std::to_string(decoded_.load())},
          {"serde_corrupt", std::to_string(corrupt_.load())},
          {"serde_without_form", std::to_string(formless_.load())},
          {"serde_given_up", std::to_string(given_up_.load())},
          {"serde_calls_in_line", std::to_string(waiting)},
          {"serde_staging_used_bytes", std::to_string(pool_.used_bytes())},
          {"serde_staging_held_bytes", std::to_string(pool_.held_bytes())},
          {"serde_staging_peak_bytes", std::to_string(pool_.peak_bytes())},
          {"serde_staging_max_bytes", std::to_string(options_.staging_bytes)}};
}

} // namespace actord
