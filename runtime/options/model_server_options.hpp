// Which model servers are asked for their gen_ai.server metrics.
#pragma once

#include <cstdint>
#include <string>

namespace actord {

/// Spec observability §8.4.
struct model_server_options {
  /// Without a slash at its end; empty: Ollama is not asked.
  std::string ollama_url = "http://localhost:11434";
  bool ollama_enabled = true;
  std::int64_t ollama_period_ms = 5'000;
  /// 0: found out.
  double ollama_max_vram_gib = 0;
  /// Prometheus pages; empty: not asked.
  std::string vllm_url, tgi_url;
};

} // namespace actord
