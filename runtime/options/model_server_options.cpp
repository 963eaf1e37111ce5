// Flags of the model servers that are asked how full and how busy they are.
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_draft.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace actord {

namespace {

bool has_web_scheme(const std::string& url) {
  const auto scheme = to_lower(url.substr(0, 8));
  return scheme.starts_with("http://") || scheme == "https://";
}

/// HOST or HOST:PORT, what stands between the scheme and the path.
bool is_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return !text.empty();
  const auto port = parse_integer(text.substr(colon + 1));
  return colon > 0 && port && *port >= 1 && *port <= 65'535;
}

std::string_view authority_of(std::string_view url) {
  const auto rest = url.substr(url.find("://") + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

/// Printable, so that it can stand in a log line.
bool is_web_address(const std::string& url) {
  constexpr std::size_t limit = 2'000;
  const bool printable_ascii
    = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7F; });
  // Addresses are logged and shown in /config: no user and password in them.
  return has_web_scheme(url) && printable_ascii && url.size() <= limit
         && is_authority(authority_of(url)) && url.find('@') == std::string::npos;
}

void check_page(const std::string& url, const char* flag, const chosen_values& chosen,
                option_problems& problems) {
  if (!url.empty() && !is_web_address(url))
    problems.push_back(chosen.find(flag)->second.rejected(
      "no address of a page; write http://HOST:PORT/metrics or https://..., without a user"));
}

} // namespace

void declare_model_server_options(option_set& set, option_draft& draft) {
  auto& servers = draft.options.model_servers;
  set.group("Metrics of model servers");
  auto& enabled = set.toggle("--ollama-metrics", servers.ollama_enabled,
                             "ask Ollama how full and how busy it is");
  enabled.variable = "GENAI_ENABLE_OLLAMA_SERVER_METRICS";
  enabled.ours = true;
  auto& url = set.text("--ollama-url", servers.ollama_url, "where Ollama is");
  url.metavar = "URL";
  url.variable = "OLLAMA_BASE_URL";
  url.ours = true;
  auto& interval = set.seconds("--ollama-metrics-interval", servers.ollama_period_ms,
                               {0.1, false, 3'600, "must be a number of seconds, 0.1 to 3600"},
                               "seconds between two questions to Ollama");
  interval.variable = "GENAI_OLLAMA_METRICS_INTERVAL";
  interval.ours = true;
  auto& memory = set.number("--ollama-max-vram-gb", servers.ollama_max_vram_gib,
                            {0, false, 1e6, "must be a number of GiB >= 0"},
                            "GiB of the GPU's memory; 0: found out");
  memory.variable = "GENAI_OLLAMA_MAX_VRAM_GB";
  memory.ours = true;
  for (auto [name, target, help] :
       {std::tuple{"--vllm-metrics-url", &servers.vllm_url, "Prometheus page of a vLLM to ask"},
        std::tuple{"--tgi-metrics-url", &servers.tgi_url, "Prometheus page of a TGI to ask"}}) {
    auto& page = set.text(name, *target, help);
    page.metavar = "URL";
    page.ours = true;
  }
}

void settle_model_servers(daemon_options& options, const chosen_values& chosen,
                          option_problems& problems) {
  auto& servers = options.model_servers;
  auto& url = servers.ollama_url;
  if (servers.ollama_enabled && !url.empty() && !is_web_address(url)) {
    const auto& given = chosen.find("--ollama-url")->second;
    constexpr auto why = "no address of a server; write http://HOST:PORT, without a user";
    // Ollama's own variable may hold what other programs understand.
    if (given.origin == "OLLAMA_BASE_URL")
      options.warnings.push_back(given.rejected(why).text + " (Ollama is not asked)");
    else
      problems.push_back(given.rejected(why));
    url.clear();
  }
  while (url.ends_with('/'))
    url.pop_back();
  check_page(servers.vllm_url, "--vllm-metrics-url", chosen, problems);
  check_page(servers.tgi_url, "--tgi-metrics-url", chosen, problems);
}

} // namespace actord
