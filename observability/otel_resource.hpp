// Who speaks: the OTel resource of this daemon.
#pragma once

#include "observability/process_metrics.hpp"

#include <string>
#include <string_view>

namespace actord {

/// telemetry.sdk.*, then what the operator named, then service.instance.id and service.name
/// (spec observability §2.1, §7.2). The instance id is the daemon's, whatever `named` says.
/// @param version of the daemon
/// @param named from OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME; the last of a name counts
resource_attributes otel_resource(std::string_view instance_id, std::string_view version,
                                  const resource_attributes& named);

/// As an object of JSON, for log lines.
std::string resource_text(const resource_attributes& resource);

} // namespace actord
