#include "actors/l2/resp_slots.hpp"

#include <charconv>
#include <string>

namespace actord {

namespace {

constexpr size_t max_host_bytes = 255;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number result = 0;
  const auto last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, result);
  if (error != std::errc{} || stop != last)
    return std::nullopt;
  return result;
}

std::optional<uint16_t> slot_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_INTEGER || reply.integer < 0 || reply.integer >= resp_slot_count)
    return std::nullopt;
  return static_cast<uint16_t>(reply.integer);
}

bool good_host(std::string_view host) {
  if (host.size() > max_host_bytes)
    return false;
  for (char each : host)
    if (each <= ' ' || each > '~')
      return false;
  return true;
}

// [host, port, id, ...]
std::optional<network_node> node_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2)
    return std::nullopt;
  const auto& host = *reply.element[0];
  const auto& port = *reply.element[1];
  network_node result;
  if (host.type == REDIS_REPLY_STRING)
    result.host.assign(host.str, host.len);
  else if (host.type != REDIS_REPLY_NIL)
    return std::nullopt;
  if (result.host == "?") // the node does not know its own name
    result.host.clear();
  if (!good_host(result.host) || port.type != REDIS_REPLY_INTEGER || port.integer < 1
      || port.integer > 65'535)
    return std::nullopt;
  result.port = static_cast<uint16_t>(port.integer);
  return result;
}

} // namespace

uint16_t resp_slot(std::string_view key) {
  if (const auto open = key.find('{'); open != key.npos)
    if (const auto close = key.find('}', open + 1); close != key.npos && close > open + 1)
      key = key.substr(open + 1, close - open - 1);
  uint32_t crc = 0;
  for (char each : key) {
    crc ^= static_cast<uint32_t>(static_cast<unsigned char>(each)) << 8;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    crc &= 0xFFFF;
  }
  return static_cast<uint16_t>(crc % resp_slot_count);
}

std::optional<resp_redirect> parse_resp_redirect(std::string_view error) {
  resp_redirect result;
  if (error.starts_with("ASK "))
    result.ask = true;
  else if (!error.starts_with("MOVED "))
    return std::nullopt;
  error.remove_prefix(error.find(' ') + 1);
  const auto space = error.find(' ');
  const auto colon = error.rfind(':');
  if (space == error.npos || colon == error.npos || colon < space)
    return std::nullopt;
  const auto slot = number_of<uint16_t>(error.substr(0, space));
  const auto port = number_of<uint16_t>(error.substr(colon + 1));
  result.node.host = error.substr(space + 1, colon - space - 1);
  if (!slot || *slot >= resp_slot_count || !port || *port == 0 || !good_host(result.node.host))
    return std::nullopt;
  result.slot = *slot;
  result.node.port = *port;
  if (result.node.host == "?")
    result.node.host.clear();
  return result;
}

std::optional<std::vector<resp_slot_range>> parse_resp_slots(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements > resp_slot_count)
    return std::nullopt;
  std::vector<resp_slot_range> result;
  for (size_t i = 0; i < reply.elements; ++i) {
    const auto& range = *reply.element[i];
    if (range.type != REDIS_REPLY_ARRAY || range.elements < 3)
      return std::nullopt;
    const auto first = slot_of(*range.element[0]), last = slot_of(*range.element[1]);
    auto primary = node_of(*range.element[2]);
    if (!first || !last || *first > *last || !primary)
      return std::nullopt;
    result.push_back({*first, *last, std::move(*primary)});
  }
  return result;
}

} // namespace actord
