// Keys of objects as HTTP spells them (spec cli-http §2.7).
#pragma once

#include "actors/gateway/http/values.hpp"
#include "storage/object_key.hpp"

#include <string>
#include <vector>

namespace actord::http {

constexpr size_t most_keys = 10'000; // of one request

/// A key as given: types are right, values are not checked.
struct named_key {
  std::string chunk_hash_hex, model_name, cache_salt;
  int64_t kv_rank = 0, object_group_id = 0;
};

/// @param list any JSON; complaints name its elements behind `loc`
std::vector<named_key> read_keys(const json& list, const json& loc, complaints& out);

/// Adds the keys that can name an object to `to`. A well-formed key that cannot (a hash of another
/// length, a rank out of range) is absent everywhere, so it is left out.
/// @return what is wrong with the first bad key, "" when nothing is
std::string collect_keys(const std::vector<named_key>& keys, std::vector<object_key>& to);

/// What is wrong with a salt, in the words clients know; "" when nothing is.
std::string salt_fault(const std::string& salt);

} // namespace actord::http
