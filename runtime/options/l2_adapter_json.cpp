#include "runtime/options/l2_adapter_json.hpp"

#include "runtime/options/bounded_json.hpp"
#include "runtime/options/l2_adapter_types.hpp"
#include "runtime/options/l2_family_json.hpp"

#include <algorithm>

namespace actord {

namespace {

/// `a, b and 3 more`.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t limit = 8;
  std::string result;
  for (std::size_t i = 0; i < std::min(names.size(), limit); ++i)
    result += (result.empty() ? "" : ", ") + names[i];
  if (names.size() > limit)
    result += " and " + std::to_string(names.size() - limit) + " more";
  return result;
}

} // namespace

void read_l2_object(const nlohmann::ordered_json& object, const environment& variables,
                    l2_adapter_options& options, json_findings& found) {
  json_fields fields(object, "", found);
  json_fields cpp(fields.object("cpp"), "cpp.", found);
  l2_reading_context context{fields, cpp, found, variables, options};
  read_l2_common(context);
  const auto& type = options.type;
  if (type == "fs" || type == "fs_native")
    options.store = read_fs_options(context);
  else if (type == "raw_block")
    options.store = read_raw_block_options(context);
  else if (type == "resp")
    options.store = read_resp_options(context);
  else if (type == "valkey")
    options.store = read_valkey_options(context);
  else if (type == "s3")
    options.store = read_s3_options(context);
  else if (type == "mock")
    options.store = read_mock_options(context);
  else
    options.store = read_fault_inject_options(context);
  fields.note_unknown();
  cpp.refuse_unknown();
}

l2_adapter_reading
read_l2_adapter(const std::string& text, std::size_t number, const environment& variables) {
  return read_l2_adapter_as("--l2-adapter #" + std::to_string(number), text, variables);
}

l2_adapter_reading
read_l2_adapter_as(const std::string& who, const std::string& text, const environment& variables) {
  l2_adapter_reading result;
  auto object = parse_bounded_json(text);
  if (!object || !object->is_object()) {
    result.problems.push_back("Invalid JSON for " + who
                              + "; write an object such as {\"type\": \"fs\", \"base_path\": "
                                "\"/data/kv\"}");
    return result;
  }
  auto type = read_l2_type(*object);
  if (auto why = l2_type_problem(type); !why.empty()) {
    result.problems.push_back(who + ": " + why);
    return result;
  }
  l2_adapter_options options;
  options.type = *type;
  json_findings found;
  read_l2_object(*object, variables, options, found);
  const auto prefix = who + " ('" + *type + "'): ";
  for (const auto& problem : found.problems)
    result.problems.push_back(prefix + problem);
  for (const auto& remark : found.remarks)
    result.warnings.push_back(prefix + remark);
  if (!found.unknown.empty())
    result.warnings.push_back(prefix + "unknown keys are ignored: " + listed(found.unknown));
  result.known_keys = std::move(found.known);
  if (result.problems.empty())
    result.options = std::move(options);
  return result;
}

} // namespace actord
