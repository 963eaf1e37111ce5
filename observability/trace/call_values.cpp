#include "observability/trace/call_values.hpp"

#include "actors/gateway/wire/text.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace actord::trace {

namespace {

constexpr int64_t most_u32 = std::numeric_limits<uint32_t>::max();
constexpr int64_t most_count = std::numeric_limits<int32_t>::max();

value tag(std::string_view name, value what) {
  value_map result;
  add(result, "__t__", text(name));
  add(result, "v", std::move(what));
  return result;
}

// The peer knows no salt: it passes over the field, and reads keys of all salts as one's.
value write_key(const object_ref& key) {
  value_map map;
  map.reserve(5);
  add(map, "chunk_hash",
      binary{{reinterpret_cast<const char*>(key.hash.bytes.data()), key.hash.bytes.size()}});
  add(map, "model_name", text(key.space->model_name));
  add(map, "kv_rank", int64_t{key.kv_rank});
  add(map, "object_group_id", int64_t{key.object_group_id});
  if (!key.space->cache_salt.empty())
    add(map, "cache_salt", text(key.space->cache_salt));
  return tag("ObjectKey", std::move(map));
}

value write_group(const key_group& group) {
  value_map map;
  add(map, "keys", write_keys(group.keys));
  add(map, "object_group_id", int64_t{group.object_group_id});
  add(map, "layout_desc", write_layout(group.layout));
  add(map, "sliding_window_size", group.sliding_window_size);
  return tag("GroupedObjectKeys", std::move(map));
}

} // namespace

value write_keys(const key_list& keys) {
  value_list result;
  result.reserve(keys.size());
  for (const auto& key : keys)
    result.push_back(write_key(key));
  return result;
}

value write_layout(const layout_desc& layout) {
  value_list shapes, dtypes;
  for (const auto& shape : layout.shapes) {
    value_list sizes;
    for (const auto size : shape)
      sizes.push_back(size);
    shapes.push_back(std::move(sizes));
  }
  for (const auto& dtype : layout.dtypes)
    dtypes.push_back(text(dtype));
  value_map map;
  add(map, "shapes", std::move(shapes));
  add(map, "dtypes", std::move(dtypes));
  return tag("MemoryLayoutDesc", std::move(map));
}

value write_spec(const submit_prefetch_call& what) {
  value_list groups;
  for (const auto& group : what.groups)
    groups.push_back(write_group(group));
  value_map map;
  add(map, "key_groups", std::move(groups));
  add(map, "num_kv_readers", what.kv_readers);
  add(map, "fetching_policy", text(what.fetching_policy));
  add(map, "lock_mode", tag("PrefetchLockMode", text(what.lock ? "LOCK" : "NO_LOCK")));
  return tag("PrefetchTaskSpec", std::move(map));
}

void call_values::fail(std::string why) {
  if (error_.empty())
    error_ = std::move(why);
}

const value* call_values::of(const value_map& map, std::string_view key) {
  const auto* found = find(map, key);
  if (!found)
    fail("argument `" + std::string{key} + "` is missing");
  return found;
}

const value* call_values::tagged(const value* from, std::string_view tag) {
  const auto* map = from ? from->as<value_map>() : nullptr;
  const auto* name = map ? find(*map, "__t__") : nullptr;
  const auto* text = name ? name->as<std::string>() : nullptr;
  const auto* result = text && *text == tag ? find(*map, "v") : nullptr;
  if (!result)
    fail(text && *text != tag
           ? "a tag " + wire::printable(*text) + " stands where " + std::string{tag} + " is due"
           : "no " + std::string{tag} + " where one is due");
  return result;
}

const value_map* call_values::tagged_map(const value* from, std::string_view tag) {
  const auto* inner = tagged(from, tag);
  const auto* result = inner ? inner->as<value_map>() : nullptr;
  if (!result)
    fail(std::string{tag} + " is no map");
  return result;
}

const value_list* call_values::list(const value* from) {
  const auto* result = from ? from->as<value_list>() : nullptr;
  if (!result)
    fail("no list where one is due");
  return result;
}

std::string call_values::string(const value* from) {
  if (const auto* result = from ? from->as<std::string>() : nullptr)
    return *result;
  fail("no string where one is due");
  return {};
}

bool call_values::boolean(const value* from) {
  if (const auto* result = from ? from->as<bool>() : nullptr)
    return *result;
  fail("no bool where one is due");
  return false;
}

int64_t call_values::integer(const value* from, int64_t least, int64_t most) {
  const auto* result = from ? from->as<int64_t>() : nullptr;
  if (result && *result >= least && *result <= most)
    return *result;
  fail("no int from " + std::to_string(least) + " to " + std::to_string(most)
       + " where one is due");
  return least;
}

void call_values::add_key(key_list& to, const value& from) {
  const auto* map = tagged_map(&from, "ObjectKey");
  if (!map)
    return;
  const auto* hash = of(*map, "chunk_hash");
  const auto* bytes = hash ? hash->as<binary>() : nullptr;
  object_ref key;
  if (!bytes || bytes->bytes.size() != key.hash.bytes.size())
    return fail("a chunk_hash is not 32 bytes");
  std::memcpy(key.hash.bytes.data(), bytes->bytes.data(), bytes->bytes.size());
  key.kv_rank = static_cast<uint32_t>(integer(of(*map, "kv_rank"), 0, most_u32));
  if (const auto* group = find(*map, "object_group_id"))
    key.object_group_id = static_cast<uint32_t>(integer(group, 0, most_u32));
  key_space space{string(of(*map, "model_name")), world_of(key.kv_rank), {}};
  if (const auto* salt = find(*map, "cache_salt"))
    space.cache_salt = string(salt);
  if (!error_.empty())
    return;
  if (to.empty() || *to.back().space != space)
    key.space = std::make_shared<const key_space>(std::move(space));
  else
    key.space = to.back().space;
  to.push_back(std::move(key));
}

key_list call_values::keys(const value* from) {
  key_list result;
  if (const auto* all = list(from))
    for (const auto& each : *all)
      add_key(result, each);
  return result;
}

layout_desc call_values::layout(const value* from) {
  layout_desc result;
  const auto* map = tagged_map(from, "MemoryLayoutDesc");
  if (!map)
    return result;
  const auto* shapes = list(of(*map, "shapes"));
  const auto* dtypes = list(of(*map, "dtypes"));
  if (!shapes || !dtypes)
    return result;
  if (shapes->size() != dtypes->size())
    fail("a layout has not as many dtypes as shapes");
  for (const auto& each : *shapes) {
    auto& sizes = result.shapes.emplace_back();
    if (const auto* all = list(&each))
      for (const auto& size : *all)
        sizes.push_back(integer(&size, 0, std::numeric_limits<int64_t>::max()));
  }
  for (const auto& each : *dtypes)
    result.dtypes.push_back(string(&each));
  return result;
}

key_group call_values::group(const value& from) {
  key_group result;
  const auto* map = tagged_map(&from, "GroupedObjectKeys");
  if (!map)
    return result;
  result.keys = keys(of(*map, "keys"));
  result.object_group_id = static_cast<uint32_t>(integer(of(*map, "object_group_id"), 0, most_u32));
  result.layout = layout(of(*map, "layout_desc"));
  result.sliding_window_size = integer(of(*map, "sliding_window_size"), -1, most_count);
  return result;
}

submit_prefetch_call call_values::spec(const value* from) {
  submit_prefetch_call result;
  const auto* map = tagged_map(from, "PrefetchTaskSpec");
  if (!map)
    return result;
  if (const auto* groups = list(of(*map, "key_groups")))
    for (const auto& each : *groups)
      result.groups.push_back(group(each));
  result.kv_readers = integer(of(*map, "num_kv_readers"), 0, most_count);
  result.fetching_policy = string(of(*map, "fetching_policy"));
  const auto mode = string(tagged(of(*map, "lock_mode"), "PrefetchLockMode"));
  if (mode != "LOCK" && mode != "NO_LOCK")
    fail("a lock mode is neither LOCK nor NO_LOCK");
  result.lock = mode == "LOCK";
  return result;
}

} // namespace actord::trace
