// Carries out what tests/s3/*.py asks of an s3 backend: commands on stdin, one JSON line each.
//
// usage: s3_driver '<--l2-adapter object>' MODEL LISTED_AT_A_TIME
//   open | status | scan
//   store|load|probe|erase INDEX:LENGTH:SEED ...
//   begin store|load|probe|erase ...   and say nothing of how it ends
// The object of INDEX has LENGTH bytes that SEED makes. Memory of a load has guards around it.
#include "actors/l2/s3_backend.hpp"
#include "runtime/options/l2_adapter_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>
#include <iostream>
#include <sstream>

using namespace actord;
using json = nlohmann::json;

namespace {

constexpr size_t guard_bytes = 4096;
constexpr std::byte guard{0xa5};

struct wanted {
  uint64_t index = 0, length = 0, seed = 0;
};

std::vector<std::byte> content(const wanted& what) {
  std::vector<std::byte> bytes(what.length);
  uint64_t state = what.seed * 0x9e3779b97f4a7c15 + what.length;
  for (size_t i = 0; i < bytes.size(); ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    bytes[i] = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

object_ref ref_of(const wanted& what, const std::string& model) {
  object_key key;
  key.model_name = model;
  key.kv_rank = pack_kv_rank(1, 0);
  key.cache_salt = what.index % 2 == 0 ? "" : "salt of \xc3\xa4 & <b>";
  for (size_t i = 0; i < 8; ++i)
    key.hash.bytes[i] = static_cast<uint8_t>(what.index >> (8 * i));
  return to_ref(key, what.length);
}

const char* word(l2_result result) {
  switch (result) {
    case l2_result::ok: return "ok";
    case l2_result::absent: return "absent";
    case l2_result::wrong_length: return "wrong_length";
    case l2_result::corrupt: return "corrupt";
    case l2_result::no_space: return "no_space";
    case l2_result::failed: return "failed";
  }
  return "?";
}

class driver {
public:
  driver(const l2_adapter_options& options, std::string model, uint32_t listed_at_a_time)
    : backend_(make_s3_backend(options, listed_at_a_time)), model_(std::move(model)) {
  }

  json command(const std::string& name, std::istringstream& rest) {
    if (name == "open")
      return {{"error", backend_->open()}};
    if (name == "status") {
      json all = json::object();
      for (const auto& [key, value] : backend_->status())
        all[key] = value;
      return all;
    }
    if (name == "scan")
      return scan();
    if (name != "begin")
      return judged(name, start(name, rest));
    std::string action;
    rest >> action;
    begun_.push_back(start(action, rest));
    return nullptr;
  }

  /// Whether every batch that was begun was answered, once. After the backend's end.
  bool all_answered() const {
    return std::all_of(begun_.begin(), begun_.end(),
                       [](const auto& one) { return *one.answers == 1; });
  }
  void end() {
    backend_.reset();
  }

private:
  struct run {
    std::vector<wanted> objects;
    std::shared_ptr<std::vector<std::vector<std::byte>>> memory;
    std::shared_ptr<std::promise<l2_report>> over = std::make_shared<std::promise<l2_report>>();
    std::shared_ptr<std::atomic<int>> answers = std::make_shared<std::atomic<int>>(0);
    std::chrono::steady_clock::time_point began, returned;
  };

  json scan() {
    auto over = std::make_shared<std::promise<void>>();
    json found = json::array();
    size_t pages = 0;
    backend_->scan([&, over](const std::vector<l2_found>& page) {
      for (const auto& one : page)
        found.push_back({to_key(one.object).model_name, to_key(one.object).cache_salt,
                         one.object.hash.bytes[0] + 256 * one.object.hash.bytes[1],
                         one.object.length_bytes, one.modified_ms});
      ++pages;
      if (page.empty())
        over->set_value();
    });
    over->get_future().wait();
    return {{"objects", found}, {"pages", pages - 1}};
  }

  run start(const std::string& name, std::istringstream& rest) {
    run result;
    for (std::string text; rest >> text;) {
      wanted one;
      char colon = 0;
      std::istringstream(text) >> one.index >> colon >> one.length >> colon >> one.seed;
      result.objects.push_back(one);
    }
    const bool loads = name == "load", stores = name == "store";
    auto memory = std::make_shared<std::vector<std::vector<std::byte>>>();
    auto items = std::make_shared<std::vector<l2_item>>();
    for (const auto& one : result.objects) {
      memory->push_back(stores ? content(one) : std::vector<std::byte>());
      if (loads)
        memory->back().assign(one.length + 2 * guard_bytes, guard);
      auto* bytes = memory->back().data() + (loads ? guard_bytes : 0);
      items->push_back({ref_of(one, model_), loads || stores ? bytes : nullptr, one.length});
    }
    result.memory = memory;
    auto answer = [over = result.over, answers = result.answers](l2_report report) {
      if (++*answers == 1)
        over->set_value(std::move(report));
    };
    result.began = std::chrono::steady_clock::now();
    if (name == "probe")
      backend_->probe(items, answer);
    else if (loads)
      backend_->load(items, answer);
    else if (stores)
      backend_->store(items, answer);
    else
      backend_->erase(items, answer);
    result.returned = std::chrono::steady_clock::now();
    return result;
  }

  json judged(const std::string& name, const run& all) {
    const auto report = all.over->get_future().get();
    using ms = std::chrono::duration<double, std::milli>;
    const ms took = std::chrono::steady_clock::now() - all.began;
    json results = json::array();
    for (size_t i = 0; i < all.objects.size(); ++i) {
      std::string text = word(report.results[i]);
      if (name == "load")
        text += verdict(all.objects[i], (*all.memory)[i], report.results[i]);
      results.push_back(text);
    }
    return {{"results", results},
            {"sizes", report.stored_bytes},
            {"error", report.error},
            {"blocked_ms", ms(all.returned - all.began).count()},
            {"ms", took.count()}};
  }

  static std::string
  verdict(const wanted& what, const std::vector<std::byte>& memory, l2_result result) {
    auto is_guard = [](std::byte byte) { return byte == guard; };
    if (!std::all_of(memory.begin(), memory.begin() + guard_bytes, is_guard)
        || !std::all_of(memory.end() - guard_bytes, memory.end(), is_guard))
      return " OVERRUN";
    const auto right = content(what);
    if (result == l2_result::ok
        && !std::equal(right.begin(), right.end(), memory.begin() + guard_bytes))
      return " DIFFERENT";
    return "";
  }

  std::shared_ptr<l2_backend> backend_;
  const std::string model_;
  std::vector<run> begun_;
};

} // namespace

int main(int count, char** arguments) {
  if (count != 4)
    return 2;
  const auto reading = read_l2_adapter(arguments[1], 1, {});
  for (const auto& problem : reading.problems)
    std::cerr << problem << '\n';
  if (!reading.options)
    return 2;
  driver all(*reading.options, arguments[2], static_cast<uint32_t>(std::atoi(arguments[3])));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    const auto answer = all.command(name, words);
    if (!answer.is_null())
      std::cout << answer.dump() << std::endl;
  }
  all.end();
  return all.all_answered() ? 0 : 3;
}
