// The errors that cross an actor boundary. Each says what the receiver should do next.
#pragma once

#include <caf/error.hpp>
#include <caf/make_message.hpp>

#include <cstdint>
#include <string>

namespace actord {

enum class ec : uint8_t {
  none,
  absent,      // No such session, instance, object: do without.
  busy,        // Full or leased right now: do without, or try later.
  rejected,    // The request itself is wrong; repeating it changes nothing. The context says why.
  retry,       // A passing fault: the same request may succeed.
  corrupt,     // Bytes are not what they should be: treat as absent.
  unavailable, // The part is stopped or not built: do without it.
};

std::string to_string(ec code);

/// An error with a text for the operator or the client's log.
caf::error make_error(ec code, std::string text);

/// The text of an error made by `make_error`, otherwise CAF's rendering.
std::string describe(const caf::error& reason);

} // namespace actord

CAF_ERROR_CODE_ENUM(actord::ec, "actord")
