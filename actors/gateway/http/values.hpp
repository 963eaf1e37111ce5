// Values from outside: JSON bodies and query parameters, as lenient and with the same complaints
// as the clients know them (spec cli-http §2.1, §2.2).
#pragma once

#include "actors/gateway/http/message.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord::http {

/// Collects what is wrong with a request; any complaint makes the answer a 422.
class complaints {
public:
  /// @param ctx null: none
  void
  add(std::string_view type, json loc, std::string_view message, json input, json ctx = nullptr);
  bool empty() const {
    return list_.empty();
  }
  /// Adds an `url` to each, as bodies of the reconfigure routes get it.
  void add_urls();
  reply answer() const;

private:
  json list_ = json::array();
};

/// The lax readings of one value; empty (with a complaint) when it has none. `loc` names it.
std::optional<int64_t> read_integer(const json& value, const json& loc, complaints& out);
std::optional<bool> read_flag(const json& value, const json& loc, complaints& out);
std::optional<std::string> read_text(const json& value, const json& loc, complaints& out);
std::optional<std::string> read_choice(const json& value, const json& loc,
                                       std::span<const std::string_view> choices, complaints& out);
std::optional<std::vector<int64_t>>
read_integers(const json& value, const json& loc, complaints& out);

/// The fields of one JSON object; unknown ones are ignored. Each getter complains and returns the
/// default when a field is wrong, or missing without a default.
class fields {
public:
  fields(const json& object, json loc, complaints& out);

  int64_t integer(std::string_view name, std::optional<int64_t> preset = std::nullopt);
  bool flag(std::string_view name, bool preset);
  std::string text(std::string_view name, std::optional<std::string> preset = std::nullopt);
  std::string
  choice(std::string_view name, std::string_view preset, std::span<const std::string_view> choices);
  std::vector<int64_t> integers(std::string_view name, bool required);
  /// The field as it is, or null; complains when it is required and missing.
  const json* find(std::string_view name, bool required);
  json loc_of(std::string_view name) const;

private:
  const json& object_;
  json loc_;
  complaints& out_;
};

/// The body of a typed route: an object. Empty, with a complaint, when it is something else, and
/// without one when `optional` and there is none.
/// @param model what clients are told the body should be
std::optional<json>
read_body(const request& asked, std::string_view model, bool optional, complaints& out);

/// Number of bytes: a positive integer, or text such as "100GiB" (spec cli-http §2.9).
std::optional<uint64_t> parse_size(const json& value);

/// Quota in bytes, or what is wrong with the body.
struct quota_limit {
  uint64_t bytes = 0;
  double gigabytes = 0;
  std::string fault;
};

quota_limit parse_quota_limit(const std::string& body);

} // namespace actord::http
