// Byte vectors made by the peer's own encoders, and small helpers for frames.
#pragma once

#include "actors/gateway/wire/decode.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <fstream>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord::wire::test {

inline std::string from_hex(std::string_view hex) {
  std::string result;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    result += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return result;
}

inline const nlohmann::json& vectors() {
  static const nlohmann::json all
    = nlohmann::json::parse(std::ifstream(ACTORD_TEST_DATA "/wire.json")).at("vectors");
  return all;
}

/// The vector called `name`.
inline const nlohmann::json& vector(std::string_view name) {
  for (const auto& each : vectors()) {
    if (each.at("name") == name) {
      return each;
    }
  }
  throw std::runtime_error("no vector " + std::string(name));
}

/// The bytes of the vector called `name`.
inline std::string bytes_of(std::string_view name) {
  return from_hex(vector(name).at("hex").get<std::string>());
}

/// The frames of the whole message called `name`.
inline std::vector<std::string> frames_of(std::string_view name) {
  std::vector<std::string> result;
  for (const auto& frame : vector(name).at("frames_hex")) {
    result.push_back(from_hex(frame.get<std::string>()));
  }
  return result;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Decodes payload frames held in strings.
inline std::variant<request, decode_error>
decode(operation op, const std::vector<std::string>& frames) {
  std::vector<std::span<const std::byte>> spans;
  for (const std::string& frame : frames) {
    spans.push_back(as_bytes(frame));
  }
  return decode_request(op, spans);
}

/// Decodes frames that must be in order.
template <class Request>
Request decode_ok(operation op, const std::vector<std::string>& frames) {
  auto result = decode(op, frames);
  if (const auto* error = std::get_if<decode_error>(&result)) {
    throw std::runtime_error(error->reason);
  }
  return std::get<Request>(std::get<request>(result));
}

/// Decodes frames that must be refused, and returns why.
inline decode_error decode_bad(operation op, const std::vector<std::string>& frames) {
  auto result = decode(op, frames);
  if (std::holds_alternative<request>(result)) {
    throw std::runtime_error("accepted");
  }
  return std::get<decode_error>(result);
}

} // namespace actord::wire::test
