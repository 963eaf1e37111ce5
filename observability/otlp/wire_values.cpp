#include "observability/otlp/wire_values.hpp"

#include "observability/utf8.hpp"

namespace actord::otlp {

void put(common::KeyValue& to, std::string_view key, std::string_view value) {
  to.set_key(utf8(key));
  to.mutable_value()->set_string_value(utf8(value));
}

opentelemetry::proto::resource::v1::Resource to_wire(const resource_attributes& attributes) {
  opentelemetry::proto::resource::v1::Resource result;
  for (const auto& [key, value] : attributes)
    put(*result.add_attributes(), key, value);
  return result;
}

} // namespace actord::otlp
