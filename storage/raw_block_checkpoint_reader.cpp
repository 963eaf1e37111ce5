#include "storage/raw_block_checkpoint_reader.hpp"

#include <algorithm>
#include <numeric>

namespace actord {

namespace {

constexpr size_t max_depth = 16; // the peer's has 4

bool is_known(std::string_view member) {
  constexpr std::array<std::string_view, 9> known{
    "version",          "device_path", "block_align",  "header_bytes", "slot_bytes",
    "meta_total_bytes", "meta_magic",  "meta_version", "next_slot",
  };
  return std::find(known.begin(), known.end(), member) != known.end();
}

} // namespace

bool checkpoint_reader::key(std::string& name) {
  if (ignored_ > 0)
    return true;
  if (at_ == place::entries)
    name_ = name;
  else
    member_ = name;
  return true;
}

std::optional<size_t> checkpoint_reader::description_part() const {
  const auto found = std::find(described.begin(), described.end(), member_);
  return found == described.end() ? std::nullopt : std::optional<size_t>{found - described.begin()};
}

bool checkpoint_reader::take(checkpoint_scalar value) {
  if (ignored_ > 0)
    return true;
  switch (at_) {
    case place::outside: return fail("its index is no JSON object");
    case place::top:
      if (member_ == "entries")
        return fail("its entries are no JSON object");
      if (is_known(member_))
        members_[member_] = std::move(value);
      return true;
    case place::entries: // an entry that is no object
      if (!begin_entry())
        return false;
      end_entry();
      return true;
    case place::entry: {
      const auto number
        = value.is == checkpoint_scalar::number ? std::optional{value.value} : std::nullopt;
      if (member_ == "offset")
        offset_ = number;
      else if (member_ == "size")
        size_ = number;
      else if (auto part = description_part())
        parts_[*part]
          = value.is == checkpoint_scalar::text && (member_ == "dtype" || member_ == "fmt")
              ? std::move(value.json)
              : std::string{};
      return true;
    }
    case place::list:
      list_good_ &= value.is == checkpoint_scalar::number;
      list_ += value.json + ',';
      return true;
  }
  return false;
}

bool checkpoint_reader::open_ignored() {
  ++ignored_;
  return true;
}

bool checkpoint_reader::open(bool array) {
  if (++depth_ > max_depth)
    return fail("its index is nested deeper than " + std::to_string(max_depth) + " levels");
  if (ignored_ > 0)
    return open_ignored();
  switch (at_) {
    case place::outside:
      if (array)
        return fail("its index is no JSON object");
      at_ = place::top;
      return true;
    case place::top:
      if (member_ != "entries") {
        if (is_known(member_))
          members_[member_] = {checkpoint_scalar::other, 0, array ? "a list" : "an object"};
        return open_ignored();
      }
      if (array)
        return fail("its entries are no JSON object");
      entries_.clear(); // of members with one name the last counts
      at_ = place::entries;
      return true;
    case place::entries:
      if (!begin_entry())
        return false;
      if (array) {
        end_entry();
        return open_ignored();
      }
      at_ = place::entry;
      return true;
    case place::entry: {
      const auto part = description_part();
      if (member_ == "offset")
        offset_.reset();
      else if (member_ == "size")
        size_.reset();
      else if (part)
        parts_[*part].clear();
      if (!array || (member_ != "shape" && member_ != "cached_positions"))
        return open_ignored();
      list_.clear();
      list_good_ = true;
      at_ = place::list;
      return true;
    }
    case place::list: list_good_ = false; return open_ignored();
  }
  return false;
}

bool checkpoint_reader::end_object() {
  --depth_;
  if (ignored_ > 0) {
    --ignored_;
  } else if (at_ == place::entry) {
    end_entry();
    at_ = place::entries;
  } else {
    at_ = at_ == place::entries ? place::top : place::outside;
  }
  return true;
}

bool checkpoint_reader::end_array() {
  --depth_;
  if (ignored_ > 0) {
    --ignored_;
    return true;
  }
  if (list_good_) {
    if (!list_.empty())
      list_.pop_back();
    parts_[*description_part()] = '[' + list_ + ']';
  }
  at_ = place::entry;
  return true;
}

bool checkpoint_reader::begin_entry() {
  if (entries_.size() == max_checkpoint_entries)
    return fail("it has more than " + std::to_string(max_checkpoint_entries) + " entries");
  offset_.reset();
  size_.reset();
  parts_ = {};
  return true;
}

void checkpoint_reader::end_entry() {
  checkpoint_entry entry;
  entry.name = std::move(name_);
  const auto slot = offset_ ? layout_.slot_at(*offset_) : std::nullopt;
  if (slot && size_ && *size_ <= layout_.max_payload_bytes()) {
    entry.slot = *slot;
    entry.payload_bytes = *size_;
  }
  if (std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return !part.empty(); }))
    for (size_t i = 0; i < parts_.size(); ++i) {
      entry.description += i == 0 ? "\"" : ",\"";
      entry.description += described[i];
      entry.description += "\":";
      entry.description += parts_[i].empty() ? "null" : parts_[i];
    }
  entries_.push_back(std::move(entry));
}

/// Of entries with one name keeps the last one's value in the first one's place; drops those to be
/// skipped.
void checkpoint_reader::drop_repeated() {
  std::vector<uint32_t> order(entries_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [this](uint32_t one, uint32_t other) {
    const auto compared = entries_[one].name.compare(entries_[other].name);
    return compared != 0 ? compared < 0 : one < other;
  });
  std::vector<bool> dropped(entries_.size());
  for (size_t i = 1, first = 0; i < order.size(); ++i) {
    if (entries_[order[i]].name != entries_[order[first]].name) {
      first = i;
      continue;
    }
    auto& later = entries_[order[i]];
    auto& kept = entries_[order[first]];
    kept.slot = later.slot;
    kept.payload_bytes = later.payload_bytes;
    kept.description = std::move(later.description);
    dropped[order[i]] = true;
  }
  size_t kept = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (dropped[i])
      continue;
    if (entries_[i].payload_bytes == 0)
      ++skipped_;
    else if (kept++ != i)
      entries_[kept - 1] = std::move(entries_[i]);
  }
  entries_.resize(kept);
}

checkpoint_result checkpoint_reader::take_result() {
  checkpoint_result result;
  result.error = std::move(error_);
  if (result.error.empty()) {
    drop_repeated();
    result.entries = std::move(entries_);
    result.skipped = skipped_;
  }
  return result;
}

} // namespace actord
