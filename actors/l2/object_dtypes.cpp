#include "actors/l2/object_dtypes.hpp"

namespace actord {

bool object_dtypes::set(const std::string& model_name, uint32_t world_size,
                        std::vector<std::string> by_group) {
  std::lock_guard lock{mutex_};
  const auto known = models_.find(std::pair{model_name, world_size});
  if (known == models_.end() && models_.size() == max_models)
    return false;
  models_[{model_name, world_size}] = std::move(by_group);
  return true;
}

std::string object_dtypes::find(const object_ref& object) const {
  std::lock_guard lock{mutex_};
  const less::view name{object.space->model_name, world_of(object.kv_rank)};
  const auto model = models_.find(name);
  if (model == models_.end() || object.object_group_id >= model->second.size())
    return {};
  return model->second[object.object_group_id];
}

} // namespace actord
