#include "actors/telemetry/gpu_memory.hpp"

#include "actors/log.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <string>

extern char** environ;

namespace actord {

namespace {

constexpr double gib = 1 << 30, mib = 1 << 20;

// NVML's C interface, as far as it is used: it is loaded, not linked.
struct nvml_memory {
  unsigned long long total, free, used;
};
using nvml_plain = int (*)();
using nvml_by_index = int (*)(unsigned, void**);
using nvml_memory_of = int (*)(void*, nvml_memory*);

std::optional<double> ask_nvml() {
  const std::unique_ptr<void, int (*)(void*)> library{dlopen("libnvidia-ml.so.1", RTLD_NOW),
                                                      [](void* opened) { return dlclose(opened); }};
  if (!library)
    return std::nullopt;
  auto find = [&]<class Function>(Function& to, const char* name) {
    to = reinterpret_cast<Function>(dlsym(library.get(), name));
    return to != nullptr;
  };
  nvml_plain init = nullptr, end = nullptr;
  nvml_by_index device_at = nullptr;
  nvml_memory_of memory_of = nullptr;
  if (!find(init, "nvmlInit_v2") || !find(end, "nvmlShutdown")
      || !find(device_at, "nvmlDeviceGetHandleByIndex_v2")
      || !find(memory_of, "nvmlDeviceGetMemoryInfo") || init() != 0)
    return std::nullopt;
  void* device = nullptr;
  nvml_memory memory{};
  const bool known = device_at(0, &device) == 0 && memory_of(device, &memory) == 0;
  end();
  return known && memory.total > 0 ? std::optional{static_cast<double>(memory.total)}
                                   : std::nullopt;
}

/// What a child writes within 5 s, 256 bytes at most.
std::string read_briefly(int from) {
  using namespace std::chrono;
  const auto deadline = steady_clock::now() + seconds(5);
  std::string result;
  char part[64];
  while (result.size() < 256) {
    const auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    pollfd readable{from, POLLIN, 0};
    if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0)
      return {};
    const auto size = read(from, part, sizeof part);
    if (size <= 0)
      break;
    result.append(part, static_cast<size_t>(size));
  }
  return result;
}

std::optional<double> ask_nvidia_smi() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const char* const arguments[] = {"nvidia-smi", "--query-gpu=memory.total",
                                   "--format=csv,noheader,nounits", "--id=0", nullptr};
  pid_t child = 0;
  const auto failed = posix_spawnp(&child, arguments[0], &actions, nullptr,
                                   const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  const auto text = failed == 0 ? read_briefly(ends[0]) : std::string{};
  close(ends[0]);
  if (failed == 0) {
    kill(child, SIGKILL); // it has said what it had to say, or hangs
    waitpid(child, nullptr, 0);
  }
  double size_mib = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), size_mib);
  return error == std::errc{} && size_mib > 0 ? std::optional{size_mib * mib} : std::nullopt;
}

} // namespace

gpu_memory_sources real_gpu_memory_sources(double configured_gib) {
  return {configured_gib, ask_nvml, ask_nvidia_smi};
}

std::optional<double> find_gpu_memory(const gpu_memory_sources& sources) {
  if (sources.configured_gib > 0) {
    log_info(log_part::server, "Using configured GPU VRAM: {:.1f}GB", sources.configured_gib);
    return sources.configured_gib * gib;
  }
  for (const auto& ask : {sources.nvml, sources.nvidia_smi})
    if (const auto bytes = ask()) {
      log_info(log_part::server, "Auto-detected GPU VRAM: {:.1f}GB", *bytes / gib);
      return bytes;
    }
  log_info(log_part::server, "GPU VRAM not detected, using heuristic-based percentages");
  return std::nullopt;
}

} // namespace actord
