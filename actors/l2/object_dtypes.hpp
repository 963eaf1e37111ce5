// The element types of objects, for serdes that need them.
#pragma once

#include "storage/object_ref.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// Which element type the tensors of a model's object groups have. Engines tell when they register;
/// what they told stays when they go, since their objects do. Any thread.
class object_dtypes {
public:
  static constexpr size_t max_models = 4096;

  /// @param by_group torch names without prefix; "" where the tensors of a group differ
  /// Returns false when there are too many models: nothing is known of this one then.
  bool set(const std::string& model_name, uint32_t world_size, std::vector<std::string> by_group);
  /// "" when nobody told.
  std::string find(const object_ref& object) const;

private:
  struct less {
    using is_transparent = void;
    using view = std::pair<std::string_view, uint32_t>;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      return view{left.first, left.second} < view{right.first, right.second};
    }
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, uint32_t>, std::vector<std::string>, less> models_;
};

} // namespace actord
