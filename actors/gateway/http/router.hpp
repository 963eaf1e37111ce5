// The table of routes, and the answers to what is not in it.
#pragma once

#include "actors/gateway/http/access.hpp"
#include "actors/gateway/http/message.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace actord::http {

/// What stood in the `{}` segments of a path, in order.
using path_values = std::vector<std::string>;
using route_handler = std::function<reply(const request&, const path_values&)>;

struct route {
  std::string method;
  std::string pattern; // "/quota/{}": a `{}` stands for one segment that is not empty
  exposure shows = exposure::change;
  route_handler serve;
  /// A query parameter that makes a reading route change something.
  std::string changing_parameter = {};

  exposure shows_to(const request& asked) const;
};

class router {
public:
  void add(route one);

  struct match {
    const route* found = nullptr;
    path_values values;
    std::optional<reply> answer; // when there is no route: 404, 405 or 307 (spec cli-http §2.1)
  };

  match find(const request& asked) const;

private:
  bool knows(const std::string& path) const;

  std::vector<route> routes_; // the first that fits counts
};

} // namespace actord::http
