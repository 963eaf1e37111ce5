#include "actors/transfer/pickle_copy.hpp"

#include "actors/gateway/wire/pickle_tensors.hpp"

#include <span>
#include <utility>

namespace actord {

unpickle_copy::unpickle_copy(boxed<wire::commit_store> request, uint32_t chunks,
                             pickle_layout layout, std::shared_ptr<shm_pool> pool,
                             std::vector<slot> slots)
  : request_(std::move(request)), chunks_(chunks), layout_(std::move(layout)),
    pool_(std::move(pool)), slots_(std::move(slots)) {
}

void unpickle_copy::run() {
  auto parsed = wire::parse_pickled_tensors(std::as_bytes(std::span{request_->data}));
  if (auto* reason = std::get_if<std::string>(&parsed)) {
    fault_ = "data is not a list of plain CPU tensors: " + *reason;
    return;
  }
  const auto& tensors = std::get<std::vector<wire::pickled_tensor>>(parsed);
  if (tensors.size() != chunks_) {
    fault_ = "data holds " + std::to_string(tensors.size()) + " tensors for "
             + std::to_string(chunks_) + " chunks";
    return;
  }
  // Every tensor is checked before any byte moves.
  for (const auto& tensor : tensors)
    if (tensor.shape != layout_.shape || tensor.dtype != layout_.dtype
        || tensor.nbytes != layout_.object_bytes) {
      fault_ = "a tensor of data has not the shape and dtype that its instance registered";
      return;
    }
  for (const auto& place : slots_)
    tensors[place.chunk].copy_to({pool_->data() + place.offset_bytes, place.length_bytes});
  fault_.clear();
}

pickle_copy::pickle_copy(pickle_layout layout, std::shared_ptr<shm_pool> pool,
                         std::vector<slot> slots)
  : layout_(std::move(layout)), pool_(std::move(pool)), slots_(std::move(slots)) {
}

void pickle_copy::run() {
  std::vector<std::span<const std::byte>> chunks;
  for (const auto& place : slots_)
    chunks.emplace_back(pool_->data() + place.offset_bytes, place.length_bytes);
  data_ = wire::emit_pickled_tensors(layout_.dtype, layout_.shape, chunks);
}

} // namespace actord
