#include "observability/trace/replay_stats.hpp"

#include "observability/trace/calls.hpp"
#include "observability/trace/summary.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace actord::trace {

namespace {

constexpr size_t table_width = 64;
constexpr size_t max_line_bytes = 1 << 20;

std::string fixed(double number, int digits) {
  std::array<char, 400> text;
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

double percentile(const std::vector<double>& sorted, double share) {
  const auto count = sorted.size();
  const auto at = static_cast<size_t>(share / 100 * static_cast<double>(count));
  return sorted[std::min(count - 1, at)];
}

std::string bar(char with, std::string_view title) {
  if (title.empty())
    return std::string(table_width, with) + "\n";
  const auto spare = table_width - title.size() - 2;
  return std::string(spare / 2, with) + ' ' + std::string{title} + ' '
         + std::string(spare - spare / 2, with) + "\n";
}

std::string line(std::string label, const std::string& value) {
  label += ':';
  const auto used = label.size() + value.size();
  return label + std::string(used < table_width ? table_width - used : 1, ' ') + value + "\n";
}

// As Python's csv writes a field.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string result = "\"";
  for (const char each : text)
    result.append(each == '"' ? 2 : 1, each);
  return result + '"';
}

} // namespace

std::string json_line(const replay_sample& sample) {
  auto text = "{\"qualname\": " + nlohmann::json(sample.qualname).dump(-1, ' ', true)
              + ", \"latency_ms\": " + nlohmann::json(sample.latency_ms).dump()
              + ", \"failed\": " + (sample.failed ? "true" : "false")
              + ", \"t_s\": " + nlohmann::json(sample.t_s).dump();
  if (sample.wanted > 0)
    text += ", \"wanted\": " + std::to_string(sample.wanted)
            + ", \"hits\": " + std::to_string(sample.hits);
  return text + ", \"l1_used_bytes\": " + std::to_string(sample.used_bytes)
         + ", \"l1_bytes\": " + std::to_string(sample.l1_bytes) + "}\n";
}

std::optional<replay_sample> parse_json_line(const std::string& line, bool& has_time) {
  if (line.size() > max_line_bytes)
    return std::nullopt;
  const auto flat = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= 1; // whatever is nested is none of ours
  };
  const auto what = nlohmann::json::parse(line, flat, false);
  if (!what.is_object())
    return std::nullopt;
  const auto number = [&](const char* key) {
    const auto found = what.find(key);
    const auto value = found != what.end() && found->is_number() ? found->get<double>() : 0.0;
    return std::isfinite(value) ? std::clamp(value, 0.0, 1e18) : 0.0;
  };
  const auto name = what.find("qualname");
  const auto latency = what.find("latency_ms");
  if (name == what.end() || !name->is_string() || latency == what.end() || !latency->is_number())
    return std::nullopt;
  replay_sample result;
  result.qualname = name->get<std::string>();
  result.latency_ms = number("latency_ms");
  const auto failed = what.find("failed");
  result.failed = failed != what.end() && failed->is_boolean() && failed->get<bool>();
  has_time = what.contains("t_s");
  result.t_s = number("t_s");
  result.wanted = static_cast<uint64_t>(number("wanted"));
  result.hits = static_cast<uint64_t>(number("hits"));
  result.used_bytes = static_cast<uint64_t>(number("l1_used_bytes"));
  result.l1_bytes = static_cast<uint64_t>(number("l1_bytes"));
  return result;
}

void replay_stats::add(const replay_sample& sample) {
  auto& operation = operations_[sample.qualname];
  if (sample.failed) {
    ++operation.errors;
    ++failed_;
    return;
  }
  operation.latencies_ms.push_back(sample.latency_ms);
  ++replayed_;
  wanted_ += sample.wanted;
  hits_ += sample.hits;
}

replay_stats::row replay_stats::row_of(const timings& from) {
  row result;
  result.count = from.latencies_ms.size();
  result.errors = from.errors;
  if (result.count == 0)
    return result;
  auto sorted = from.latencies_ms;
  std::ranges::sort(sorted);
  result.mean
    = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(result.count);
  result.p50 = percentile(sorted, 50);
  result.p90 = percentile(sorted, 90);
  result.p99 = percentile(sorted, 99);
  result.least = sorted.front();
  result.most = sorted.back();
  return result;
}

std::string replay_stats::csv() const {
  std::string out = "qualname,count,errors,mean_ms,p50_ms,p90_ms,p99_ms,min_ms,max_ms\r\n";
  for (const auto& [name, operation] : operations_) {
    const auto of = row_of(operation);
    out += csv_field(name) + ',' + std::to_string(of.count) + ',' + std::to_string(of.errors);
    for (const auto each : {of.mean, of.p50, of.p90, of.p99, of.least, of.most})
      out += ',' + fixed(each, 6);
    out += "\r\n";
  }
  return out;
}

std::string replay_stats::json(double duration_s) const {
  nlohmann::json ops = nlohmann::json::object();
  for (const auto& [name, operation] : operations_) {
    const auto of = row_of(operation);
    ops[name]
      = {{"count", of.count}, {"errors", of.errors}, {"mean_ms", of.mean}, {"p50_ms", of.p50},
         {"p90_ms", of.p90},  {"p99_ms", of.p99},    {"min_ms", of.least}, {"max_ms", of.most}};
  }
  return nlohmann::json{{"duration_s", duration_s}, {"ops", ops}}.dump(2, ' ', true) + "\n";
}

std::string replay_stats::table(const verdict& run) const {
  auto out = bar('=', "Trace Replay Result") + bar('-', "Overall")
             + line("Trace level", printable_line(run.level))
             + line("Records replayed", std::to_string(replayed_))
             + line("Records skipped", std::to_string(skipped_))
             + line("Records failed", std::to_string(failed_))
             + line("Replay duration (s)", fixed(run.duration_s, 2));
  const auto shown = [](const std::string& digest) { return printable_line(digest.substr(0, 8)); };
  if (!run.recorded_digest.empty() && run.same)
    out += line("Config digest", "match (" + shown(run.recorded_digest) + ")");
  else if (!run.recorded_digest.empty())
    out += line("Config digest", "MISMATCH (rec=" + shown(run.recorded_digest)
                                   + ", run=" + shown(run.run_digest) + ")");
  if (!operations_.empty())
    out += bar('-', "Per-Op Latency (ms)");
  for (const auto& [name, operation] : operations_) {
    const auto of = row_of(operation);
    const auto label = printable_line(short_name(name));
    out += line(label + " count", std::to_string(of.count))
           + line(label + " mean", fixed(of.mean, 2)) + line(label + " p50", fixed(of.p50, 2))
           + line(label + " p99", fixed(of.p99, 2));
  }
  if (wanted_ > 0)
    out += bar('-', "Lookups") + line("Chunks looked up", std::to_string(wanted_))
           + line("Chunks found", std::to_string(hits_))
           + line("Hit rate (%)",
                  fixed(100 * static_cast<double>(hits_) / static_cast<double>(wanted_), 2));
  return out + bar('=', "");
}

} // namespace actord::trace
