#include "actors/error.hpp"

#include <caf/deep_to_string.hpp>
#include <caf/make_message.hpp>

namespace actord {

std::string to_string(ec code) {
  switch (code) {
    case ec::none: return "none";
    case ec::absent: return "absent";
    case ec::busy: return "busy";
    case ec::rejected: return "rejected";
    case ec::retry: return "retry";
    case ec::corrupt: return "corrupt";
    case ec::unavailable: return "unavailable";
  }
  return "unknown";
}

caf::error make_error(ec code, std::string text) {
  return caf::make_error(code, std::move(text));
}

std::string describe(const caf::error& reason) {
  if (!reason) // has no context to look at
    return "no error";
  if (reason.context().match_elements<std::string>())
    return reason.context().get_as<std::string>(0);
  return caf::to_string(reason);
}

} // namespace actord
