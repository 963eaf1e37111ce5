#include "actors/gateway/wire/dtype.hpp"

#include <array>
#include <utility>

namespace actord::wire {

namespace {

using row = std::pair<std::string_view, std::string_view>; // dtype, storage class
constexpr std::array<row, 10> storage_classes = {{
  {"uint8", "ByteStorage"},
  {"int8", "CharStorage"},
  {"bool", "BoolStorage"},
  {"float16", "HalfStorage"},
  {"bfloat16", "BFloat16Storage"},
  {"int16", "ShortStorage"},
  {"float32", "FloatStorage"},
  {"int32", "IntStorage"},
  {"float64", "DoubleStorage"},
  {"int64", "LongStorage"},
}};

} // namespace

std::string_view storage_class_of(const gpu::dtype& type) noexcept {
  for (const auto& [name, storage_class] : storage_classes)
    if (name == type.name)
      return storage_class;
  return {};
}

std::optional<gpu::dtype> find_storage_class(std::string_view storage_class) noexcept {
  for (const auto& [name, each] : storage_classes)
    if (each == storage_class)
      return find_dtype(name);
  return std::nullopt;
}

} // namespace actord::wire
