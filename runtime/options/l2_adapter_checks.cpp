// Reads every --l2-adapter, and checks what concerns several of them or L1.
#include "runtime/options/l2_adapter_checks.hpp"

#include "runtime/options/l2_adapter_json.hpp"
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_values.hpp"

#include <filesystem>
#include <map>

namespace actord {

namespace {

/// The adapter that keeps the bytes: inside any number of fault_inject.
const l2_adapter_options& innermost(const l2_adapter_options& adapter) {
  const auto* faults = std::get_if<fault_inject_l2_options>(&adapter.store);
  return faults == nullptr ? adapter : innermost(*faults->inner);
}

/// `/data/./kv/` and `/data/kv` are one place.
std::string plain_path(const std::string& path) {
  auto text = std::filesystem::path(path).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/'))
    text.pop_back();
  return text;
}

std::string plain_host(const std::string& host, std::uint16_t port) {
  std::string text = host;
  for (auto& c : text)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text + ":" + std::to_string(port);
}

class l2_checker {
public:
  l2_checker(daemon_options& options, option_problems& problems)
    : options_(options), problems_(problems) {
  }

  void check(std::size_t number, const l2_adapter_options& adapter) {
    const auto flag = "--l2-adapter #" + std::to_string(number) + " ('" + adapter.type + "'): ";
    for (const auto& text : l1_problems(adapter, options_.l1))
      problems_.push_back({1, flag + text});
    const auto place = place_of(adapter);
    if (place.key != "base_path" && place.key != "device_path")
      return; // two daemons may share a server as well
    auto [first, is_new] = places_.try_emplace({place.key, place.where}, number);
    const auto other = place.key + " is that of --l2-adapter #" + std::to_string(first->second);
    if (!is_new && place.key == "base_path")
      options_.warnings.push_back(flag + other + " too: both keep the same files");
    else if (!is_new)
      problems_.push_back({1, flag + other + " too; a device has one owner: remove one of them"});
  }

private:
  daemon_options& options_;
  option_problems& problems_;
  std::map<std::pair<std::string, std::string>, std::size_t> places_;
};

} // namespace

l2_place place_of(const l2_adapter_options& adapter) {
  const auto& store = innermost(adapter).store;
  if (const auto* fs = std::get_if<fs_l2_options>(&store))
    return {"base_path", plain_path(fs->base_path)};
  if (const auto* raw = std::get_if<raw_block_l2_options>(&store))
    return {"device_path", plain_path(raw->device_path)};
  if (const auto* redis = std::get_if<redis_l2_options>(&store)) {
    const auto& node = redis->nodes.front();
    return {innermost(adapter).type == "valkey" ? "startup_nodes" : "host",
            "redis " + plain_host(node.host, node.port) + "/"
              + std::to_string(redis->database_id.value_or(0)) + "/" + redis->key_prefix};
  }
  if (const auto* s3 = std::get_if<s3_l2_options>(&store))
    return {"s3_endpoint", "s3 " + plain_host(s3->host, s3->port) + "/" + s3->bucket};
  return {};
}

std::vector<std::string> l1_problems(const l2_adapter_options& adapter, const l1_options& l1) {
  std::vector<std::string> result;
  if (adapter.affinity_tag != l1.tag)
    result.push_back("affinity_tag must name an L1, not \"" + printable(adapter.affinity_tag, 40)
                     + "\"; the only one is \"" + printable(l1.tag, 40) + "\"");
  const auto* raw = std::get_if<raw_block_l2_options>(&innermost(adapter).store);
  if (raw && (raw->use_odirect || raw->use_uring_cmd) && l1.align_bytes < raw->block_align)
    result.push_back("block_align must be at most --l1-align-bytes, which is "
                     + std::to_string(l1.align_bytes) + ", not " + std::to_string(raw->block_align)
                     + "; raise that, or set use_odirect to false");
  return result;
}

void settle_l2_adapters(option_draft& draft, const option_sources& sources,
                        option_problems& problems) {
  const auto& texts = draft.l2_adapters;
  if (texts.size() > max_l2_adapters)
    return problems.push_back({1, "--l2-adapter is given " + std::to_string(texts.size())
                                    + " times: at most 64 are possible; remove some"});
  l2_checker checker(draft.options, problems);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto reading = read_l2_adapter(texts[i], i + 1, sources.variables);
    for (auto& text : reading.problems)
      problems.push_back({1, std::move(text)});
    auto& warnings = draft.options.warnings;
    warnings.insert(warnings.end(), reading.warnings.begin(), reading.warnings.end());
    if (!reading.options)
      continue;
    checker.check(i + 1, *reading.options);
    draft.options.l2.adapters.push_back(std::move(*reading.options));
  }
}

} // namespace actord
