// lmcache-actord trace import --format NAME FILE...
#include "actors/trace/arguments.hpp"
#include "actors/trace/progress_bar.hpp"
#include "actors/trace/workload_file.hpp"
#include "observability/trace/request_reader.hpp"
#include "observability/trace/workload_import.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <system_error>

#include <unistd.h>

namespace actord {

namespace {

using trace::bad_request;
using trace::workload_format;
using trace::workload_request;

constexpr std::string_view command = "import";
constexpr double default_token_bytes = 131'072; // Llama 3.1 8B in bfloat16
constexpr uint64_t max_token_bytes = uint64_t{1} << 30;
constexpr uint64_t max_shown_lines = 10;
constexpr uint64_t max_sorted_blocks = uint64_t{1} << 28; // 2 GiB of ids

constexpr std::array flags{
  trace_flag{"--format", "NAME", "mooncake or agentic; required"},
  trace_flag{"--output", "PATH", "the trace file [first FILE with .lct at its end]", 'o'},
  trace_flag{"--kv-bytes-per-token", "N",
             "KV of one token, all layers and ranks [131072: Llama 3.1 8B in bf16]"},
  trace_flag{"--skip-bad-lines", "", "pass over requests that are not as they should be"},
  trace_flag{"--quiet", "", "no progress bar", 'q'},
};

const trace_usage usage{
  command,
  "FILE...",
  "Turns public KV-cache request traces into a trace file, for `trace simulate` and `trace\n"
  "replay`. A FILE may be compressed by gzip.\n"
  "\n"
  "  mooncake   JSON lines, one request each: timestamp (ms), input_length, output_length and\n"
  "             hash_ids, one per block of 512 tokens\n"
  "  agentic    one JSON object a FILE, a session: requests, each with t (s), in, out and\n"
  "             hash_ids, one per block of 64 tokens; ids are the session's own, and the\n"
  "             sessions of several FILEs begin together\n"
  "\n"
  "A request with a field that is missing, given twice or not of its kind ends the import with\n"
  "its line and field, and nothing is written.\n",
  flags,
  1,
  1'000'000};

/// The file being written: PATH.part until all is there.
class lct_output {
public:
  explicit lct_output(std::string path) : path_{std::move(path)}, part_{path_ + ".part"} {
    file_ = std::fopen(part_.c_str(), "wbe");
    if (file_ == nullptr)
      fail("create");
  }
  lct_output(const lct_output&) = delete;
  lct_output& operator=(const lct_output&) = delete;
  ~lct_output() {
    if (file_ == nullptr)
      return;
    std::fclose(file_);
    ::unlink(part_.c_str());
  }

  void write(const std::string& bytes) {
    if (fault_.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
      fail("write");
  }
  /// Puts it in its place.
  void finish() {
    if (!fault_.empty())
      return;
    const bool flushed = std::fflush(file_) == 0;
    const bool closed = std::fclose(file_) == 0;
    file_ = nullptr;
    if (!flushed || !closed || std::rename(part_.c_str(), path_.c_str()) != 0) {
      fail("write");
      ::unlink(part_.c_str());
    }
  }
  const std::string& fault() const {
    return fault_;
  }

private:
  void fail(const char* what) {
    fault_ = std::string{"cannot "} + what + " '" + path_
             + "': " + std::generic_category().message(errno);
  }

  std::string path_, part_;
  std::FILE* file_ = nullptr;
  std::string fault_;
};

struct import_flags {
  workload_format format = workload_format::mooncake;
  trace::import_options options = {};
  bool skip = false, quiet = false;
};

struct import_run : import_flags {
  import_run(const import_flags& given, lct_output& output)
    : import_flags{given}, to{output}, fault{output.fault()} {
  }

  lct_output& to;
  uint64_t requests = 0, blocks = 0, empty = 0, bad = 0;
  std::string fault;
  std::string bytes; // scratch

  void write(uint64_t session, const workload_request& request) {
    ++requests;
    blocks += request.blocks.size();
    empty += request.blocks.empty() ? 1 : 0;
    bytes.clear();
    trace::append_request(bytes, options, session, request);
    to.write(bytes);
    fault = to.fault();
  }
};

/// Passes the good requests of a file on; what is wrong with it ends up in `fault`.
void read_file(import_run& run, const std::string& path,
               const std::function<void(workload_request)>& take) {
  auto opened = workload_file::open(path);
  if (auto* why = std::get_if<std::string>(&opened)) {
    run.fault = std::move(*why);
    return;
  }
  const auto file = std::get<std::shared_ptr<workload_file>>(opened);
  progress_bar bar{file->size_bytes(), run.quiet};
  const auto tell = [&](std::variant<workload_request, bad_request> next) {
    if (bar.shown())
      bar.show(file->offset_bytes());
    if (auto* request = std::get_if<workload_request>(&next)) {
      take(std::move(*request));
    } else {
      const auto& bad = std::get<bad_request>(next);
      const auto line = path + ":" + std::to_string(bad.line) + ": " + bad.why;
      ++run.bad;
      if (!run.skip)
        run.fault = line + "; --skip-bad-lines passes over such requests";
      else if (run.bad <= max_shown_lines)
        std::fprintf(stderr, "skipped: %s\n", line.c_str());
    }
    return run.fault.empty();
  };
  const auto source = [file](std::span<char> into) { return file->read(into); };
  const auto why = trace::read_requests(run.format, source, tell);
  bar.end();
  if (run.fault.empty() && !file->fault().empty())
    run.fault = file->fault();
  else if (run.fault.empty() && !why.empty())
    run.fault = path + ": " + why;
}

/// Sessions that run side by side, in the order of time.
void import_sessions(import_run& run, const std::vector<std::string>& paths) {
  struct entry {
    uint64_t session = 0;
    workload_request request;
  };
  std::vector<entry> all;
  uint64_t blocks = 0;
  for (size_t session = 0; session < paths.size() && run.fault.empty(); ++session)
    read_file(run, paths[session], [&](workload_request request) {
      blocks += request.blocks.size() + sizeof(entry) / sizeof(uint64_t);
      if (blocks > max_sorted_blocks)
        run.fault = paths[session] + ": more blocks than can be put in order at once ("
                    + std::to_string(max_sorted_blocks) + "); import fewer files";
      else
        all.push_back({session, std::move(request)});
    });
  std::ranges::stable_sort(all, {}, [](const entry& each) { return each.request.t_s; });
  for (const auto& [session, request] : all)
    if (run.fault.empty())
      run.write(session, request);
}

/// What keeps the words from being used; "": nothing.
std::string read_flags(const trace_arguments& words, import_flags& to) {
  const auto name = words.value_or("--format", "");
  const auto format = trace::parse_workload_format(name);
  if (!format)
    return "--format '" + name + "' is not mooncake or agentic";
  if (*format == workload_format::mooncake && words.operands().size() > 1)
    return "one FILE is a whole mooncake trace; there are "
           + std::to_string(words.operands().size());
  const auto bytes = words.number("--kv-bytes-per-token", default_token_bytes, 1);
  if (const auto* why = std::get_if<std::string>(&bytes))
    return *why;
  const auto token_bytes = std::get<double>(bytes);
  if (token_bytes > max_token_bytes || token_bytes != static_cast<double>(uint64_t(token_bytes)))
    return "--kv-bytes-per-token must be a whole number from 1 to "
           + std::to_string(max_token_bytes);
  to = {*format,
        {name, trace::block_tokens(*format), static_cast<uint64_t>(token_bytes)},
        words.has("--skip-bad-lines"),
        words.has("--quiet")};
  return {};
}

} // namespace

int run_trace_import(trace_words words) {
  auto parsed = trace_arguments::parse(usage, words);
  if (const auto* code = std::get_if<int>(&parsed))
    return *code;
  const auto& given = std::get<trace_arguments>(parsed);
  const auto& paths = given.operands();
  const auto path = given.value_or("--output", paths[0] + ".lct");
  import_flags chosen;
  if (const auto why = read_flags(given, chosen); !why.empty())
    return trace_error(command, why, 2);
  lct_output to{path};
  import_run run{chosen, to};
  to.write(trace::encode(trace::import_header(run.options)));
  if (run.format == workload_format::agentic)
    import_sessions(run, paths);
  else if (run.fault.empty())
    read_file(run, paths[0], [&](const workload_request& request) { run.write(0, request); });
  if (run.fault.empty()) {
    to.finish();
    run.fault = to.fault();
  }
  if (!run.fault.empty())
    return trace_error(command, run.fault);
  std::printf("%s: %llu requests, %llu blocks of %u tokens (%llu bytes each)\n", path.c_str(),
              static_cast<unsigned long long>(run.requests),
              static_cast<unsigned long long>(run.blocks), run.options.block_tokens,
              static_cast<unsigned long long>(trace::block_bytes(run.options)));
  if (run.empty > 0)
    std::printf("%llu requests have no blocks and are left out\n",
                static_cast<unsigned long long>(run.empty));
  if (run.bad > 0)
    std::printf("%llu bad requests were skipped\n", static_cast<unsigned long long>(run.bad));
  return 0;
}

} // namespace actord
