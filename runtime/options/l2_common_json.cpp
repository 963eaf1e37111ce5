// Keys that every --l2-adapter has (spec l2-adapters §4.1), and those of its serde (§10).
#include "runtime/options/l2_family_json.hpp"
#include "runtime/options/option_values.hpp"

#include <array>

namespace actord {

namespace {

constexpr std::array<std::string_view, 5> policy_names
  = {"LRU", "ARC", "IsolatedLRU", "noop", "MQ"};
constexpr std::array<std::string_view, 2> fp8_types = {"float8_e4m3fn", "float8_e5m2"};
constexpr std::array<std::string_view, 1> key_providers = {"hkdf"};

void read_eviction(l2_reading_context& context) {
  const bool wanted = context.fields.has("eviction");
  const auto& object = context.fields.object("eviction");
  json_fields fields(object, "eviction.", context.found);
  eviction_options eviction;
  if (wanted && !object.contains("eviction_policy"))
    fields.problem("eviction_policy", "must be LRU, ARC, IsolatedLRU, noop or MQ; it is missing");
  fields.choice("eviction_policy", eviction.policy, policy_names);
  fields.number("trigger_watermark", eviction.trigger_watermark,
                {0, true, 1, "must be a number > 0 and <= 1"});
  fields.number("eviction_ratio", eviction.eviction_ratio, share_range);
  fields.note_unknown();
  if (wanted)
    context.options.eviction = eviction;
}

void read_aesgcm(json_fields& fields, l2_reading_context& context) {
  aesgcm_serde_options serde;
  std::string provider;
  fields.choice("key_provider", provider, key_providers);
  std::int64_t bits = 0;
  fields.whole("aes_bits", bits, {128, 256, "must be 128 or 256"}, true);
  if (bits != 0 && bits != 128 && bits != 256)
    fields.problem("aes_bits", "must be 128 or 256, not " + std::to_string(bits));
  serde.aes_bits = static_cast<std::uint32_t>(bits);
  fields.text("master_key_path", serde.master_key_path, required_text);
  context.cpp.boolean("bind_identity", serde.bind_identity);
  context.cpp.boolean("refuse_unbound", serde.refuse_unbound);
  if (serde.refuse_unbound && !serde.bind_identity)
    context.cpp.problem("refuse_unbound", "must go with bind_identity true; what is stored now "
                                          "could never be loaded");
  context.options.serde = serde;
}

void read_serde(l2_reading_context& context) {
  const bool wanted = context.fields.has("serde");
  json_fields fields(context.fields.object("serde"), "serde.", context.found);
  if (!wanted)
    return;
  std::string type;
  fields.text("type", type, {"must be \"aesgcm\" or \"fp8\"", true, false});
  if (type == "aesgcm") {
    read_aesgcm(fields, context);
  } else if (type == "fp8") {
    fp8_serde_options serde;
    fields.choice("fp8_dtype", serde.dtype, fp8_types);
    fields.whole("max_workers", serde.max_workers, {1, 1024, {}});
    context.options.serde = serde;
  } else if (type == "turboquant") {
    fields.problem("type", "turboquant is GPU code of the Python server and not built in; use "
                           "\"fp8\", or no serde");
    return;
  } else if (!type.empty()) {
    fields.problem("type", "must be \"aesgcm\" or \"fp8\", not \"" + printable(type, 40) + "\"");
    return;
  }
  fields.note_unknown();
}

void read_breaker(l2_reading_context& context) {
  auto& breaker = context.options.breaker;
  json_fields fields(context.cpp.object("breaker"), "cpp.breaker.", context.found);
  constexpr whole_range cooldown_range{1, 86'400'000, {}};
  fields.whole("failures", breaker.failures, {1, 1'000'000, {}});
  fields.whole("cooldown_ms", breaker.cooldown_ms, cooldown_range);
  const bool has_maximum = fields.has("max_cooldown_ms");
  fields.whole("max_cooldown_ms", breaker.max_cooldown_ms, cooldown_range);
  fields.whole("latency_limit_ms", breaker.latency_limit_ms, {0, 3'600'000, {}});
  if (!has_maximum)
    breaker.max_cooldown_ms = std::max(breaker.max_cooldown_ms, breaker.cooldown_ms);
  else if (breaker.max_cooldown_ms < breaker.cooldown_ms)
    fields.problem("max_cooldown_ms",
                   "must be at least cooldown_ms, which is " + std::to_string(breaker.cooldown_ms));
  fields.refuse_unknown();
}

/// Policies that free room only when they know how much there is.
bool needs_capacity(const eviction_options& eviction) {
  return eviction.policy == "LRU" || eviction.policy == "ARC" || eviction.policy == "MQ";
}

} // namespace

void read_l2_common(l2_reading_context& context) {
  auto& options = context.options;
  auto& fields = context.fields;
  fields.skip("type");
  fields.skip("cpp");
  fields.text("affinity_tag", options.affinity_tag, non_empty_text);
  if (trimmed(options.affinity_tag).empty())
    fields.problem("affinity_tag", "must not be blank; name an L1, such as \"_default\"");
  fields.truth("shared", options.shared);
  fields.truth("persist_enabled", options.persist_enabled);
  read_eviction(context);
  read_serde(context);
  context.cpp.whole("store_timeout_ms", options.store_timeout_ms, timeout_range_ms);
  context.cpp.whole("load_timeout_ms", options.load_timeout_ms, timeout_range_ms);
  context.cpp.whole("lookup_timeout_ms", options.lookup_timeout_ms, timeout_range_ms);
  context.cpp.boolean("exclusive", options.exclusive);
  read_breaker(context);
}

void check_exclusive(l2_reading_context& context, bool scan_at_start) {
  if (context.options.exclusive && !scan_at_start)
    context.cpp.problem("exclusive", "must go with scan_at_start true; what earlier runs stored "
                                     "would be lost");
}

void read_l2_capacity(l2_reading_context& context) {
  auto& options = context.options;
  context.fields.gib("max_capacity_gb", options.max_capacity_bytes);
  context.cpp.gib("max_capacity_gb", options.max_capacity_bytes);
  const bool is_folder = options.type == "fs" || options.type == "fs_native";
  const bool unlimited = options.max_capacity_bytes ? *options.max_capacity_bytes == 0 : !is_folder;
  if (options.eviction && needs_capacity(*options.eviction) && unlimited)
    context.fields.remark("eviction", options.eviction->policy
                                        + " never frees anything without a capacity; give "
                                          "max_capacity_gb");
  if (!options.eviction && options.max_capacity_bytes.value_or(0) > 0)
    context.fields.remark("max_capacity_gb", "without eviction: a full store takes nothing new");
}

} // namespace actord
