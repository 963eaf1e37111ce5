// lmcache-actord trace plot FILE
#include "actors/trace/arguments.hpp"
#include "actors/trace/lct_file.hpp"
#include "observability/trace/plot.hpp"

#include <array>
#include <cstdio>
#include <fstream>

namespace actord {

namespace {

constexpr size_t most_line_bytes = 1 << 20;

// Lines of a file, none longer than the bound: the rest of such a line is dropped.
class line_reader {
public:
  explicit line_reader(trace::byte_source from) : from_(std::move(from)) {
  }

  bool next(std::string& line) {
    line.clear();
    bool any = false;
    for (;;) {
      if (begin_ == end_) {
        begin_ = 0;
        end_ = from_(block_);
        if (end_ == 0)
          return any;
      }
      any = true;
      const char each = block_[begin_++];
      if (each == '\n')
        return true;
      if (line.size() < most_line_bytes)
        line += each;
    }
  }

private:
  trace::byte_source from_;
  std::array<char, 65536> block_;
  size_t begin_ = 0, end_ = 0;
};

} // namespace

int run_trace_plot(trace_words words) {
  static constexpr std::array flags{
    trace_flag{"--output", "PATH", "the picture [FILE with .svg at its end]"},
  };
  const trace_usage usage{
    "plot", "FILE",
    "Draws the hit rate of lookups, the latency of calls and the use of L1 over time, as an SVG\n"
    "that stands for itself. FILE is what `trace replay --jsonl-out` wrote: a trace says what was\n"
    "asked, only a replay says what was found.\n\n"
    "  lmcache-actord trace replay run.lct --l1-size-gb 2 --eviction-policy LRU --speed 0 \\\n"
    "    --jsonl-out run.jsonl && lmcache-actord trace plot run.jsonl\n",
    flags};
  auto parsed = trace_arguments::parse(usage, words);
  if (const auto* code = std::get_if<int>(&parsed))
    return *code;
  const auto& given = std::get<trace_arguments>(parsed);
  const auto& path = given.operands()[0];
  auto opened = open_bytes(path);
  if (const auto* fault = std::get_if<std::string>(&opened))
    return trace_error("plot", *fault);
  line_reader lines{std::get<trace::byte_source>(std::move(opened))};
  trace::plot drawn;
  bool by_time = true;
  uint64_t count = 0, bad = 0;
  for (std::string line; lines.next(line);) {
    bool has_time = false;
    const auto sample = trace::parse_json_line(line, has_time);
    if (!sample) {
      ++bad;
      continue;
    }
    by_time = by_time && has_time;
    drawn.add(*sample, by_time ? sample->t_s : static_cast<double>(count));
    ++count;
  }
  if (count == 0)
    return trace_error("plot", "'" + path
                                 + "' holds no line that `trace replay --jsonl-out` wrote"
                                   "; a .lct file has to be replayed first");
  if (bad > 0)
    std::fprintf(stderr, "%llu lines are none of a replay and were left out\n",
                 static_cast<unsigned long long>(bad));
  const auto target = given.value_or("--output", path + ".svg");
  std::ofstream to{target, std::ios::binary};
  to << drawn.svg(path, by_time);
  to.close();
  if (!to)
    return trace_error("plot", "cannot write '" + target + "'; choose another --output");
  std::printf("%s\n", target.c_str());
  return 0;
}

} // namespace actord
