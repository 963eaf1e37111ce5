#include "actors/gateway/http/router.hpp"

#include <string_view>

namespace actord::http {

namespace {

std::string_view next_segment(std::string_view& rest) {
  const auto end = rest.find('/');
  auto segment = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return segment;
}

std::optional<path_values> fit(std::string_view pattern, std::string_view path) {
  path_values values;
  if (path.empty() || path.front() != '/')
    return std::nullopt;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  if (path.ends_with('/')) // an empty last segment never fits
    return std::nullopt;
  while (!pattern.empty() && !path.empty()) {
    const auto wanted = next_segment(pattern), got = next_segment(path);
    if (wanted == "{}" && !got.empty())
      values.emplace_back(got);
    else if (wanted != got)
      return std::nullopt;
  }
  if (!pattern.empty() || !path.empty())
    return std::nullopt;
  return values;
}

// To the same address without the slash at the end of its path.
reply redirect(const request& asked) {
  const auto end = asked.target.find('?');
  auto path = asked.target.substr(0, end);
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  if (end != std::string::npos)
    path += asked.target.substr(end);
  const auto origin = asked.host.empty() ? "" : "http://" + asked.host;
  return {307, "", "", {{"Location", origin + path}}};
}

} // namespace

exposure route::shows_to(const request& asked) const {
  return !changing_parameter.empty() && asked.parameter(changing_parameter) ? exposure::change
                                                                            : shows;
}

void router::add(route one) {
  routes_.push_back(std::move(one));
}

bool router::knows(const std::string& path) const {
  for (const auto& one : routes_)
    if (fit(one.pattern, path))
      return true;
  return false;
}

router::match router::find(const request& asked) const {
  const route* other_method = nullptr;
  for (const auto& one : routes_) {
    auto values = fit(one.pattern, asked.path);
    if (values && one.method == asked.method)
      return {&one, std::move(*values), std::nullopt};
    if (values && !other_method)
      other_method = &one;
  }
  if (other_method) {
    auto answer = detail_reply(405, "Method Not Allowed");
    answer.headers.emplace_back("Allow", other_method->method);
    return {nullptr, {}, std::move(answer)};
  }
  if (asked.path.size() > 1 && asked.path.ends_with('/')
      && knows(asked.path.substr(0, asked.path.find_last_not_of('/') + 1)))
    return {nullptr, {}, redirect(asked)};
  return {nullptr, {}, detail_reply(404, "Not Found")};
}

} // namespace actord::http
