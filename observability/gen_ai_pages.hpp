// What model servers show when they are asked (spec observability §8.4).
#pragma once

#include "observability/gen_ai_report.hpp"

#include <optional>
#include <string>
#include <variant>

namespace actord {

/// Reads Ollama's GET /api/ps: each model's share of the GPU's memory; `max` is the number of
/// loaded models when there are any.
/// @param gpu_bytes memory of the GPU; nothing: 8 GiB are assumed
/// @returns the report, or what is wrong with the page
std::variant<gen_ai_report, std::string>
read_ollama_page(const std::string& body, std::optional<double> gpu_bytes);

/// Reads vLLM's Prometheus page: sums of requests over its engines, the fullest KV cache per model.
/// @returns the report, or what is wrong: it holds none of vLLM's metrics
std::variant<gen_ai_report, std::string> read_vllm_page(const std::string& body);

/// Reads TGI's Prometheus page; a metric that is missing counts as 0.
/// @returns the report, or what is wrong: it holds something, but none of TGI's metrics
std::variant<gen_ai_report, std::string> read_tgi_page(const std::string& body);

} // namespace actord
