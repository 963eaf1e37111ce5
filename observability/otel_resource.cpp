#include "observability/otel_resource.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace actord {

resource_attributes otel_resource(std::string_view instance_id, std::string_view version,
                                  const resource_attributes& named) {
  constexpr std::string_view instance_name = "service.instance.id", service_name = "service.name";
  resource_attributes result = {{"telemetry.sdk.language", "cpp"},
                                {"telemetry.sdk.name", "lmcache-actord"},
                                {"telemetry.sdk.version", std::string(version)}};
  std::string service = "lmcache-mp", instance{instance_id};
  for (const auto& [name, value] : named) {
    auto known = std::ranges::find(result, name, &resource_attributes::value_type::first);
    if (name == service_name)
      service = value;
    else if (name == instance_name)
      instance = value;
    else if (known != result.end())
      known->second = value;
    else
      result.emplace_back(name, value);
  }
  result.emplace_back(instance_name, std::move(instance));
  result.emplace_back(service_name, std::move(service));
  return result;
}

std::string resource_text(const resource_attributes& resource) {
  auto object = nlohmann::ordered_json::object();
  for (const auto& [name, value] : resource)
    object[name] = value;
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace actord
