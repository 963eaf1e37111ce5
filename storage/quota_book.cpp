#include "storage/quota_book.hpp"

namespace actord {

bool quota_book::set(const std::string& salt, uint64_t limit_bytes) {
  if (auto known = limits_.find(salt); known != limits_.end()) {
    known->second.bytes = limit_bytes;
    return true;
  }
  if (limits_.size() >= max_entries)
    return false;
  auto position = ++last_position_;
  limits_.emplace(salt, limit{limit_bytes, position});
  order_.emplace(position, salt);
  return true;
}

bool quota_book::remove(const std::string& salt) {
  auto known = limits_.find(salt);
  if (known == limits_.end())
    return false;
  order_.erase(known->second.position);
  limits_.erase(known);
  return true;
}

std::optional<uint64_t> quota_book::get(const std::string& salt) const {
  auto known = limits_.find(salt);
  if (known == limits_.end())
    return std::nullopt;
  return known->second.bytes;
}

std::vector<quota_book::entry> quota_book::list() const {
  std::vector<entry> result;
  result.reserve(order_.size());
  for (const auto& [position, salt] : order_)
    result.emplace_back(salt, limits_.find(salt)->second.bytes);
  return result;
}

} // namespace actord
