// Requests to Redis and what speaks like it, byte for byte (spec l2-adapters §7.1, §7.2).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace actord {

/// A command as an array of bulk strings, as RESP2 and RESP3 take it.
std::string resp_request(std::initializer_list<std::string_view> words);

/// What stands before and after the value of a SET; the value itself is sent from where it lies.
struct resp_set_request {
  std::string head, tail;
};

/// @param ttl_s life of the value in seconds; 0: for ever
resp_set_request resp_set(std::string_view name, uint64_t length_bytes, int64_t ttl_s);

/// The pattern of SCAN that names of this prefix match, others hardly.
std::string resp_scan_pattern(std::string_view key_prefix);

} // namespace actord
