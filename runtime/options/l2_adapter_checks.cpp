// Reads every --l2-adapter, and checks what concerns several of them or L1.
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
std::string place_of(const std::string& path) {
  auto text = std::filesystem::path(path).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/'))
    text.pop_back();
  return text;
}

class l2_checker {
public:
  l2_checker(daemon_options& options, option_problems& problems)
    : options_(options), problems_(problems) {
  }

  void check(std::size_t number, const l2_adapter_options& adapter) {
    flag_ = "--l2-adapter #" + std::to_string(number) + " ('" + adapter.type + "'): ";
    check_affinity(adapter);
    const auto& inner = innermost(adapter);
    if (const auto* fs = std::get_if<fs_l2_options>(&inner.store))
      check_folder(number, *fs);
    else if (const auto* raw = std::get_if<raw_block_l2_options>(&inner.store))
      check_device(number, *raw);
  }

private:
  void problem(const std::string& text) {
    problems_.push_back({1, flag_ + text});
  }

  void check_affinity(const l2_adapter_options& adapter) {
    const auto& tag = options_.l1.tag;
    if (adapter.affinity_tag != tag)
      problem("affinity_tag must name an L1, not \"" + printable(adapter.affinity_tag, 40)
              + "\"; the only one is \"" + printable(tag, 40) + "\"");
  }

  void check_folder(std::size_t number, const fs_l2_options& fs) {
    auto [first, is_new] = folders_.try_emplace(place_of(fs.base_path), number);
    if (!is_new)
      options_.warnings.push_back(flag_ + "base_path is that of --l2-adapter #"
                                  + std::to_string(first->second)
                                  + " too: both keep the same files");
  }

  void check_device(std::size_t number, const raw_block_l2_options& raw) {
    auto [first, is_new] = devices_.try_emplace(place_of(raw.device_path), number);
    if (!is_new)
      problem("device_path is that of --l2-adapter #" + std::to_string(first->second)
              + " too; a device has one owner: remove one of them");
    if ((raw.use_odirect || raw.use_uring_cmd) && options_.l1.align_bytes < raw.block_align)
      problem("block_align must be at most --l1-align-bytes, which is "
              + std::to_string(options_.l1.align_bytes) + ", not " + std::to_string(raw.block_align)
              + "; raise that, or set use_odirect to false");
  }

  daemon_options& options_;
  option_problems& problems_;
  std::string flag_;
  std::map<std::string, std::size_t> folders_, devices_;
};

} // namespace

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
