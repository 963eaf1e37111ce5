// Attributes and resources as OTLP's messages; for encoders only.
#pragma once

#include "observability/process_metrics.hpp"

#include <common.pb.h>
#include <resource.pb.h>

#include <string_view>

namespace actord::otlp {

namespace common = opentelemetry::proto::common::v1;

/// Both become UTF-8, as protobuf's strings must be.
void put(common::KeyValue& to, std::string_view key, std::string_view value);

/// Attributes in their order.
opentelemetry::proto::resource::v1::Resource to_wire(const resource_attributes& attributes);

} // namespace actord::otlp
