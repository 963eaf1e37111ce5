// lmcache-actord trace info FILE
#include "actors/trace/arguments.hpp"
#include "actors/trace/lct_file.hpp"
#include "observability/trace/summary.hpp"

#include <cstdio>

namespace actord {

int run_trace_info(trace_words words) {
  const trace_usage usage{"info",
                          "FILE",
                          "Prints what a trace file holds: its header, how long it runs and how\n"
                          "often each call occurs. A file that was cut is read up to its last\n"
                          "whole record.",
                          {}};
  auto parsed = trace_arguments::parse(usage, words);
  if (const auto* code = std::get_if<int>(&parsed))
    return *code;
  const auto& path = std::get<trace_arguments>(parsed).operands()[0];
  auto opened = open_lct(path, [](const std::string& line) {
    std::fprintf(stderr, "WARNING: %s\n", line.c_str());
  });
  if (const auto* fault = std::get_if<std::string>(&opened))
    return trace_error("info", *fault);
  auto& file = std::get<trace::reader>(opened);
  trace::summary all{file.head()};
  while (auto record = file.next())
    all.add(*record);
  std::fputs(all.text(path).c_str(), stdout);
  if (file.lost() > 0)
    std::fprintf(stderr, "%lld records were lost while this file was recorded\n",
                 static_cast<long long>(file.lost()));
  return 0;
}

} // namespace actord
