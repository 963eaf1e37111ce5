// Adapter objects to begin with, and changes to them.
#pragma once

#include "runtime/options/l2_adapter_json.hpp"
#include "tests/runtime/options/option_fixture.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace actord::test {

using ordered_json = nlohmann::ordered_json;

/// The least that each type takes.
inline const std::map<std::string, ordered_json>& least_adapters() {
  static const std::map<std::string, ordered_json> all = [] {
    std::map<std::string, ordered_json> result;
    for (const char* text :
         {R"({"type":"fs","base_path":"/data/kv"})",
          R"({"type":"fs_native","base_path":"/data/kv"})",
          R"({"type":"raw_block","device_path":"/dev/ng0n1","slot_bytes":16384})",
          R"({"type":"resp","host":"redis","port":6379})",
          R"({"type":"valkey","startup_nodes":"a:1"})",
          R"({"type":"s3","s3_endpoint":"s3://bucket.host","s3_region":"eu-1"})",
          R"({"type":"mock","max_size_gb":1,"mock_bandwidth_gb":1})",
          R"({"type":"fault_inject","inner":{"type":"mock","max_size_gb":1,
              "mock_bandwidth_gb":1}})"}) {
      auto object = ordered_json::parse(text);
      result[object["type"]] = object;
    }
    return result;
  }();
  return all;
}

inline ordered_json least(const std::string& type) {
  return least_adapters().at(type);
}

/// `object` with `changes` laid over it, JSON merge patch: null removes.
inline ordered_json with(ordered_json object, const std::string& changes) {
  object.merge_patch(ordered_json::parse(changes));
  return object;
}

inline ordered_json::json_pointer pointer_to(std::string path) {
  for (char& c : path)
    if (c == '.')
      c = '/';
  return ordered_json::json_pointer("/" + path);
}

/// `object` with one value at `path`, its parts separated by dots; null stays null.
inline ordered_json with_value(ordered_json object, const std::string& path, ordered_json value) {
  object[pointer_to(path)] = std::move(value);
  return object;
}

inline l2_adapter_reading read(const ordered_json& object, const environment& variables = {}) {
  return read_l2_adapter(object.dump(), 2, variables);
}

/// The options of an object that must be fine; `Store` is what its type makes.
template <class Store>
Store store_of(const ordered_json& object, const environment& variables = {}) {
  auto reading = read(object, variables);
  for (const auto& problem : reading.problems)
    FAIL(problem);
  REQUIRE(reading.options);
  return std::get<Store>(reading.options->store);
}

/// All problems of an object, one a line; empty when it is fine.
inline std::string problems_of(const ordered_json& object) {
  std::string result;
  for (const auto& problem : read(object).problems)
    result += problem + "\n";
  return result;
}

inline std::string warnings_of(const ordered_json& object) {
  std::string result;
  for (const auto& warning : read(object).warnings)
    result += warning + "\n";
  return result;
}

} // namespace actord::test
