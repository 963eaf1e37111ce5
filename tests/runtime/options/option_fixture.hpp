// Parses command lines against an environment and files that exist only in the test.
#pragma once

#include "runtime/options/parse_options.hpp"

#include <doctest/doctest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace actord::test {

using words = std::vector<std::string>;

/// The least that starts.
inline const words minimum = {"--l1-size-gb", "0.5", "--eviction-policy", "LRU"};

inline words operator+(words left, const words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// Splits at blanks.
inline words split(const std::string& line) {
  words result;
  std::string word;
  for (char c : line + " ") {
    if (c != ' ')
      word.push_back(c);
    else if (!word.empty())
      result.push_back(std::exchange(word, {}));
  }
  return result;
}

struct option_world {
  environment variables;
  std::map<std::string, std::string> files;

  std::variant<daemon_options, exit_request> parse(const words& args) const {
    option_sources sources;
    sources.variables = variables;
    sources.read_file = [this](const std::string& path) {
      auto found = files.find(path);
      return found == files.end() ? file_content{{}, "No such file or directory"}
                                  : file_content{found->second, {}};
    };
    sources.random_bytes = [] {
      return std::array<std::uint8_t, 16>{0xff, 1, 2, 3, 4, 5, 0xff, 7, 0xff, 9, 10, 11, 12};
    };
    return parse_options(args, sources);
  }

  daemon_options started(const words& args) const {
    auto result = parse(args);
    if (auto* refused = std::get_if<exit_request>(&result))
      FAIL(refused->text);
    return std::get<daemon_options>(result);
  }

  exit_request refused(const words& args) const {
    auto result = parse(args);
    if (std::holds_alternative<daemon_options>(result))
      return {-1, "it started", false};
    return std::get<exit_request>(result);
  }
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace actord::test
