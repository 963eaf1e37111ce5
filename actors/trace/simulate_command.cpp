// lmcache-actord trace simulate FILE
#include "actors/trace/arguments.hpp"
#include "actors/trace/lct_file.hpp"
#include "actors/trace/progress_bar.hpp"
#include "observability/trace/recorded_accesses.hpp"
#include "observability/trace/simulation.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

namespace actord {

namespace {

using workload::room_rule;

constexpr std::string_view command = "simulate";
constexpr double gib = 1 << 30;
constexpr double max_gib = 1 << 20;
constexpr size_t max_sizes = 64;
constexpr size_t max_quotas = 1000;

constexpr std::array flags{
  trace_flag{"--policy", "NAMES", "LRU, ARC, MQ, IsolatedLRU, noop, with commas between [all]"},
  trace_flag{"--l1-size-gb", "GIB,...", "sizes of L1"},
  trace_flag{"--l1-size-percent", "P,...",
             "sizes as a share of all distinct blocks [1,2,5,10,20,40]"},
  trace_flag{"--eviction-trigger-watermark", "X", "as of the daemon [0.8]"},
  trace_flag{"--eviction-ratio", "X", "as of the daemon [0.2]"},
  trace_flag{"--room", "RULE", "watermark: the daemon's; full: one block at a time [watermark]"},
  trace_flag{"--quota", "SALT=GIB,...", "limits of salts, for IsolatedLRU"},
  trace_flag{"--json", "", "one JSON object instead of tables"},
  trace_flag{"--timing", "", "also how long it took, on standard error"},
  trace_flag{"--quiet", "", "no progress bar", 'q'},
};

const trace_usage usage{
  command,
  "FILE",
  "Runs the lookups and writes of a trace file, recorded or imported, through the eviction code\n"
  "of the daemon, and prints how often each policy would have hit for each size of L1, beside\n"
  "LRU and the best that was possible, given the future (`optimum`). No bytes are moved, and L2\n"
  "is left out.\n",
  flags,
  1,
  1};

/// Calls take(word) for what stands between commas; the first answer that is not empty ends it.
template <class Take>
std::string each_word(std::string_view list, const Take& take) {
  for (;;) {
    const auto comma = list.find(',');
    if (auto why = take(list.substr(0, comma)); !why.empty())
      return why;
    if (comma == std::string_view::npos)
      return {};
    list.remove_prefix(comma + 1);
  }
}

std::string read_number(std::string_view flag, std::string_view word, double most, double& result) {
  const auto* end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, result);
  if (error == std::errc{} && at == end && std::isfinite(result) && result > 0 && result <= most)
    return {};
  return std::string{flag} + ": '" + std::string{word} + "' is not a number above 0, up to "
         + std::to_string(static_cast<int64_t>(most));
}

std::string read_policies(const trace_arguments& words, trace::simulation_options& to) {
  return each_word(words.value_or("--policy", "LRU,ARC,MQ,IsolatedLRU,noop"), [&](auto word) {
    const auto kind = parse_eviction_kind(word);
    if (!kind)
      return "--policy: '" + std::string{word} + "' is not LRU, ARC, MQ, IsolatedLRU or noop";
    to.policies.push_back(*kind);
    return std::string{};
  });
}

std::string read_rule(const trace_arguments& words, trace::simulation_options& to) {
  const auto room = words.value_or("--room", "watermark");
  if (room != "watermark" && room != "full")
    return "--room '" + room + "' is not watermark or full";
  to.room = room == "full" ? room_rule::full : room_rule::watermark;
  const auto trigger = words.value_or("--eviction-trigger-watermark", "0.8");
  if (auto why = read_number("--eviction-trigger-watermark", trigger, 1, to.rule.trigger_watermark);
      !why.empty())
    return why;
  const auto ratio = words.number("--eviction-ratio", to.rule.eviction_ratio, 0);
  if (const auto* why = std::get_if<std::string>(&ratio))
    return *why;
  to.rule.eviction_ratio = std::get<double>(ratio);
  return to.rule.eviction_ratio <= 1 ? "" : "--eviction-ratio must be from 0 to 1";
}

/// Sizes of L1, as far as they do not depend on the trace.
std::string read_sizes(const trace_arguments& words, std::vector<double>& sizes) {
  const bool absolute = words.has("--l1-size-gb");
  if (absolute && words.has("--l1-size-percent"))
    return "--l1-size-gb and --l1-size-percent exclude each other";
  const std::string_view flag = absolute ? "--l1-size-gb" : "--l1-size-percent";
  return each_word(words.value_or(flag, "1,2,5,10,20,40"), [&](auto word) {
    if (sizes.size() == max_sizes)
      return std::string{flag} + ": more than " + std::to_string(max_sizes) + " sizes";
    double size = 0;
    auto why = read_number(flag, word, absolute ? max_gib : 100, size);
    sizes.push_back(size);
    return why;
  });
}

std::string read_quotas(const trace_arguments& words, const trace::recorded_accesses& accesses,
                        trace::simulation_options& to) {
  const auto* list = words.value("--quota");
  if (!list)
    return {};
  return each_word(*list, [&](std::string_view word) -> std::string {
    const auto equals = word.rfind('=');
    if (equals == std::string_view::npos || to.quotas.size() == max_quotas)
      return "--quota: '" + std::string{word} + "' is not SALT=GIB, " + std::to_string(max_quotas)
             + " of them at most";
    double size = 0;
    if (auto why = read_number("--quota", word.substr(equals + 1), max_gib, size); !why.empty())
      return why;
    const std::string salt{word.substr(0, equals)};
    const auto number = accesses.find_salt(salt);
    if (!number)
      return "--quota: no key of the trace has the salt '" + salt + "'";
    to.quotas.emplace_back(*number, static_cast<uint64_t>(size * gib));
    return {};
  });
}

/// Reads all of a trace; why it cannot be simulated, "" when it can.
std::string read_accesses(const std::string& path, trace::recorded_accesses& to) {
  auto opened = open_lct(path, [](const std::string& line) {
    std::fprintf(stderr, "WARNING: %s\n", line.c_str());
  });
  if (auto* fault = std::get_if<std::string>(&opened))
    return std::move(*fault);
  auto& file = std::get<trace::reader>(opened);
  if (file.head().level != "storage")
    return "trace file '" + path + "' is of level " + file.head().level
           + ", which holds no calls; simulate takes level storage";
  while (auto record = file.next())
    if (!to.add(*record))
      return "trace file '" + path + "' has more blocks or accesses than can be simulated";
  if (file.lost() > 0)
    std::fprintf(stderr, "%lld records were lost while this file was recorded\n",
                 static_cast<long long>(file.lost()));
  if (to.bad_calls() > 0)
    std::fprintf(stderr, "%llu calls were passed over; the first: %s\n",
                 static_cast<unsigned long long>(to.bad_calls()), to.first_fault().c_str());
  if (to.log().count().lookups == 0)
    return "trace file '" + path + "' holds no lookups (submit_prefetch_task): nothing can hit";
  return {};
}

void print_timing(const trace::simulation& of, double read_s, double run_s) {
  const auto runs = of.rows.size() * of.options.sizes_bytes.size();
  const auto accesses = static_cast<double>(runs * of.totals.lookups);
  std::fprintf(stderr, "read in %.2f s; %zu runs in %.2f s, %.1f million accesses per second\n",
               read_s, runs, run_s, accesses / run_s / 1e6);
}

} // namespace

int run_trace_simulate(trace_words words) {
  using clock = std::chrono::steady_clock;
  const auto seconds_since = [](clock::time_point start) {
    return std::chrono::duration<double>(clock::now() - start).count();
  };
  auto parsed = trace_arguments::parse(usage, words);
  if (const auto* code = std::get_if<int>(&parsed))
    return *code;
  const auto& given = std::get<trace_arguments>(parsed);
  trace::simulation_options options;
  std::vector<double> sizes;
  for (const auto& why :
       {read_policies(given, options), read_rule(given, options), read_sizes(given, sizes)})
    if (!why.empty())
      return trace_error(command, why, 2);

  const auto begin = clock::now();
  trace::recorded_accesses accesses;
  if (const auto why = read_accesses(given.operands()[0], accesses); !why.empty())
    return trace_error(command, why);
  const auto read_s = seconds_since(begin);
  if (const auto why = read_quotas(given, accesses, options); !why.empty())
    return trace_error(command, why, 2);
  const auto all_bytes = static_cast<double>(accesses.log().count().block_bytes);
  const double unit = given.has("--l1-size-gb") ? gib : all_bytes / 100;
  for (const auto size : sizes)
    options.sizes_bytes.push_back(static_cast<uint64_t>(std::llround(size * unit)));

  const auto started = clock::now();
  std::optional<progress_bar> bar;
  const auto result
    = trace::run_simulation(accesses.log(), std::move(options), [&](size_t done, size_t all) {
        if (!bar)
          bar.emplace(all, given.has("--quiet"));
        bar->show(done);
      });
  bar->end();
  const auto text
    = given.has("--json") ? trace::simulation_json(result) : trace::simulation_text(result);
  std::fputs(text.c_str(), stdout);
  if (given.has("--timing"))
    print_timing(result, read_s, seconds_since(started));
  return 0;
}

} // namespace actord
