#include "observability/trace/request_events.hpp"

#include <cmath>
#include <limits>

namespace actord::trace {

namespace {

constexpr double max_time_s = 1e10; // 300 years
constexpr uint64_t max_tokens = uint64_t{1} << 40;
constexpr uint64_t max_block = std::numeric_limits<int64_t>::max();
constexpr size_t max_shown_bytes = 32;

} // namespace

bool request_events::number_integer(int64_t value) {
  const auto shown = std::to_string(value); // negative
  return scalar({shown, true, false, static_cast<double>(value), 0});
}

bool request_events::number_unsigned(uint64_t value) {
  const auto shown = std::to_string(value);
  return scalar({shown, true, true, static_cast<double>(value), value});
}

bool request_events::number_float(double value, const std::string& spelled) {
  return scalar({std::string_view{spelled}.substr(0, max_shown_bytes), true, false, value, 0});
}

bool request_events::scalar(const plain& what) {
  if (scopes_.empty())
    return fail("an object is due, not " + std::string{what.shown});
  auto& scope = scopes_.back();
  count_element();
  if (scope.is == place::requests)
    return reject("must be an object, not " + std::string{what.shown});
  if (scope.is == place::blocks)
    return set(requests_.back(), blocks, what);
  if (scope.is == place::request && scope.at < field_count)
    return set(requests_.back(), scope.at, what);
  if (scope.is == place::session && scope.at == requests)
    return fail("requests: must be a list, not " + std::string{what.shown});
  return true;
}

bool request_events::set(open_request& to, field at, const plain& what) {
  const auto found = ", not " + std::string{what.shown};
  switch (at) {
    case time:
      if (!what.number || !(what.value >= 0 && what.value * format_.time_unit_s <= max_time_s))
        return reject("must be a time from 0 on, in 300 years at most" + found);
      to.request.t_s = what.value * format_.time_unit_s;
      return true;
    case in_tokens:
    case out_tokens:
      if (!what.whole || what.whole_value > max_tokens)
        return reject("must be a whole number of tokens from 0 to 2^40" + found);
      (at == in_tokens ? to.request.in_tokens : to.request.out_tokens) = what.whole_value;
      return true;
    case blocks:
      if (scopes_.back().is != place::blocks)
        return reject("must be a list" + found);
      if (!what.whole || what.whole_value > max_block)
        return reject("must be a whole number from 0 to 2^63-1" + found);
      if (to.request.blocks.size() == max_request_blocks)
        return reject("more than " + std::to_string(max_request_blocks) + " blocks");
      to.request.blocks.push_back(what.whole_value);
      return true;
    default: return reject("must be a list" + found);
  }
}

bool request_events::start_object(size_t) {
  return open_container(false);
}

bool request_events::start_array(size_t) {
  return open_container(true);
}

bool request_events::open_container(bool list) {
  if (scopes_.size() == max_depth)
    return fail("nested more than " + std::to_string(max_depth) + " deep");
  if (scopes_.empty()) {
    if (list)
      return fail("an object is due, not a list");
    return open(format_.session ? place::session : place::request);
  }
  count_element();
  const auto& scope = scopes_.back();
  const bool member = scope.is == place::request || scope.is == place::session;
  if (scope.is == place::requests && !list)
    return open(place::request);
  if (member && list && scope.at == requests)
    return open(place::requests);
  if (scope.is == place::request && list && scope.at == blocks)
    return open(place::blocks);
  const auto kind = list ? std::string{"a list"} : std::string{"an object"};
  if (scope.is == place::session && scope.at == requests)
    return fail("requests: must be a list, not " + kind);
  bool goes_on = true;
  if (scope.is == place::requests)
    goes_on = reject("must be an object, not " + kind);
  else if (scope.is == place::blocks)
    goes_on = reject("must be a whole number from 0 to 2^63-1, not " + kind);
  else if (scope.is == place::request && scope.at < field_count)
    goes_on
      = reject((scope.at >= blocks ? "must be a list, not " : "must be a number, not ") + kind);
  return goes_on && open(place::other);
}

bool request_events::open(place what) {
  scopes_.push_back({what, unknown, 0});
  if (what == place::request)
    requests_.emplace_back();
  return true;
}

bool request_events::key(const std::string& name) {
  auto& scope = scopes_.back();
  if (scope.is != place::request && scope.is != place::session)
    return true;
  scope.at = unknown;
  for (const auto each : {time, in_tokens, out_tokens, blocks, requests})
    if (name_of(each) == name && (each != requests || format_.session))
      scope.at = each;
  if (scope.is == place::request && scope.at < field_count) {
    auto& given = requests_.back().given[scope.at];
    if (given)
      return reject("given twice");
    given = true;
  }
  return true;
}

bool request_events::end_object() {
  const bool goes_on = scopes_.back().is != place::request || close_request();
  scopes_.pop_back();
  return goes_on;
}

bool request_events::end_array() {
  scopes_.pop_back();
  return true;
}

bool request_events::close_request() {
  auto closed = std::move(requests_.back());
  scopes_.back().at = unknown;
  // An object that holds requests of others is none itself.
  const bool group = closed.given[requests];
  for (const auto each : {time, in_tokens, out_tokens, blocks})
    if (!group && closed.error.empty() && !closed.given[each])
      closed.error = path() + std::string{name_of(each)} + ": missing";
  requests_.pop_back();
  if (!closed.error.empty())
    return tell(bad_request{line_, std::move(closed.error)});
  return group || tell(std::move(closed.request));
}

bool request_events::tell(std::variant<workload_request, bad_request> what) {
  stopped_ = !tell_(std::move(what));
  return !stopped_;
}

/// Keeps the first thing that is wrong with the request, or tells it when no request is open.
bool request_events::reject(const std::string& why) {
  if (requests_.empty())
    return tell(bad_request{line_, path() + ": " + why});
  auto& error = requests_.back().error;
  if (error.empty())
    error = path() + ": " + why;
  return true;
}

bool request_events::fail(std::string why) {
  if (error_.empty())
    error_ = std::move(why);
  return false;
}

void request_events::count_element() {
  if (auto& scope = scopes_.back(); scope.is == place::requests || scope.is == place::blocks)
    ++scope.elements;
}

std::string_view request_events::name_of(field at) const {
  switch (at) {
    case time: return format_.time;
    case in_tokens: return format_.in_tokens;
    case out_tokens: return format_.out_tokens;
    case blocks: return "hash_ids";
    case requests: return "requests";
    default: return {};
  }
}

/// `requests[3].hash_ids[7]`, or with a dot at its end where no member is open.
std::string request_events::path() const {
  std::string result;
  for (const auto& scope : scopes_) {
    switch (scope.is) {
      case place::session: result += name_of(scope.at); break;
      case place::request:
        result += (result.empty() ? "" : ".") + std::string{name_of(scope.at)};
        break;
      case place::requests:
      case place::blocks:
        if (scope.elements > 0)
          result += '[' + std::to_string(scope.elements - 1) + ']';
        break;
      case place::other: break;
    }
  }
  return result;
}

} // namespace actord::trace
