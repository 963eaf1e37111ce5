#include "actors/gateway/reply_bodies.hpp"

#include "actors/gateway/wire/encode.hpp"

namespace actord {

namespace {

std::vector<wire::slot> wire_slots(const slot_plan& plan) {
  std::vector<wire::slot> result;
  result.reserve(plan.slots.size());
  for (const auto& place : plan.slots)
    result.push_back({place.offset_bytes, place.length_bytes, plan.shape, plan.dtype});
  return result;
}

} // namespace

std::string prepare_store_body(const slot_plan& plan) {
  if (plan.pickle)
    return wire::encode_prepare_store_pickle();
  std::vector<uint32_t> chunks;
  chunks.reserve(plan.slots.size());
  for (const auto& place : plan.slots)
    chunks.push_back(place.chunk);
  return wire::encode_prepare_store(wire_slots(plan), chunks);
}

std::string prepare_retrieve_body(const slot_plan& plan) {
  if (!plan.success)
    return wire::encode_prepare_retrieve_miss();
  if (!plan.pickle)
    return wire::encode_prepare_retrieve(wire_slots(plan));
  auto body = wire::encode_prepare_retrieve_head(plan.data.size());
  body += plan.data;
  body += wire::prepare_retrieve_tail();
  return body;
}

} // namespace actord
