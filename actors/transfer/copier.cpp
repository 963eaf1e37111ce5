#include "actors/transfer/copier.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr uint64_t bytes_per_part = 4 << 20;

} // namespace

copier_actor::behavior_type copier(copier_actor::pointer) {
  return {
    [](atom::run, const boxed<copy_work>& work, uint64_t first, uint64_t last) {
      work->run(first, last);
      return caf::ok_atom_v;
    },
  };
}

std::vector<std::pair<uint64_t, uint64_t>>
split_copy(uint64_t pieces, uint64_t bytes, size_t copiers) {
  const auto parts
    = std::max<uint64_t>(1, std::min<uint64_t>({pieces, copiers, bytes / bytes_per_part}));
  std::vector<std::pair<uint64_t, uint64_t>> result;
  for (uint64_t i = 0; i < parts; ++i)
    result.emplace_back(pieces * i / parts, pieces * (i + 1) / parts);
  return result;
}

} // namespace actord
