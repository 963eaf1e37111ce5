#include "observability/lookup_hash_lines.hpp"

#include "observability/text_format.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <utility>

namespace actord {

namespace {

constexpr std::string_view name_start = "lookup_hashes_", name_end = ".jsonl";

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

template <class Range, class Show>
std::string list(const Range& range, Show show) {
  std::string result = "[";
  for (const auto& each : range)
    result += (result.size() > 1 ? ", " : "") + show(each);
  return result + "]";
}

} // namespace

std::string lookup_hash_line(const event& what) {
  const auto& of = std::get<lookup_details>(what.details);
  auto shape = [](const std::vector<int64_t>& sizes) {
    return list(sizes, [](int64_t size) { return std::to_string(size); });
  };
  auto hash = [](const chunk_hash& name) { return "\"0x" + to_hex(name) + "\""; };
  return "{\"timestamp\": " + nlohmann::json(what.time_s).dump() + ", \"request_id\": "
         + quoted(what.session_id) + ", \"model_name\": " + quoted(of.model_name)
         + ", \"chunk_size\": " + std::to_string(of.chunk_tokens)
         + ", \"seq_len\": " + std::to_string(of.sequence_tokens)
         + ", \"dtypes\": " + list(of.dtypes, quoted) + ", \"shapes\": " + list(of.shapes, shape)
         + ", \"chunk_hashes\": " + list(*of.chain, hash) + "}\n";
}

std::string lookup_hash_file_name(double unix_s, uint64_t number) {
  using namespace std::chrono;
  const sys_seconds when{seconds{static_cast<int64_t>(std::floor(unix_s))}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  return text_format("lookup_hashes_%04d%02u%02u_%02d%02d%02d_%06llu.jsonl",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                     static_cast<int>(time.minutes().count()),
                     static_cast<int>(time.seconds().count()),
                     static_cast<unsigned long long>(number));
}

bool is_lookup_hash_file(std::string_view name) {
  return name.size() >= name_start.size() + name_end.size() && name.starts_with(name_start)
         && name.ends_with(name_end);
}

lookup_hash_rotation::lookup_hash_rotation(lookup_hash_limits limits,
                                           std::vector<std::string> existing)
  : limits_(limits), files_(existing.begin(), existing.end()), number_(existing.size()) {
}

std::optional<std::string> lookup_hash_rotation::next_file(double unix_s) {
  const bool goes_on = open_ && unix_s - opened_s_ < static_cast<double>(limits_.interval_s)
                       && bytes_ < static_cast<uint64_t>(limits_.max_bytes);
  return goes_on ? std::nullopt : std::optional{lookup_hash_file_name(unix_s, number_)};
}

void lookup_hash_rotation::opened(std::string name, double unix_s) {
  files_.push_back(std::move(name));
  ++number_;
  open_ = true;
  opened_s_ = unix_s;
  bytes_ = 0;
}

void lookup_hash_rotation::skip_number() {
  ++number_;
}

void lookup_hash_rotation::wrote(uint64_t bytes) {
  bytes_ += bytes;
}

void lookup_hash_rotation::closed() {
  open_ = false;
}

std::vector<std::string> lookup_hash_rotation::take_surplus() {
  std::vector<std::string> result;
  const auto kept = static_cast<size_t>(limits_.max_files > 1 ? limits_.max_files : 1);
  while (files_.size() > kept) {
    result.push_back(std::move(files_.front()));
    files_.pop_front();
  }
  return result;
}

} // namespace actord
