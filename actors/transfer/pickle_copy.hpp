// Copies between slots of the pool and pickled tensors, for workers that cannot map the pool.
#pragma once

#include "actors/messages.hpp"
#include "actors/transfer/shm_pool.hpp"

#include <memory>
#include <string>
#include <vector>

namespace actord {

/// How a worker's chunks look.
struct pickle_layout {
  std::vector<int64_t> shape;
  std::string dtype;
  uint64_t object_bytes = 0;
};

/// Fills reserved slots from the tensors of a commit_store (spec wire-protocol §7.3): one tensor
/// per chunk of the range. Runs on a copier; read the outcome after it ran.
class unpickle_copy {
public:
  unpickle_copy(boxed<wire::commit_store> request, uint32_t chunks, pickle_layout layout,
                std::shared_ptr<shm_pool> pool, std::vector<slot> slots);

  void run();

  bool good() const {
    return fault_.empty();
  }
  const std::string& fault() const {
    return fault_;
  }

private:
  boxed<wire::commit_store> request_;
  uint32_t chunks_;
  pickle_layout layout_;
  std::shared_ptr<shm_pool> pool_;
  std::vector<slot> slots_;
  std::string fault_ = "not copied";
};

/// Writes claimed slots as one pickled list of tensors. Runs on a copier.
class pickle_copy {
public:
  pickle_copy(pickle_layout layout, std::shared_ptr<shm_pool> pool, std::vector<slot> slots);

  void run();

  std::string take() {
    return std::move(data_);
  }

private:
  pickle_layout layout_;
  std::shared_ptr<shm_pool> pool_;
  std::vector<slot> slots_;
  std::string data_;
};

} // namespace actord
