// trace_recorder: what the header of a file says.
#include "actors/telemetry/trace_recorder.hpp"
#include "runtime/options/bounded_json.hpp"
#include "runtime/options/config_view.hpp"
#include "storage/json_text.hpp"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <array>
#include <cstdio>

namespace actord {

namespace {

using ordered = nlohmann::ordered_json;
using sorted = nlohmann::json; // objects by key

// As CPython's json.dumps(..., sort_keys=True).
void append(std::string& out, const sorted& what) {
  if (what.is_object()) {
    out += '{';
    for (const auto& [key, each] : what.items()) {
      out += out.back() == '{' ? "" : ", ";
      append_json_string(out, key);
      out += ": ";
      append(out, each);
    }
    out += '}';
  } else if (what.is_array()) {
    out += '[';
    for (size_t i = 0; i < what.size(); ++i) {
      out += i == 0 ? "" : ", ";
      append(out, what[i]);
    }
    out += ']';
  } else if (what.is_string()) {
    append_json_string(out, what.get_ref<const std::string&>());
  } else {
    out += what.dump();
  }
}

std::string as_python(const ordered& what) {
  std::string out;
  append(out, sorted(what));
  return out;
}

std::string sha256_hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    return {}; // "unknown" for every reader
  std::string result;
  for (unsigned i = 0; i < length; ++i) {
    std::array<char, 3> pair;
    std::snprintf(pair.data(), pair.size(), "%02x", digest[i]);
    result += pair.data();
  }
  return result;
}

// The Python server names its segment by its process, so two runs with equal flags differ.
void blank_names(ordered& storage) {
  const auto blank = [](ordered& l1) {
    if (l1.is_object() && l1.contains("memory_config") && l1["memory_config"].is_object())
      l1["memory_config"]["shm_name"] = "";
  };
  if (storage.contains("l1_manager_config"))
    blank(storage["l1_manager_config"]);
  if (storage.contains("l1_manager_configs") && storage["l1_manager_configs"].is_array())
    for (auto& each : storage["l1_manager_configs"])
      blank(each);
}

} // namespace

trace::header
trace_header(const daemon_options& options, double t_mono_start, double t_wall_start) {
  auto storage = config_view(options)["storage_manager"];
  trace::header result;
  result.level
    = options.observability.trace_level.empty() ? "storage" : options.observability.trace_level;
  result.t_mono_start = t_mono_start;
  result.t_wall_start = t_wall_start;
  result.sm_config_json = as_python(storage);
  result.sm_config_digest = sha256_hex(result.sm_config_json);
  blank_names(storage);
  trace::add(result.level_meta, "sm_config_digest_norm",
             trace::text(sha256_hex(as_python(storage))));
  return result;
}

std::string normal_digest(const trace::header& of) {
  if (const auto* given = trace::find(of.level_meta, "sm_config_digest_norm"))
    if (const auto* text = given->as<std::string>())
      return *text;
  auto storage = parse_bounded_json(of.sm_config_json);
  if (!storage || !storage->is_object())
    return {};
  blank_names(*storage);
  return sha256_hex(as_python(*storage));
}

} // namespace actord
