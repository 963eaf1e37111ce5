#include "gpu/dtype.hpp"

#include <algorithm>
#include <array>

namespace actord::gpu {

namespace {

struct entry {
  std::string_view alias;
  dtype type;
};

constexpr std::array table{
  entry{"uint8", {"uint8", 1}},
  entry{"int8", {"int8", 1}},
  entry{"bool", {"bool", 1}},
  entry{"float8_e4m3fn", {"float8_e4m3fn", 1}},
  entry{"float8_e5m2", {"float8_e5m2", 1}},
  entry{"float8_e4m3fnuz", {"float8_e4m3fnuz", 1}},
  entry{"float8_e5m2fnuz", {"float8_e5m2fnuz", 1}},
  entry{"float8_e8m0fnu", {"float8_e8m0fnu", 1}},
  entry{"float16", {"float16", 2}},
  entry{"half", {"float16", 2}},
  entry{"bfloat16", {"bfloat16", 2}},
  entry{"int16", {"int16", 2}},
  entry{"short", {"int16", 2}},
  entry{"uint16", {"uint16", 2}},
  entry{"float32", {"float32", 4}},
  entry{"float", {"float32", 4}},
  entry{"int32", {"int32", 4}},
  entry{"int", {"int32", 4}},
  entry{"uint32", {"uint32", 4}},
  entry{"float64", {"float64", 8}},
  entry{"double", {"float64", 8}},
  entry{"int64", {"int64", 8}},
  entry{"long", {"int64", 8}},
  entry{"uint64", {"uint64", 8}},
};

} // namespace

std::optional<dtype> find_dtype(std::string_view name) noexcept {
  for (const entry& each : table)
    if (each.alias == name)
      return each.type;
  return std::nullopt;
}

std::string shown(std::string_view text) {
  constexpr size_t most = 64;
  std::string result(text.substr(0, most));
  std::ranges::replace_if(
    result, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  if (text.size() > most)
    result += "...";
  return result;
}

} // namespace actord::gpu
