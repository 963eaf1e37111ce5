#include "actors/l2/mock_backend.hpp"

#include "storage/object_key.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace actord {

namespace {

constexpr size_t objects_per_page = 1024;

struct stored_object {
  std::shared_ptr<const std::byte[]> bytes;
  uint64_t length_bytes = 0;
};

/// A copy of an object; null when there is no memory.
std::shared_ptr<const std::byte[]> copy_of(const l2_item& item) {
  std::shared_ptr<std::byte[]> result{new (std::nothrow) std::byte[item.object.length_bytes]};
  if (result && item.object.length_bytes > 0)
    std::memcpy(result.get(), item.bytes, item.object.length_bytes);
  return result;
}

} // namespace

// Changed on the timer's thread alone; read on any.
struct mock_backend::state {
  explicit state(uint64_t max_bytes) : max_size_bytes(max_bytes) {
  }

  const uint64_t max_size_bytes;
  mutable std::mutex mutex;
  std::map<object_key, stored_object> objects;
  uint64_t used_bytes = 0, skipped = 0;

  stored_object find(const object_ref& object) const {
    std::lock_guard lock{mutex};
    const auto found = objects.find(to_key(object));
    return found == objects.end() ? stored_object{} : found->second;
  }

  // Answer what became of an object.
  l2_result probe(const l2_item& item, uint64_t& stored_bytes);
  l2_result load(const l2_item& item, uint64_t& stored_bytes);
  l2_result store(const l2_item& item, uint64_t& stored_bytes);
  l2_result erase(const l2_item& item, uint64_t& stored_bytes);
};

l2_result mock_backend::state::probe(const l2_item& item, uint64_t& stored_bytes) {
  const auto found = find(item.object);
  stored_bytes = found.length_bytes;
  return found.bytes ? l2_result::ok : l2_result::absent;
}

l2_result mock_backend::state::load(const l2_item& item, uint64_t& stored_bytes) {
  const auto found = find(item.object);
  stored_bytes = found.length_bytes;
  if (!found.bytes)
    return l2_result::absent;
  if (found.length_bytes != item.object.length_bytes)
    return l2_result::wrong_length;
  if (found.length_bytes > 0)
    std::memcpy(item.bytes, found.bytes.get(), found.length_bytes);
  return l2_result::ok;
}

l2_result mock_backend::state::store(const l2_item& item, uint64_t& stored_bytes) {
  const auto length = item.object.length_bytes;
  const auto there = find(item.object);
  const auto others = used_bytes - there.length_bytes;
  const bool is_there = there.bytes && there.length_bytes == length;
  if (is_there || length > max_size_bytes - others) {
    std::lock_guard lock{mutex};
    ++skipped;
    return is_there ? l2_result::ok : l2_result::no_space;
  }
  auto copy = copy_of(item);
  if (!copy)
    return l2_result::no_space;
  stored_bytes = length;
  std::lock_guard lock{mutex};
  objects[to_key(item.object)] = {std::move(copy), length};
  used_bytes = others + length;
  return l2_result::ok;
}

l2_result mock_backend::state::erase(const l2_item& item, uint64_t&) {
  std::lock_guard lock{mutex};
  const auto found = objects.find(to_key(item.object));
  if (found == objects.end())
    return l2_result::absent;
  used_bytes -= found->second.length_bytes;
  objects.erase(found);
  return l2_result::ok;
}

mock_backend::mock_backend(const mock_l2_options& options, const l2_time_limits& limits,
                           std::shared_ptr<l2_timer> timer)
  : options_(options), limits_(limits), timer_(std::move(timer)),
    state_(std::make_shared<state>(options.max_size_bytes)) {
}

mock_backend::~mock_backend() = default;

void mock_backend::run(step work, uint64_t moved_bytes, int64_t limit_ms, l2_batch batch,
                       done answer) {
  const auto wanted_s = static_cast<double>(moved_bytes) / options_.bandwidth_bytes_per_second;
  const std::chrono::duration<double> limit = std::chrono::milliseconds(limit_ms);
  const bool late = wanted_s > limit.count();
  const auto wait = std::min(std::chrono::duration<double>(wanted_s), limit);
  timer_->at(timer_->now() + std::chrono::duration_cast<l2_timer::clock::duration>(wait),
             [own = state_, work, late, batch = std::move(batch), answer = std::move(answer)] {
               l2_report report;
               report.results.assign(batch->size(), l2_result::failed);
               report.stored_bytes.assign(batch->size(), 0);
               if (late)
                 report.error = "the mock store's bandwidth is too low for its time limit";
               for (size_t i = 0; i < batch->size() && !late; ++i)
                 report.results[i] = (own.get()->*work)((*batch)[i], report.stored_bytes[i]);
               answer(std::move(report));
             });
}

void mock_backend::probe(l2_batch batch, done answer) {
  run(&state::probe, 0, limits_.lookup_ms, std::move(batch), std::move(answer));
}

void mock_backend::load(l2_batch batch, done answer) {
  uint64_t bytes = 0;
  for (const auto& item : *batch)
    if (state_->find(item.object).length_bytes == item.object.length_bytes)
      bytes += item.object.length_bytes;
  run(&state::load, bytes, limits_.load_ms, std::move(batch), std::move(answer));
}

void mock_backend::store(l2_batch batch, done answer) {
  uint64_t bytes = 0;
  for (const auto& item : *batch)
    if (!state_->find(item.object).bytes)
      bytes += item.object.length_bytes;
  run(&state::store, bytes, limits_.store_ms, std::move(batch), std::move(answer));
}

void mock_backend::erase(l2_batch batch, done answer) {
  run(&state::erase, 0, limits_.lookup_ms, std::move(batch), std::move(answer));
}

void mock_backend::scan(page more) {
  timer_->at(timer_->now(), [own = state_, more = std::move(more)] {
    std::vector<l2_found> found;
    {
      std::lock_guard lock{own->mutex};
      for (const auto& [key, object] : own->objects)
        found.push_back({to_ref(key, object.length_bytes), 0});
    }
    for (size_t i = 0; i < found.size(); i += objects_per_page)
      more({found.begin() + static_cast<std::ptrdiff_t>(i),
            found.begin()
              + static_cast<std::ptrdiff_t>(std::min(found.size(), i + objects_per_page))});
    more({});
  });
}

std::vector<std::pair<std::string, std::string>> mock_backend::status() const {
  std::lock_guard lock{state_->mutex};
  return {{"objects", std::to_string(state_->objects.size())},
          {"used_bytes", std::to_string(state_->used_bytes)},
          {"skipped", std::to_string(state_->skipped)}};
}

} // namespace actord
