#include "actors/gateway/http/context.hpp"

#include <caf/sec.hpp>

namespace actord::http {

std::string unavailable_text(const char* what, const caf::error& reason) {
  const std::string who{what};
  if (reason == caf::sec::request_timeout)
    return who + " did not answer within 5 s: the daemon is overloaded; try again later";
  if (reason == caf::sec::request_receiver_down)
    return who + " has ended: the daemon is stopping or broken; look at its log";
  return who + ": " + describe(reason);
}

reply unavailable(family bodies, const char* what, const caf::error& reason) {
  auto text = unavailable_text(what, reason);
  return bodies == family::error ? error_reply(503, std::move(text))
                                 : detail_reply(503, std::move(text));
}

} // namespace actord::http
