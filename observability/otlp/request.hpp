// What encoders make: requests as bytes, none larger than receivers take.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace actord::otlp {

/// What is exported, each to its own service.
enum class signal : uint8_t { metrics, logs, traces };
inline constexpr size_t signal_count = 3;
inline constexpr std::array all_signals = {signal::metrics, signal::logs, signal::traces};

constexpr std::string_view to_string(signal which) {
  return which == signal::metrics ? "metrics" : which == signal::logs ? "logs" : "traces";
}

/// Receivers refuse messages of 4 MiB (spec observability §7.1); the frame has some bytes too.
inline constexpr size_t request_limit_bytes = 4'000'000;

struct request {
  std::string bytes; // a serialised Export…ServiceRequest
  size_t items = 0;  // points, records or spans in it
};

struct requests {
  std::vector<request> ready;
  size_t oversized = 0; // items left out: one alone would be over the limit
};

} // namespace actord::otlp
