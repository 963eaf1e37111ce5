// The L1 of one --l1-manager object, or of the single flags.
#include "runtime/options/bounded_json.hpp"
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

namespace actord {

namespace {

using json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 11> l1_keys
  = {"type",     "tag",          "size_gb",  "align_bytes", "read_ttl_seconds", "write_ttl_seconds",
     "eviction", "init_size_gb", "shm_name", "use_lazy",    "use_hugepages"};
constexpr std::array<std::string_view, 5> policy_names
  = {"LRU", "ARC", "IsolatedLRU", "noop", "MQ"};

/// Reads one object field by field; the first error stays.
class l1_object_reader {
public:
  l1_object_reader(const json& object, option_draft& draft) : object_(object), draft_(draft) {
  }

  /// Empty when all is well.
  std::string run() {
    auto& l1 = draft_.options.l1;
    for (const auto& [key, value] : object_.items())
      if (std::ranges::find(l1_keys, key) == l1_keys.end())
        fail("unknown field `" + printable(key) + "`; remove it");
    read_tag(l1);
    read_size(l1.size_bytes);
    auto align = static_cast<std::int64_t>(l1.align_bytes);
    whole("align_bytes", align, 4096, 1 << 30);
    l1.align_bytes = static_cast<std::uint32_t>(align);
    milliseconds("read_ttl_seconds", l1.read_ttl_ms);
    milliseconds("write_ttl_seconds", l1.write_ttl_ms);
    whole("init_size_gb", l1.init_size_gb, 0, 1 << 20);
    boolean("use_lazy", l1.use_lazy);
    boolean("use_hugepages", draft_.unbuilt.hugepages);
    text("shm_name", l1.shm_name);
    if (auto eviction = object_.find("eviction"); eviction != object_.end())
      read_eviction(*eviction, l1.eviction);
    return error_;
  }

private:
  void fail(const std::string& why) {
    if (error_.empty())
      error_ = why;
  }

  void read_tag(l1_options& l1) {
    auto tag = object_.find("tag");
    if (tag == object_.end() || !tag->is_string() || trimmed(tag->get<std::string>()).empty())
      return fail("tag must be a non-empty string, such as \"_default\"");
    l1.tag = tag->get<std::string>();
  }

  void read_size(std::uint64_t& size_bytes) {
    auto size = object_.find("size_gb");
    if (size == object_.end() || !size->is_number() || !(size->get<double>() > 0)
        || size->get<double>() > (1 << 20))
      return fail("size_gb must be a number of GiB > 0 and <= 1048576");
    size_bytes = static_cast<std::uint64_t>(size->get<double>() * (1ULL << 30));
  }

  void whole(const char* key, std::int64_t& target, std::int64_t low, std::int64_t high) {
    auto value = object_.find(key);
    if (value == object_.end())
      return;
    // A number beyond int64 wraps to a negative one, which no field allows.
    if (!value->is_number_integer() || value->get<std::int64_t>() < low
        || value->get<std::int64_t>() > high)
      return fail(std::string(key) + " must be a whole number from " + std::to_string(low) + " to "
                  + std::to_string(high));
    target = value->get<std::int64_t>();
  }

  void milliseconds(const char* key, std::int64_t& target_ms) {
    auto seconds = target_ms / 1000;
    whole(key, seconds, 1, max_seconds);
    target_ms = seconds * 1000;
  }

  void boolean(const char* key, bool& target) {
    auto value = object_.find(key);
    if (value == object_.end())
      return;
    if (!value->is_boolean())
      return fail(std::string(key) + " must be true or false");
    target = value->get<bool>();
  }

  void text(const char* key, std::string& target) {
    auto value = object_.find(key);
    if (value == object_.end())
      return;
    if (!value->is_string())
      return fail(std::string(key) + " must be a string");
    if (!value->get<std::string>().empty())
      target = value->get<std::string>();
  }

  void read_eviction(const json& object, eviction_options& eviction) {
    if (!object.is_object())
      return fail("eviction must be an object, such as {\"eviction_policy\": \"LRU\"}");
    for (const auto& [key, value] : object.items()) {
      if (key == "eviction_policy")
        read_policy(value, eviction.policy);
      else if (key == "trigger_watermark")
        share(key, value, eviction.trigger_watermark, false);
      else if (key == "eviction_ratio")
        share(key, value, eviction.eviction_ratio, true);
      else
        fail("unknown field `eviction." + printable(key) + "`; remove it");
    }
  }

  void read_policy(const json& value, std::string& policy) {
    auto name = value.is_string() ? value.get<std::string>() : std::string();
    if (std::ranges::find(policy_names, name) == policy_names.end())
      return fail("eviction_policy must be LRU, ARC, IsolatedLRU, noop or MQ");
    policy = name;
  }

  void share(const std::string& key, const json& value, double& target, bool zero_is_fine) {
    auto number = value.is_number() ? value.get<double>() : -1.0;
    if (!(number <= 1 && (zero_is_fine ? number >= 0 : number > 0)))
      return fail(key + " must be a number between zero and one");
    target = number;
  }

  const json& object_;
  option_draft& draft_;
  std::string error_;
};

void read_l1_object(const std::string& text, option_draft& draft, option_problems& problems) {
  auto problem = [&](const std::string& why) {
    problems.push_back({1, "--l1-manager " + printable(text) + ": " + why});
  };
  auto object = parse_bounded_json(text);
  if (!object || !object->is_object())
    return problem("must be a JSON object, such as {\"type\": \"DRAM\", \"tag\": \"_default\", "
                   "\"size_gb\": 2, \"eviction\": {\"eviction_policy\": \"LRU\"}}");
  auto type = object->find("type");
  auto name = type != object->end() && type->is_string() ? type->get<std::string>() : "";
  if (name == "DEVDAX" || name == "GDS")
    return problem("type " + name + " is not built yet; use type DRAM");
  if (name != "DRAM")
    return problem("--l1-manager requires type DRAM, DEVDAX or GDS");
  if (auto why = l1_object_reader(*object, draft).run(); !why.empty())
    problem(why);
  else if (draft.options.l1.eviction.policy.empty())
    problem("An eviction policy is required for each L1; add --eviction-policy LRU");
}

void check_l1(const l1_options& l1, option_problems& problems) {
  constexpr std::size_t name_limit = 200; // leaves room for our prefix below NAME_MAX
  if (!std::has_single_bit(l1.align_bytes))
    problems.push_back({1, "--l1-align-bytes " + std::to_string(l1.align_bytes)
                             + ": must be a power of two >= 4096"});
  else if (l1.size_bytes > 0 && l1.size_bytes < l1.align_bytes)
    problems.push_back({1, "--l1-size-gb: " + std::to_string(l1.size_bytes)
                             + " bytes of L1 hold no block of --l1-align-bytes "
                             + std::to_string(l1.align_bytes) + "; make L1 larger"});
  std::string_view name = l1.shm_name;
  if (name.starts_with('/'))
    name.remove_prefix(1);
  bool blank = !l1.shm_name.empty() && trimmed(name).empty();
  if (blank || name.find('/') != std::string_view::npos || name.size() > name_limit)
    problems.push_back({1, "--shm-name " + printable(l1.shm_name)
                             + ": must be a file name of at most 200 bytes without /"});
}

} // namespace

void settle_l1(option_draft& draft, const chosen_values& chosen, option_problems& problems) {
  auto before = problems.size();
  if (draft.l1_managers.empty()) {
    if (!chosen.contains("--l1-size-gb") || !chosen.contains("--eviction-policy"))
      problems.push_back({1, "Legacy L1 configuration requires --l1-size-gb and "
                             "--eviction-policy; for example: --l1-size-gb 2 --eviction-policy "
                             "LRU"});
  } else if (chosen.contains("--l1-size-gb") || !draft.unbuilt.devdax_path.empty()
             || !draft.unbuilt.gds_path.empty()) {
    auto size = chosen.find("--l1-size-gb");
    problems.push_back(
      {1, "Use either --l1-manager or legacy L1 flags, not both: remove "
            + (size == chosen.end() ? std::string("--gds-l1-path and --l1-devdax-path")
                                    : size->second.described())});
  } else if (draft.l1_managers.size() > 1) {
    problems.push_back({1, "--l1-manager is given " + std::to_string(draft.l1_managers.size())
                             + " times: several L1s are not built yet; keep one of type DRAM"});
  } else {
    read_l1_object(draft.l1_managers.front(), draft, problems);
  }
  if (problems.size() == before)
    check_l1(draft.options.l1, problems);
}

} // namespace actord
