#include "storage/serde/fp8.hpp"

#include "storage/serde/fp8_cast.hpp"

#include <array>
#include <cstring>

namespace actord {

namespace {

enum class element : uint8_t { unknown, same, float16, bfloat16, float32 };

element element_of(std::string_view dtype, fp8_format format) noexcept {
  if (dtype == "bfloat16")
    return element::bfloat16;
  if (dtype == "float16" || dtype == "half")
    return element::float16;
  if (dtype == "float32" || dtype == "float")
    return element::float32;
  if (dtype == (format == fp8_format::e4m3fn ? "float8_e4m3fn" : "float8_e5m2"))
    return element::same;
  return element::unknown;
}

uint64_t bytes_of(element kind) noexcept {
  switch (kind) {
    case element::same: return 1;
    case element::float16:
    case element::bfloat16: return 2;
    case element::float32: return 4;
    case element::unknown: break;
  }
  return 0;
}

std::vector<uint8_t> table_of(fp8_format format, uint32_t (*widen)(uint16_t) noexcept) {
  std::vector<uint8_t> result(65536);
  for (size_t bits = 0; bits < result.size(); ++bits) {
    const auto wide = widen(static_cast<uint16_t>(bits));
    result[bits] = format == fp8_format::e4m3fn ? round_to_float8<float8_e4m3fn>(wide)
                                                : round_to_float8<float8_e5m2>(wide);
  }
  return result;
}

/// Writes `round(value)` for each value of `plain`.
template <class Value, class Round>
void narrow(std::span<const std::byte> plain, std::byte* out, Round round) noexcept {
  const auto* in = plain.data();
  const size_t count = plain.size() / sizeof(Value);
  for (size_t i = 0; i < count; ++i) {
    Value value;
    std::memcpy(&value, in + i * sizeof value, sizeof value);
    out[i] = static_cast<std::byte>(round(value));
  }
}

void narrow(const std::vector<uint8_t>& table, std::span<const std::byte> plain,
            std::byte* out) noexcept {
  narrow<uint16_t>(plain, out, [from = table.data()](uint16_t bits) { return from[bits]; });
}

template <class Value>
using code_table = std::array<Value, 256>;

template <class Value>
constexpr code_table<Value> table_of(Value (*value_of)(uint8_t) noexcept) {
  code_table<Value> result{};
  for (size_t code = 0; code < result.size(); ++code)
    result[code] = value_of(static_cast<uint8_t>(code));
  return result;
}

template <class Value>
void widen(const code_table<Value>& table, std::span<const std::byte> stored,
           std::byte* out) noexcept {
  for (size_t i = 0; i < stored.size(); ++i)
    std::memcpy(out + i * sizeof(Value), &table[static_cast<uint8_t>(stored[i])], sizeof(Value));
}

template <class Float8>
void widen(element kind, std::span<const std::byte> stored, std::byte* out) noexcept {
  static constexpr auto to_float16 = table_of(float8_to_float16<Float8>);
  static constexpr auto to_bfloat16 = table_of(float8_to_bfloat16<Float8>);
  static constexpr auto to_float32 = table_of(widen_float8<Float8>);
  switch (kind) {
    case element::float16: return widen(to_float16, stored, out);
    case element::bfloat16: return widen(to_bfloat16, stored, out);
    case element::float32: return widen(to_float32, stored, out);
    case element::same: std::memcpy(out, stored.data(), stored.size()); return;
    case element::unknown: return;
  }
}

} // namespace

class fp8_lane final : public serde_lane {
public:
  explicit fp8_lane(const fp8_serde& owner) noexcept : owner_{owner} {
  }

  encode_result encode(const serde_object& object, std::span<const std::byte> plain,
                       std::span<std::byte> out) override {
    const auto size = owner_.size_of(object);
    if (size.fault != serde_fault::none)
      return {0, size.fault};
    if (plain.size() != object.plain_bytes || out.size() < size.bytes)
      return {0, serde_fault::wrong_buffer};
    if (!plain.empty())
      narrow_all(element_of(object.dtype, owner_.format_), plain, out.data());
    return {size.bytes, serde_fault::none};
  }

  serde_fault decode(const serde_object& object, std::span<const std::byte> stored,
                     std::span<std::byte> plain_out) override {
    const auto size = owner_.size_of(object);
    if (size.fault != serde_fault::none)
      return size.fault;
    if (plain_out.size() != object.plain_bytes)
      return serde_fault::wrong_buffer;
    if (stored.size() != size.bytes)
      return stored.size() < size.bytes ? serde_fault::too_short : serde_fault::wrong_length;
    if (stored.empty())
      return serde_fault::none;
    const auto kind = element_of(object.dtype, owner_.format_);
    if (owner_.format_ == fp8_format::e4m3fn)
      widen<float8_e4m3fn>(kind, stored, plain_out.data());
    else
      widen<float8_e5m2>(kind, stored, plain_out.data());
    return serde_fault::none;
  }

private:
  void narrow_all(element kind, std::span<const std::byte> plain, std::byte* out) const noexcept {
    switch (kind) {
      case element::float16: return narrow(owner_.from_float16_, plain, out);
      case element::bfloat16: return narrow(owner_.from_bfloat16_, plain, out);
      case element::float32:
        return owner_.format_ == fp8_format::e4m3fn
                 ? narrow<uint32_t>(plain, out, round_to_float8<float8_e4m3fn>)
                 : narrow<uint32_t>(plain, out, round_to_float8<float8_e5m2>);
      case element::same: std::memcpy(out, plain.data(), plain.size()); return;
      case element::unknown: return;
    }
  }

  const fp8_serde& owner_;
};

fp8_serde::fp8_serde(fp8_format format)
  : format_{format}, from_float16_{table_of(format, widen_float16)}, from_bfloat16_{table_of(
                                                                       format, widen_bfloat16)} {
}

stored_size fp8_serde::size_of(const serde_object& object) const noexcept {
  const auto element_bytes = bytes_of(element_of(object.dtype, format_));
  if (element_bytes == 0)
    return {0, true, serde_fault::wrong_dtype};
  if (object.plain_bytes % element_bytes != 0)
    return {0, true, serde_fault::wrong_length};
  return {object.plain_bytes / element_bytes, true, serde_fault::none};
}

std::unique_ptr<serde_lane> fp8_serde::open_lane() const {
  return std::make_unique<fp8_lane>(*this);
}

} // namespace actord
