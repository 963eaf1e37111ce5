// Throughput of the device of slots on a regular file, and how long its index holds up others.
// Usage: raw_block_store FILE [OBJECTS [ROUNDS]]     objects of 1 MiB, calls of 64
//        raw_block_store FILE index [ENTRIES]        loads of 4 KiB while checkpoints are written
#include "actors/l2/raw_block_backend.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

using namespace actord;

namespace {

using clock_type = std::chrono::steady_clock;
using l2_call = void (l2_backend::*)(l2_batch, l2_backend::done);

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

std::byte* make_memory(size_t bytes) {
  auto* memory = static_cast<std::byte*>(
    ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t at = 0; at < bytes; at += 8)
    std::memcpy(memory + at, &at, 8);
  return memory;
}

/// A file with all its blocks, written once: later writes find them as a used device's are.
void make_file(const std::string& path, uint64_t bytes) {
  std::ofstream file{path, std::ios::binary};
  const std::string piece(1 << 20, 'x');
  for (uint64_t at = 0; at < bytes; at += piece.size())
    file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
  file.close();
  ::sync();
}

object_ref object_of(uint64_t number, uint64_t bytes) {
  static const auto space = std::make_shared<const key_space>(key_space{"org/model", 1, ""});
  object_ref result{space, {}, pack_kv_rank(1, 0), 0, bytes};
  for (size_t b = 0; b < 8; ++b)
    result.hash.bytes[b] = static_cast<uint8_t>(number * 0x9e3779b97f4a7c15 >> (8 * b));
  return result;
}

void call(l2_backend& backend, l2_call what, const l2_batch& batch) {
  std::promise<l2_report> told;
  (backend.*what)(batch, [&told](l2_report report) { told.set_value(std::move(report)); });
  const auto report = told.get_future().get();
  for (auto result : report.results)
    if (result != l2_result::ok) {
      std::fprintf(stderr, "a call failed: %s\n", report.error.c_str());
      std::exit(1);
    }
}

void open_or_exit(raw_block_backend& backend) {
  if (const auto error = backend.open(); !error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    std::exit(1);
  }
}

using figures = std::map<std::string, std::vector<double>>;

void measure_throughput(const std::string& path, size_t objects, int rounds) {
  constexpr uint64_t object_bytes = 1 << 20;
  constexpr size_t call_objects = 64;
  raw_block_options options;
  options.config.device_path = path;
  options.config.slot_bytes = object_bytes + 4096;
  options.config.meta_total_bytes = 16 << 20;
  options.periodic = false;
  options.load_checkpoint = false;
  make_file(path, options.config.meta_total_bytes + objects * options.config.slot_bytes);
  auto* memory = make_memory(objects * object_bytes);
  std::vector<l2_batch> batches;
  for (size_t first = 0; first < objects; first += call_objects) {
    auto items = std::make_shared<std::vector<l2_item>>();
    for (auto i = first; i < std::min(first + call_objects, objects); ++i)
      items->push_back({object_of(i, object_bytes), memory + i * object_bytes, object_bytes});
    batches.push_back(items);
  }
  figures all;
  const auto measure = [&](raw_block_backend& backend, const std::string& name, l2_call what) {
    const auto begin = clock_type::now();
    for (const auto& batch : batches)
      call(backend, what, batch);
    all[name].push_back(static_cast<double>(objects * object_bytes) / seconds_since(begin) / 1e9);
  };
  for (int i = 0; i < rounds; ++i)
    for (auto direct : {false, true})
      for (auto verify : {false, true}) {
        options.use_odirect = direct;
        options.verify_checksums = verify;
        raw_block_backend backend{options};
        open_or_exit(backend);
        const auto name = [&](const char* verb) {
          return std::string(direct ? "O_DIRECT " : "buffered ") + verb
                 + (verify ? "verified" : "unverified");
        };
        measure(backend, name("store, "), &l2_backend::store);
        ::sync();
        measure(backend, name("load,  "), &l2_backend::load);
      }
  std::printf("GB/s, median (best) of %d rounds, %zu objects of 1 MiB\n", rounds, objects);
  for (auto& [name, values] : all) {
    std::sort(values.begin(), values.end());
    std::printf("%-32s %6.2f (%.2f)\n", name.c_str(), values[values.size() / 2], values.back());
  }
}

std::string status_of(const raw_block_backend& backend, const std::string& name) {
  for (const auto& [key, value] : backend.status())
    if (key == name)
      return value;
  return {};
}

/// Lookups and loads of one object each, until `over` of the seconds so far.
void measure_waiting(raw_block_backend& backend, std::byte* memory, size_t entries,
                     const std::function<bool(double)>& over) {
  std::vector<double> probes, loads;
  size_t next = 0;
  const auto begin = clock_type::now();
  while (!over(seconds_since(begin)))
    for (int i = 0; i < 20; ++i) {
      const auto object = object_of(next++ * 7919 % entries, 4096);
      const auto batch
        = std::make_shared<const std::vector<l2_item>>(1, l2_item{object, memory, 4096});
      const auto probing = clock_type::now();
      call(backend, &l2_backend::probe, batch);
      probes.push_back(seconds_since(probing) * 1e3);
      const auto loading = clock_type::now();
      call(backend, &l2_backend::load, batch);
      loads.push_back(seconds_since(loading) * 1e3);
    }
  std::printf("  %.2f s\n", seconds_since(begin));
  for (auto* each : {&probes, &loads}) {
    std::sort(each->begin(), each->end());
    std::printf("  %s: median %.3f ms, 99.9 %% %.3f ms, longest %.3f ms\n",
                each == &probes ? "lookups" : "loads", (*each)[each->size() / 2],
                (*each)[each->size() * 999 / 1000], each->back());
  }
}

void measure_index(const std::string& path, size_t entries) {
  raw_block_options options;
  options.config.device_path = path;
  options.config.slot_bytes = 8192;
  options.checkpoint_interval_ms = 1000;
  options.quiet_ms = 0;
  options.load_checkpoint = false;
  options.use_odirect = false;
  std::ofstream{path};
  std::filesystem::resize_file(path, options.config.meta_total_bytes + entries * 8192);
  constexpr size_t at_once = 1000;
  auto* memory = make_memory(at_once * 4096);
  raw_block_backend backend{options};
  open_or_exit(backend);
  const auto begin = clock_type::now();
  for (size_t first = 0; first < entries; first += at_once) {
    auto items = std::make_shared<std::vector<l2_item>>();
    for (auto i = first; i < std::min(first + at_once, entries); ++i)
      items->push_back({object_of(i, 4096), memory + (i - first) * 4096, 4096});
    call(backend, &l2_backend::store, items);
  }
  std::printf("%zu stores of 4 KiB: %.2f s\n", entries, seconds_since(begin));
  const auto written = [&backend] {
    return status_of(backend, "metadata_persisted") == status_of(backend, "metadata_dirty_total");
  };
  const auto limit = [](double most) { return [most](double now) { return now > most; }; };
  std::printf("while the index is written:\n");
  measure_waiting(backend, memory, entries,
                  [&](double now) { return written() || limit(60)(now); });
  std::printf("afterwards:\n");
  measure_waiting(backend, memory, entries, limit(2));
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: raw_block_store FILE [OBJECTS [ROUNDS] | index [ENTRIES]]\n");
    return 2;
  }
  if (argc > 2 && std::strcmp(argv[2], "index") == 0)
    measure_index(argv[1], argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 400'000);
  else
    measure_throughput(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 512,
                       argc > 3 ? std::atoi(argv[3]) : 5);
  std::filesystem::remove(argv[1]);
}
