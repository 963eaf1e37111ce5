#include "actors/gateway/wire/dtype.hpp"

#include <array>
#include <utility>

namespace actord::wire {

namespace {

constexpr std::array<dtype_info, 18> dtypes = {{
  {"uint8", 1, "ByteStorage"},
  {"int8", 1, "CharStorage"},
  {"bool", 1, "BoolStorage"},
  {"float8_e4m3fn", 1, ""},
  {"float8_e5m2", 1, ""},
  {"float8_e4m3fnuz", 1, ""},
  {"float8_e5m2fnuz", 1, ""},
  {"float8_e8m0fnu", 1, ""},
  {"float16", 2, "HalfStorage"},
  {"bfloat16", 2, "BFloat16Storage"},
  {"int16", 2, "ShortStorage"},
  {"uint16", 2, ""},
  {"float32", 4, "FloatStorage"},
  {"int32", 4, "IntStorage"},
  {"uint32", 4, ""},
  {"float64", 8, "DoubleStorage"},
  {"int64", 8, "LongStorage"},
  {"uint64", 8, ""},
}};

using alias = std::pair<std::string_view, std::string_view>;
constexpr std::array<alias, 6> aliases = {{
  {"half", "float16"},
  {"short", "int16"},
  {"float", "float32"},
  {"int", "int32"},
  {"double", "float64"},
  {"long", "int64"},
}};

} // namespace

std::optional<dtype_info> find_dtype(std::string_view name) noexcept {
  for (const auto& [other, canonical] : aliases) {
    if (name == other) {
      name = canonical;
    }
  }
  for (const dtype_info& each : dtypes) {
    if (each.name == name) {
      return each;
    }
  }
  return std::nullopt;
}

std::optional<dtype_info> find_storage_class(std::string_view storage_class) noexcept {
  for (const dtype_info& each : dtypes) {
    if (!each.storage_class.empty() && each.storage_class == storage_class) {
      return each;
    }
  }
  return std::nullopt;
}

} // namespace actord::wire
