#include "observability/trace/simulation.hpp"

#include "storage/workload/clairvoyant.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

namespace actord::trace {

namespace {

constexpr std::string_view optimum_name = "optimum";
constexpr double gib = 1 << 30;

std::string_view name_of(const simulation_row& row) {
  return row.policy ? to_string(*row.policy) : optimum_name;
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

template <class... Values>
std::string printed(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

/// 1,234,567.
std::string grouped(uint64_t number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string size_text(uint64_t bytes) {
  const auto size = static_cast<double>(bytes) / gib;
  return size < 1000 ? printed("%.4g GiB", size)
                     : grouped(static_cast<uint64_t>(std::llround(size))) + " GiB";
}

template <class Cell>
std::string table(const simulation& of, const Cell& cell) {
  std::string result = printed("  %-12s", "");
  for (const auto size : of.options.sizes_bytes)
    result += printed(" %11s", size_text(size).c_str());
  result += '\n';
  for (const auto& row : of.rows) {
    result += printed("  %-12s", std::string{name_of(row)}.c_str());
    for (const auto& counts : row.cells)
      result += printed(" %11.1f", 100 * share(cell(counts), of.totals.lookups));
    result += '\n';
  }
  return result;
}

std::string rule_text(const simulation_options& options) {
  if (options.room == workload::room_rule::full)
    return "room is made for one block at a time, when the cache is full";
  return printed("room is made as the daemon makes it: above %.4g %% of L1, down by %.4g %%",
                 100 * options.rule.trigger_watermark, 100 * options.rule.eviction_ratio);
}

} // namespace

simulation run_simulation(const workload::access_log& log, simulation_options options,
                          const std::function<void(size_t done, size_t all)>& done) {
  std::vector<eviction_kind> policies{eviction_kind::lru};
  for (const auto policy : options.policies)
    if (std::find(policies.begin(), policies.end(), policy) == policies.end())
      policies.push_back(policy);
  options.policies = policies;
  simulation result{std::move(options), log.count(), log.blocks(), {}};
  const auto& asked = result.options;
  const size_t all = (policies.size() + 1) * asked.sizes_bytes.size();
  size_t finished = 0;
  const auto add = [&](std::optional<eviction_kind> policy, const auto& run) {
    simulation_row row{policy, {}};
    for (const auto size : asked.sizes_bytes) {
      row.cells.push_back(run(size));
      done(++finished, all);
    }
    result.rows.push_back(std::move(row));
  };
  for (const auto policy : policies)
    add(policy, [&](uint64_t size) {
      return workload::simulate(log, {policy, size, asked.room, asked.rule, asked.quotas});
    });
  const workload::clairvoyant best{log, asked.room};
  add(std::nullopt, [&](uint64_t size) { return best.run(size); });
  return result;
}

std::string simulation_text(const simulation& of) {
  const auto& totals = of.totals;
  std::string result
    = grouped(totals.requests) + " requests look up " + grouped(totals.lookups) + " blocks, "
      + grouped(of.blocks) + " of them distinct (" + size_text(totals.block_bytes) + "); at most "
      + printed("%.1f", 100 * share(totals.most_hits, totals.lookups)) + " % can hit\n";
  if (totals.writes > 0)
    result += grouped(totals.writes) + " blocks are written that nobody had looked up\n";
  result += rule_text(of.options) + "\n\nblocks found, % of those looked up, by size of L1\n";
  result += table(of, [](const auto& counts) { return counts.hits; });
  result += "\nthose that a prefix cache can serve: all blocks before them found too\n";
  result += table(of, [](const auto& counts) { return counts.prefix_hits; });
  if (!totals.same_size)
    result += "\nblocks differ in size: `optimum` (what is wanted latest goes first) is no bound\n";
  for (const auto& row : of.rows)
    for (size_t at = 0; at < row.cells.size(); ++at)
      if (row.cells[at].refused > 0 && row.policy && *row.policy != eviction_kind::noop)
        result += std::string{name_of(row)} + " at " + size_text(of.options.sizes_bytes[at]) + ": "
                  + grouped(row.cells[at].refused) + " blocks found no room\n";
  return result;
}

std::string simulation_json(const simulation& of) {
  using json = nlohmann::ordered_json;
  const auto& totals = of.totals;
  json result;
  result["workload"] = {{"requests", totals.requests},
                        {"lookups", totals.lookups},
                        {"lookup_bytes", totals.lookup_bytes},
                        {"writes", totals.writes},
                        {"blocks", of.blocks},
                        {"block_bytes", totals.block_bytes},
                        {"most_hits", totals.most_hits},
                        {"same_size", totals.same_size}};
  const bool full = of.options.room == workload::room_rule::full;
  result["room"] = full ? "full" : "watermark";
  if (!full) {
    result["eviction_trigger_watermark"] = of.options.rule.trigger_watermark;
    result["eviction_ratio"] = of.options.rule.eviction_ratio;
  }
  result["runs"] = json::array();
  for (const auto& row : of.rows)
    for (size_t at = 0; at < row.cells.size(); ++at) {
      const auto& counts = row.cells[at];
      result["runs"].push_back({{"policy", name_of(row)},
                                {"l1_size_bytes", of.options.sizes_bytes[at]},
                                {"hits", counts.hits},
                                {"hit_ratio", share(counts.hits, totals.lookups)},
                                {"hit_bytes", counts.hit_bytes},
                                {"prefix_hits", counts.prefix_hits},
                                {"prefix_hit_ratio", share(counts.prefix_hits, totals.lookups)},
                                {"evicted", counts.evicted},
                                {"refused", counts.refused}});
    }
  return result.dump(2) + '\n';
}

} // namespace actord::trace
