// Pickled lists of tensors: parse, and copy what was accepted.
#include "actors/gateway/wire/pickle_tensors.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

using namespace actord::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result = parse_pickled_tensors({reinterpret_cast<const std::byte*>(data), size});
  const auto* tensors = std::get_if<std::vector<pickled_tensor>>(&result);
  if (tensors == nullptr) {
    return 0;
  }
  constexpr uint64_t copy_limit = 65536;
  for (const pickled_tensor& each : *tensors) {
    if (each.nbytes <= copy_limit) {
      std::vector<std::byte> out(each.nbytes);
      each.copy_to(out);
    }
  }
  return 0;
}
