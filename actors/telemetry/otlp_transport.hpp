// The way to an OTLP receiver.
#pragma once

#include "observability/otlp/answer.hpp"
#include "observability/otlp/request.hpp"
#include "runtime/options/otlp_options.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace actord {

/// Not for two threads at a time.
class otlp_transport {
public:
  virtual ~otlp_transport() = default;

  /// Sends a serialised Export…ServiceRequest and waits for its answer.
  /// @param timeout_ms the call lasts no longer, > 0
  virtual otlp::answer send(otlp::signal to, const std::string& message, int64_t timeout_ms) = 0;
};

/// OTLP/gRPC or OTLP/HTTP over libcurl in the calling thread (docs/decisions/0006).
/// @param hurry when it turns true, the call under way ends within a second
std::unique_ptr<otlp_transport>
curl_transport(const otlp_options& options, std::shared_ptr<const std::atomic<bool>> hurry);

} // namespace actord
