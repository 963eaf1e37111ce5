// Throughput of the folder of objects beside four blocking threads that make the system calls of
// the Python server's fs_native (spec l2-adapters §6.2), in alternating rounds.
// Usage: fs_store FOLDER [OBJECTS [ROUNDS [RINGS [LANES]]]]      objects of 1 MiB, calls of 64.
#include "actors/l2/fs_backend.hpp"
#include "actors/l2/fs_names.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace actord;

namespace {

constexpr uint64_t object_bytes = 1 << 20;
constexpr size_t call_objects = 64;
constexpr size_t peer_threads = 4;

struct setting {
  std::string folder;
  size_t objects = 512;
  int rounds = 5;
  uint32_t rings = fs_options{}.rings;
  uint32_t lanes = fs_options{}.lanes;
};

/// Calls of a whole round.
std::vector<l2_batch> make_batches(const setting& chosen, std::byte* memory) {
  auto space = std::make_shared<const key_space>(key_space{"org/model", 1, ""});
  std::vector<l2_batch> result;
  for (size_t first = 0; first < chosen.objects; first += call_objects) {
    auto items = std::make_shared<std::vector<l2_item>>();
    for (auto i = first; i < std::min(first + call_objects, chosen.objects); ++i) {
      object_ref object{space, {}, pack_kv_rank(1, 0), 0, object_bytes};
      for (size_t b = 0; b < 8; ++b)
        object.hash.bytes[b] = static_cast<uint8_t>(i * 0x9e3779b97f4a7c15 >> (8 * b));
      items->push_back({object, memory + i * object_bytes, object_bytes});
    }
    result.push_back(items);
  }
  return result;
}

/// The peer: a call is cut into tiles, each a thread's.
class peer {
public:
  peer(std::string folder, bool direct) : folder_(std::move(folder)), direct_(direct) {
    std::filesystem::create_directories(folder_);
  }

  void store(const l2_batch& batch) {
    tiles(batch, [this](const l2_item& item) {
      const auto path = path_of(item);
      const auto temporary = path + ".tmp";
      struct ::stat status {};
      if (::stat(path.c_str(), &status) == 0)
        return false;
      const auto fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | flags(), 0644);
      const auto n = ::write(fd, item.bytes, item.object.length_bytes);
      ::close(fd);
      return n == static_cast<ssize_t>(object_bytes)
             && ::rename(temporary.c_str(), path.c_str()) == 0;
    });
  }

  void load(const l2_batch& batch) {
    tiles(batch, [this](const l2_item& item) {
      const auto fd = ::open(path_of(item).c_str(), O_RDONLY | flags());
      const auto n = ::read(fd, item.bytes, item.object.length_bytes);
      ::close(fd);
      return n == static_cast<ssize_t>(object_bytes);
    });
  }

private:
  int flags() const {
    return O_CLOEXEC | (direct_ ? O_DIRECT : 0);
  }

  std::string path_of(const l2_item& item) const {
    return folder_ + '/' + fs_paths_of(item.object, false).at;
  }

  void tiles(const l2_batch& batch, const std::function<bool(const l2_item&)>& work) {
    std::vector<std::thread> threads; // the real ones are kept; starting them costs 0.1 ms a call
    const auto share = (batch->size() + peer_threads - 1) / peer_threads;
    for (size_t first = 0; first < batch->size(); first += share)
      threads.emplace_back([&, first] {
        for (auto i = first; i < std::min(first + share, batch->size()); ++i)
          if (!work((*batch)[i]))
            std::abort();
      });
    for (auto& thread : threads)
      thread.join();
  }

  std::string folder_;
  bool direct_;
};

void call(fs_backend& backend, void (fs_backend::*what)(l2_batch, l2_backend::done),
          const l2_batch& batch) {
  std::promise<l2_report> told;
  (backend.*what)(batch, [&told](l2_report report) { told.set_value(std::move(report)); });
  const auto report = told.get_future().get();
  for (auto result : report.results)
    if (result != l2_result::ok) {
      std::fprintf(stderr, "a call failed: %s\n", report.error.c_str());
      std::exit(1);
    }
}

using figures = std::map<std::string, std::vector<double>>;

void measure(figures& all, const std::string& name, const std::vector<l2_batch>& batches,
             const std::function<void(const l2_batch&)>& work) {
  using clock = std::chrono::steady_clock;
  const auto begin = clock::now();
  uint64_t bytes = 0;
  for (const auto& batch : batches) {
    work(batch);
    bytes += batch->size() * object_bytes;
  }
  all[name].push_back(static_cast<double>(bytes)
                      / std::chrono::duration<double>(clock::now() - begin).count() / 1e9);
}

void erase_all(const setting& chosen) {
  std::filesystem::remove_all(chosen.folder + "/peer");
  std::filesystem::remove_all(chosen.folder + "/ours");
  ::sync();
}

/// Virtual machines give memory back that is not used and are slow to get it again: whoever is
/// measured finds as many pages that were used just now.
void warm_up(const setting& chosen, const std::vector<l2_batch>& batches) {
  peer other{chosen.folder + "/peer", false};
  for (const auto& batch : batches)
    other.store(batch);
  erase_all(chosen);
}

void measure_peer(figures& all, const setting& chosen, bool direct,
                  const std::vector<l2_batch>& batches) {
  const std::string mode = direct ? "O_DIRECT " : "buffered ";
  peer other{chosen.folder + "/peer", direct};
  measure(all, mode + "store, peer's calls", batches, [&](auto& b) { other.store(b); });
  ::sync();
  for (int again = 0; again < 2; ++again)
    measure(all, mode + "load,  peer's calls", batches, [&](auto& b) { other.load(b); });
}

void measure_ours(figures& all, const setting& chosen, bool direct, bool verify,
                  const std::vector<l2_batch>& batches) {
  fs_options options;
  options.base_path = chosen.folder + "/ours";
  options.use_odirect = direct;
  options.verify_checksums = verify;
  options.rings = chosen.rings;
  options.lanes = chosen.lanes;
  fs_backend ours{options};
  if (const auto error = ours.open(); !error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    std::exit(1);
  }
  const std::string mode = direct ? "O_DIRECT " : "buffered ";
  const std::string who = verify ? "ours, verified" : "ours, unverified";
  measure(all, mode + "store, " + who, batches,
          [&](auto& b) { call(ours, &fs_backend::store, b); });
  ::sync();
  for (int again = 0; again < 2; ++again)
    measure(all, mode + "load,  " + who, batches,
            [&](auto& b) { call(ours, &fs_backend::load, b); });
}

/// Everyone once, in an order that changes from round to round.
void round(figures& all, const setting& chosen, int number, bool direct,
           const std::vector<l2_batch>& batches) {
  for (int i = 0; i < 3; ++i) {
    const auto who = (number + i) % 3;
    warm_up(chosen, batches);
    if (who == 0)
      measure_peer(all, chosen, direct, batches);
    else
      measure_ours(all, chosen, direct, who == 2, batches);
    erase_all(chosen);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: fs_store FOLDER [OBJECTS [ROUNDS [RINGS [LANES]]]]\n");
    return 2;
  }
  setting chosen;
  chosen.folder = argv[1];
  if (argc > 2)
    chosen.objects = std::strtoul(argv[2], nullptr, 10);
  if (argc > 3)
    chosen.rounds = std::atoi(argv[3]);
  if (argc > 4)
    chosen.rings = static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10));
  if (argc > 5)
    chosen.lanes = static_cast<uint32_t>(std::strtoul(argv[5], nullptr, 10));
  const auto bytes = chosen.objects * object_bytes;
  auto* memory = static_cast<std::byte*>(
    ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t at = 0; at < bytes; at += 8)
    std::memcpy(memory + at, &at, 8);
  const auto batches = make_batches(chosen, memory);
  figures all;
  for (int i = 0; i < chosen.rounds; ++i)
    for (auto direct : {false, true})
      round(all, chosen, i, direct, batches);
  std::printf("GB/s, median (best) of %d rounds, %zu objects of 1 MiB, %u rings, %u lanes\n",
              chosen.rounds, chosen.objects, chosen.rings, chosen.lanes);
  for (auto& [name, values] : all) {
    std::sort(values.begin(), values.end());
    std::printf("%-36s %6.2f (%.2f)\n", name.c_str(), values[values.size() / 2], values.back());
  }
}
