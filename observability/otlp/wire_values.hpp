// Attributes and resources as OTLP's messages; for encoders only.
#pragma once

#include "observability/process_metrics.hpp"

#include <common.pb.h>
#include <resource.pb.h>

#include <string_view>

namespace actord::otlp {

namespace common = opentelemetry::proto::common::v1;

/// Protobuf's strings must be UTF-8: every byte that is none becomes one U+FFFD.
std::string utf8(std::string_view text);

void put(common::KeyValue& to, std::string_view key, std::string_view value);

/// Attributes in their order.
opentelemetry::proto::resource::v1::Resource to_wire(const resource_attributes& attributes);

} // namespace actord::otlp
