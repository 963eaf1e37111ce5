// What tests of trace files share.
#pragma once

#include "observability/trace/reader.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace actord::test {

/// The file that LMCache 0.5.6 wrote.
inline std::string sample_lct() {
  std::ifstream file{ACTORD_TEST_DATA "/sample.lct", std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  REQUIRE(bytes.size() == 4441);
  return bytes;
}

/// A file, read to its end.
struct lct_contents {
  std::string fault; // why it was refused
  trace::header head;
  std::vector<trace::record> records;
  std::vector<std::string> warnings;
  int64_t lost = 0;
};

inline lct_contents read_lct(std::string_view bytes) {
  lct_contents result;
  auto opened = trace::reader::open("x.lct", trace::bytes_of(bytes), [&](const std::string& line) {
    result.warnings.push_back(line);
  });
  if (auto* fault = std::get_if<std::string>(&opened)) {
    result.fault = *fault;
    return result;
  }
  auto& reader = std::get<trace::reader>(opened);
  result.head = reader.head();
  while (auto record = reader.next())
    result.records.push_back(std::move(*record));
  result.lost = reader.lost();
  return result;
}

} // namespace actord::test
