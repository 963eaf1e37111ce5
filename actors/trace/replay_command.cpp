// lmcache-actord trace replay FILE
#include "actors/log.hpp"
#include "actors/logging.hpp"
#include "actors/telemetry/trace_recorder.hpp"
#include "actors/trace/arguments.hpp"
#include "actors/trace/lct_file.hpp"
#include "actors/trace/progress_bar.hpp"
#include "actors/trace/replayer.hpp"
#include "observability/trace/replay_stats.hpp"
#include "observability/trace/summary.hpp"
#include "runtime/options/option_draft.hpp"
#include "runtime/options/parse_options.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace actord {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::array flags{
  trace_flag{"--speed", "X", "1: as recorded; 10: ten times as fast; 0: as fast as it goes [1]"},
  trace_flag{"--seed", "N", "of the bytes that are stored, where --l2-adapter sees them [0]"},
  trace_flag{"--verbose", "", "a line per record"},
  trace_flag{"--jsonl-out", "PATH", "a JSON object per record; `trace plot` draws it"},
  trace_flag{"--output-dir", "DIR", "where the summaries go [.]"},
  trace_flag{"--no-csv", "", "no trace_replay_ops.csv"},
  trace_flag{"--json", "", "trace_replay_summary.json as well"},
  trace_flag{"--quiet", "", "no table", 'q'},
  // Of the Python server's command, without effect.
  trace_flag{"--trace-level", "LEVEL", "no effect"},
  trace_flag{"--trace-output", "FILE", "no effect"},
};

// Whether a value follows a flag of the daemon; nothing: it has no such flag.
std::optional<bool> takes_value(const std::string& flag) {
  option_draft draft;
  option_set set;
  declare_options(set, draft);
  const auto name = flag.starts_with("--no-") ? "--" + flag.substr(5) : flag;
  const auto* found = set.find(flag);
  if (!found)
    found = set.find(name);
  if (!found)
    return std::nullopt;
  return found->form == flag_form::value || found->form == flag_form::repeated
         || found->form == flag_form::words;
}

struct replay_wishes {
  std::string path, folder, jsonl;
  double speed = 1, seed = 0;
  bool verbose = false, csv = true, json = false, quiet = false;
};

struct json_lines {
  std::ofstream to;

  void write(const trace::replay_sample& sample) {
    if (to.is_open())
      to << trace::json_line(sample);
  }
};

class replay_run {
public:
  replay_run(const replay_wishes& wishes, const daemon_options& options, uint64_t total,
             std::ofstream lines)
    : wishes_(wishes), world_(options), replayer_(world_, static_cast<uint64_t>(wishes.seed)),
      total_(total), lines_{std::move(lines)}, bar_(total, wishes.quiet) {
  }

  void run(trace::reader& file) {
    const auto began = steady::now();
    while (auto record = file.next()) {
      keep_pace(began, record->t_mono);
      one(*record);
      if (wishes_.speed == 0)
        world_.settle();
    }
    replayer_.finish();
    duration_s_ = std::chrono::duration<double>(steady::now() - began).count();
    bar_.end();
  }

  const trace::replay_stats& stats() const {
    return stats_;
  }
  double duration_s() const {
    return duration_s_;
  }
  bool lines_failed() {
    lines_.to.flush();
    return lines_.to.is_open() && !lines_.to;
  }

private:
  // Never early. The clock of the cache follows the trace, whatever the speed.
  void keep_pace(steady::time_point began, double t_mono) {
    if (!std::isfinite(t_mono) || t_mono <= world_.now_s())
      return;
    if (wishes_.speed > 0) {
      const auto due_s = std::min(t_mono / wishes_.speed, 1e9);
      const auto due
        = began
          + std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(due_s));
      while (steady::now() < due) { // stores answer meanwhile
        world_.run_ready();
        std::this_thread::sleep_for(
          std::min<steady::duration>(due - steady::now(), std::chrono::milliseconds(1)));
      }
    }
    world_.advance_to(t_mono);
  }

  void one(const trace::record& what) {
    ++count_;
    auto call = trace::to_call(what);
    trace::replay_sample sample;
    sample.qualname = what.qualname;
    sample.t_s = std::isfinite(what.t_mono) ? what.t_mono : 0;
    if (const auto* why = std::get_if<std::string>(&call)) {
      log_warn(log_part::trace, "trace replay: {}: {}; skipping",
               trace::printable_line(what.qualname), *why);
      stats_.skip();
      sample.failed = true;
      return tell(sample);
    }
    const auto began = steady::now();
    const auto outcome = replayer_.replay(std::get<trace::call>(call));
    sample.latency_ms = std::chrono::duration<double, std::milli>(steady::now() - began).count();
    sample.failed = !outcome.fault.empty();
    sample.wanted = outcome.wanted;
    sample.hits = outcome.hits;
    if (sample.failed)
      log_warn(log_part::trace, "trace replay: {} failed: {}", what.qualname, outcome.fault);
    stats_.add(sample);
    tell(sample);
  }

  void tell(trace::replay_sample& sample) {
    if (lines_.to.is_open())
      if (const auto now = world_.ask<l1_status>(world_.l1(), atom::status_v)) {
        sample.used_bytes = now->usage.used_bytes;
        sample.l1_bytes = now->usage.total_bytes;
      }
    lines_.write(sample);
    const auto* word = sample.failed ? "FAIL" : "OK";
    const auto name = trace::printable_line(sample.qualname);
    if (wishes_.verbose)
      std::printf("  [%llu/%llu]  %-4s  %8.3fms  %s\n", static_cast<unsigned long long>(count_),
                  static_cast<unsigned long long>(total_), word, sample.latency_ms, name.c_str());
    if (bar_.shown())
      bar_.show(count_);
    else
      log_info(log_part::trace, "[{}/{}] {} {} ({:.3f}ms)", count_, total_, word, name,
               sample.latency_ms);
  }

  const replay_wishes& wishes_;
  replay_world world_;
  replayer replayer_;
  trace::replay_stats stats_;
  uint64_t total_, count_ = 0;
  double duration_s_ = 0;
  json_lines lines_;
  progress_bar bar_;
};

void warn_of_differences() {
  log_warn(log_part::trace,
           "REPLAY ENVIRONMENT MISMATCH MAY CAUSE RETRIEVE MISSES: this cache has the options of "
           "the command line, not those of the recording, and this machine has its own speed. "
           "Misses tell of the replay, not of the trace");
}

std::string save(const std::filesystem::path& path, const std::string& text, const char* kind) {
  std::ofstream to{path, std::ios::binary};
  to << text;
  to.close();
  if (!to)
    return "cannot write " + path.string() + "; choose another --output-dir";
  log_info(log_part::trace, "{} written to {}", kind, path.string());
  return {};
}

// Writes what was measured; returns what went wrong.
std::string report(const replay_wishes& wishes, const daemon_options& options,
                   const trace::header& head, replay_run& run) {
  const std::filesystem::path folder{wishes.folder};
  if (run.lines_failed())
    return "cannot write all of " + wishes.jsonl + "; choose another --jsonl-out";
  if (wishes.csv)
    if (auto fault = save(folder / "trace_replay_ops.csv", run.stats().csv(), "CSV");
        !fault.empty())
      return fault;
  if (wishes.json)
    if (auto fault
        = save(folder / "trace_replay_summary.json", run.stats().json(run.duration_s()), "JSON");
        !fault.empty())
      return fault;
  if (wishes.quiet)
    return {};
  const auto ours = trace_header(options, 0, 0);
  flush_log();
  const auto table
    = run.stats().table({head.level, run.duration_s(), head.sm_config_digest, ours.sm_config_digest,
                         normal_digest(head) == normal_digest(ours)});
  std::fputs(table.c_str(), stdout);
  return {};
}

void log_line(const std::string& line) {
  log_warn(log_part::trace, "{}", line);
}

int replay_file(const replay_wishes& wishes, const daemon_options& options) {
  auto counted = open_lct(wishes.path, [](const std::string&) {}); // told once, when it is replayed
  if (const auto* fault = std::get_if<std::string>(&counted))
    return trace_error("replay", *fault);
  const auto head = std::get<trace::reader>(counted).head();
  if (head.level != "storage")
    return trace_error("replay", "trace '" + wishes.path + "' is of level '"
                                   + trace::printable_line(head.level)
                                   + "'; only those of level 'storage' can be replayed");
  std::error_code error;
  std::filesystem::create_directories(wishes.folder, error);
  if (error)
    return trace_error("replay", "--output-dir " + wishes.folder + ": " + error.message());
  std::ofstream lines;
  if (!wishes.jsonl.empty()) {
    const auto parent = std::filesystem::absolute(wishes.jsonl).parent_path();
    std::filesystem::create_directories(parent, error);
    lines.open(wishes.jsonl, std::ios::binary);
    if (!lines)
      return trace_error("replay", "--jsonl-out " + wishes.jsonl + " cannot be written");
  }
  uint64_t total = 0;
  while (std::get<trace::reader>(counted).next())
    ++total;
  warn_of_differences();
  log_info(log_part::trace, "trace replay: file={} records={}", wishes.path, total);
  auto file = open_lct(wishes.path, log_line);
  if (const auto* fault = std::get_if<std::string>(&file))
    return trace_error("replay", *fault);
  replay_run run{wishes, options, total, std::move(lines)};
  run.run(std::get<trace::reader>(file));
  if (const auto fault = report(wishes, options, head, run); !fault.empty())
    return trace_error("replay", fault);
  return run.stats().failed() > 0 ? 1 : 0;
}

std::variant<replay_wishes, std::string> wishes_of(const trace_arguments& given) {
  replay_wishes result;
  result.path = given.operands()[0];
  result.folder = given.value_or("--output-dir", ".");
  result.jsonl = given.value_or("--jsonl-out", "");
  result.verbose = given.has("--verbose");
  result.csv = !given.has("--no-csv");
  result.json = given.has("--json");
  result.quiet = given.has("--quiet");
  for (const auto& [flag, target] :
       {std::pair{"--speed", &result.speed}, {"--seed", &result.seed}}) {
    auto number = given.number(flag, *target, 0);
    if (auto* fault = std::get_if<std::string>(&number))
      return std::move(*fault);
    *target = std::get<double>(number);
  }
  if (result.seed > 9e15)
    return "--seed is above 9e15";
  return result;
}

} // namespace

int run_trace_replay(trace_words words) {
  const trace_usage usage{
    "replay",
    "FILE",
    "Does the calls of a trace one after the other on a cache of this process, which has the\n"
    "options of the daemon's own flags: --l1-size-gb and --eviction-policy must be given, an\n"
    "--l2-adapter may be. Times each call. Two replays with --speed 0 find the same.\n\n"
    "  lmcache-actord trace replay FILE --l1-size-gb 2 --eviction-policy LRU --speed 0\n",
    flags,
    1,
    1,
    takes_value};
  auto parsed = trace_arguments::parse(usage, words);
  if (const auto* code = std::get_if<int>(&parsed))
    return *code;
  const auto& given = std::get<trace_arguments>(parsed);
  auto wishes = wishes_of(given);
  if (const auto* fault = std::get_if<std::string>(&wishes))
    return trace_error("replay", *fault, 2);
  auto options = parse_options(given.rest(), process_sources());
  if (const auto* exit = std::get_if<exit_request>(&options)) {
    std::fputs(exit->text.c_str(), exit->to_stderr ? stderr : stdout);
    return exit->code;
  }
  const auto& chosen = std::get<daemon_options>(options);
  start_logging(chosen.observability);
  int result = 1;
  try {
    result = replay_file(std::get<replay_wishes>(wishes), chosen);
  } catch (const std::exception& error) {
    trace_error("replay", error.what());
  }
  finish_logging();
  return result;
}

} // namespace actord
