// engine_driven: who may register, with what, and for how long.
#include "actors/clock.hpp"
#include "actors/transfer/engine_driven.hpp"
#include "gpu/dtype.hpp"

#include <utility>

namespace actord {

namespace {

// Bounds of one object: beyond them a registration is a mistake, and products could overflow.
constexpr int64_t max_dimension = 1 << 24;
constexpr uint64_t max_object_bytes = uint64_t{1} << 40;

} // namespace

caf::result<pool_offer> engine_driven_state::open(const wire::register_engine_driven& request) {
  auto rejected = [](std::string text) { return make_error(ec::rejected, std::move(text)); };
  auto dtype = gpu::find_dtype(request.dtype);
  if (!dtype)
    return rejected("dtype_str '" + request.dtype
                    + "' is not a supported element type; use a "
                      "torch name such as bfloat16");
  const int64_t slots = request.num_physical_slots.value_or(options_.chunk_tokens);
  for (auto [label, value] : {std::pair{"num_layers", request.num_layers},
                              {"num_physical_slots", slots},
                              {"hidden_dim_size", request.hidden_dim_size}})
    if (value <= 0 || value > max_dimension)
      return rejected(std::string{label} + " " + std::to_string(value) + " is not in 1.."
                      + std::to_string(max_dimension) + "; check the model's configuration");
  engine_driven_instance fresh;
  fresh.model_name = request.model_name;
  fresh.world_size = request.world_size;
  fresh.dtype = std::string{dtype->name};
  fresh.shape = {request.num_layers, slots, request.hidden_dim_size};
  if (!request.use_mla)
    fresh.shape.insert(fresh.shape.begin(), 2);
  // Cannot overflow: three dimensions of 24 bits would, so the product is watched as it grows.
  fresh.layout.object_bytes = dtype->item_bytes;
  for (auto dimension : fresh.shape)
    if ((fresh.layout.object_bytes *= static_cast<uint64_t>(dimension)) > max_object_bytes)
      return rejected("one chunk would take more than " + std::to_string(max_object_bytes >> 30)
                      + " GiB; check the model's configuration");
  fresh.block_size = request.block_size;
  fresh.use_mla = request.use_mla;
  if (auto* known = speak(request.instance_id)) {
    if (known->shape != fresh.shape || known->dtype != fresh.dtype
        || known->model_name != fresh.model_name || known->world_size != fresh.world_size)
      return rejected("instance " + std::to_string(request.instance_id)
                      + " is registered with another layout; unregister it first");
  } else {
    self_->send(sessions, atom::attach_v,
                model_layout{fresh.model_name,
                             fresh.world_size,
                             {fresh.layout},
                             {"torch." + fresh.dtype},
                             {fresh.shape},
                             {fresh.dtype}});
    fresh.meters = std::make_shared<transfer_meters>(
      options_.metrics, options_.bus,
      worker_name{"cpu", request.instance_id, request.model_name, options_.chunk_tokens});
    instances_.add(request.instance_id, std::move(fresh), now_ms(*self_));
  }
  return pool_offer{pool->name(), pool->size_bytes()};
}

// A late commit may still find its slots; what is told of the store does not wait for it.
void engine_driven_state::tick() {
  const auto now = now_ms(*self_);
  for (auto id : instances_.silent(options_.liveness, now))
    close(id);
  instances_.for_each([&](engine_driven_instance& instance) {
    for (auto& [identity, pending] : instance.writes)
      if (now - pending.since_ms > options_.write_ttl_ms)
        pending.mark.failed("it was not committed in time");
  });
}

} // namespace actord
