#include "observability/gen_ai_pages.hpp"

#include "observability/utf8.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>

namespace actord {

namespace {

using nlohmann::json;

constexpr double assumed_gpu_bytes = 8.0 * (1 << 30);
constexpr double most_requests = 1e15; // far beyond any server, and still exact

struct sample {
  std::string_view name, labels;
  double value = 0;
};

/// `name{labels} value ...`; nothing for comments and whatever else it is.
std::optional<sample> read_sample(std::string_view line) {
  sample result;
  const auto name_end = std::min(line.find_first_of("{ "), line.size());
  result.name = line.substr(0, name_end);
  line.remove_prefix(name_end);
  if (line.starts_with('{')) {
    const auto close = line.rfind('}'); // label values may hold braces
    if (close == std::string_view::npos)
      return std::nullopt;
    result.labels = line.substr(1, close - 1);
    line.remove_prefix(close + 1);
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto end = line.data() + std::min(line.find_first_of(" \r"), line.size());
  const auto [rest, error] = std::from_chars(line.data(), end, result.value);
  if (result.name.empty() || error != std::errc{} || rest != end)
    return std::nullopt;
  return result;
}

template <class Visit>
void each_sample(std::string_view page, Visit visit) {
  while (!page.empty()) {
    const auto end = std::min(page.find('\n'), page.size());
    if (const auto line = page.substr(0, end); !line.starts_with('#'))
      if (const auto found = read_sample(line))
        visit(*found);
    page.remove_prefix(std::min(end + 1, page.size()));
  }
}

/// What stands up to the closing quote, without its escapes.
std::string label_value(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      result += text[i] == 'n' ? '\n' : text[i];
    } else {
      result += text[i];
    }
  }
  return utf8(result); // a server may send any bytes
}

/// The value of a label, "" where it is missing.
std::string label(std::string_view labels, std::string_view name) {
  const auto key = std::string(name) + "=\"";
  for (size_t at = 0; (at = labels.find(key, at)) != std::string_view::npos; ++at) {
    if (at > 0 && labels[at - 1] != ',' && labels[at - 1] != ' ')
      continue;
    return label_value(labels.substr(at + key.size()));
  }
  return {};
}

int64_t requests(double value) {
  return std::isnan(value) ? 0 : static_cast<int64_t>(std::clamp(value, 0.0, most_requests));
}

} // namespace

std::variant<gen_ai_report, std::string>
read_ollama_page(const std::string& body, std::optional<double> gpu_bytes) {
  const auto page = json::parse(body, nullptr, false);
  if (!page.is_object() || !page.contains("models") || !page["models"].is_array())
    return "no JSON object with a list of models";
  gen_ai_report result;
  const auto whole = gpu_bytes && *gpu_bytes > 0 ? *gpu_bytes : assumed_gpu_bytes;
  for (const auto& model : page["models"]) {
    if (!model.is_object() || !model.contains("name") || !model["name"].is_string())
      return "a model without a name";
    const auto size = model.find("size_vram");
    if (size != model.end() && !size->is_number())
      return "a model whose size_vram is no number";
    if (result.usages.size() < gen_ai_metrics::max_models)
      result.usages.emplace_back(model["name"].get<std::string>(),
                                 size == model.end() ? 0 : size->get<double>() / whole * 100);
  }
  if (!page["models"].empty())
    result.max = static_cast<int64_t>(page["models"].size());
  return result;
}

std::variant<gen_ai_report, std::string> read_vllm_page(const std::string& body) {
  double running = 0, waiting = 0;
  std::map<std::string, double, std::less<>> usages;
  bool known = false;
  each_sample(body, [&](const sample& found) {
    if (found.name == "vllm:num_requests_running") {
      known = true;
      running += found.value;
    } else if (found.name == "vllm:num_requests_waiting") {
      known = true;
      waiting += found.value;
    } else if (found.name == "vllm:kv_cache_usage_perc"
               || found.name == "vllm:gpu_cache_usage_perc") { // its older name
      known = true;
      const auto model = label(found.labels, "model_name");
      if (std::isnan(found.value))
        return; // nobody knows, which is not 0
      if (usages.size() < gen_ai_metrics::max_models || usages.contains(model)) {
        auto& most = usages[model];
        most = std::max(most, found.value * 100);
      }
    }
  });
  if (!known)
    return "none of vLLM's metrics on the page";
  gen_ai_report result;
  result.running = requests(running);
  result.waiting = requests(waiting);
  result.usages.assign(usages.begin(), usages.end());
  return result;
}

std::variant<gen_ai_report, std::string> read_tgi_page(const std::string& body) {
  double running = 0, waiting = 0;
  bool known = body.empty(); // a TGI that has served nothing yet has nothing to show
  each_sample(body, [&](const sample& found) {
    known = known || found.name.starts_with("tgi_");
    if (found.name == "tgi_request_inference_count")
      running += found.value;
    else if (found.name == "tgi_queue_size")
      waiting += found.value;
  });
  if (!known)
    return "none of TGI's metrics on the page";
  gen_ai_report result;
  result.running = requests(running);
  result.waiting = requests(waiting);
  return result;
}

} // namespace actord
