// Which node of a Redis cluster holds a key (Redis cluster specification).
#pragma once

#include "runtime/options/l2_adapter_options.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

namespace actord {

inline constexpr uint16_t resp_slot_count = 16'384;

/// The slot of a key: CRC16 (XMODEM) of its hash tag, of all of it where it has none.
uint16_t resp_slot(std::string_view key);

/// `MOVED slot host:port` or `ASK slot host:port`. An empty host: that of the node that said so.
struct resp_redirect {
  bool ask = false;
  uint16_t slot = 0;
  network_node node;
};
std::optional<resp_redirect> parse_resp_redirect(std::string_view error);

/// Slots first..last lie on `primary`, whose host may be empty as above.
struct resp_slot_range {
  uint16_t first = 0, last = 0;
  network_node primary;
};

/// The answer to CLUSTER SLOTS; none when it is not one.
std::optional<std::vector<resp_slot_range>> parse_resp_slots(const redisReply& reply);

} // namespace actord
