#include "storage/object_ref.hpp"

namespace actord {

namespace {

bool lies_in(const object_key& key, const key_space& space) {
  return world_of(key.kv_rank) == space.world_size && key.model_name == space.model_name
         && key.cache_salt == space.cache_salt;
}

} // namespace

object_key to_key(const object_ref& ref) {
  return {ref.hash, ref.space->model_name, ref.kv_rank, ref.object_group_id, ref.space->cache_salt};
}

object_ref to_ref(const object_key& key, uint64_t length_bytes) {
  return {std::make_shared<const key_space>(
            key_space{key.model_name, world_of(key.kv_rank), key.cache_salt}),
          key.hash, key.kv_rank, key.object_group_id, length_bytes};
}

std::vector<object_ref> to_refs(std::span<const object_key> keys) {
  std::vector<object_ref> result;
  result.reserve(keys.size());
  for (const auto& key : keys) {
    if (!result.empty() && lies_in(key, *result.back().space))
      result.push_back({result.back().space, key.hash, key.kv_rank, key.object_group_id, 0});
    else
      result.push_back(to_ref(key, 0));
  }
  return result;
}

} // namespace actord
