// How much memory the first GPU has.
#pragma once

#include <functional>
#include <optional>

namespace actord {

/// Ways to learn it, in the order in which they are asked (spec observability §8.4); bytes.
struct gpu_memory_sources {
  double configured_gib = 0; // 0: not
  std::function<std::optional<double>()> nvml, nvidia_smi;
};

/// The ways of this machine: NVML, loaded now; then the program nvidia-smi, for 5 s at most.
gpu_memory_sources real_gpu_memory_sources(double configured_gib);

/// Asks until one knows, and says in the log who did. May take seconds.
std::optional<double> find_gpu_memory(const gpu_memory_sources& sources);

} // namespace actord
