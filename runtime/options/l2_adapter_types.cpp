#include "runtime/options/l2_adapter_types.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

namespace actord {

namespace {

/// A type of the peer that is not built in, and what does its work here.
struct foreign_type {
  std::string_view name, remedy;
};

constexpr std::string_view no_python = "it loads Python code, which this daemon does not run";

constexpr std::array<foreign_type, 13> foreign_types = {{
  {"aerospike", "use valkey or resp"},
  {"bigtable", "use s3 with an S3-compatible bucket, or valkey"},
  {"dax", "use raw_block with a block device"},
  {"hf3fs", "use fs with base_path on the 3FS mount"},
  {"hfbucket", "use s3 with an S3-compatible bucket"},
  {"mooncake_store", "use valkey or resp, or fs on a shared file system"},
  {"native_plugin", no_python},
  {"nixl_native", "use fs for files, s3 for objects"},
  {"nixl_store", "use raw_block for files, s3 for objects"},
  {"nixl_store_dynamic", "use fs"},
  {"p2p", "peers are found by --p2p-advertise-url, which is not built yet; remove the flag"},
  {"plugin", no_python},
  {"sagemaker-hyperpod", "use valkey, or s3"},
}};

std::string joined(std::span<const std::string_view> names) {
  std::string result;
  for (auto name : names)
    result += (result.empty() ? "" : ", ") + std::string(name);
  return result;
}

/// All known names in alphabetical order, as the peer lists them.
std::string known_names() {
  std::array<std::string_view, built_l2_types.size() + foreign_types.size()> names{};
  auto end = std::ranges::copy(built_l2_types, names.begin()).out;
  std::ranges::transform(foreign_types, end, &foreign_type::name);
  std::ranges::sort(names);
  return joined(names);
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

} // namespace

std::optional<std::string> read_l2_type(const nlohmann::ordered_json& object) {
  auto type = object.find("type");
  if (type == object.end())
    return std::nullopt;
  return type->is_string() ? type->get<std::string>() : type->dump();
}

std::string l2_type_problem(const std::optional<std::string>& type) {
  if (!type)
    return "missing 'type' field; known types: " + known_names();
  if (is_one_of(built_l2_types, *type))
    return {};
  auto foreign = std::ranges::find(foreign_types, std::string_view(*type), &foreign_type::name);
  if (foreign == foreign_types.end())
    return "unknown adapter type '" + printable(*type) + "'. Known: " + known_names();
  return "type '" + *type + "' is known, but not built in: " + std::string(foreign->remedy)
         + " (built: " + joined(built_l2_types) + ")";
}

} // namespace actord
