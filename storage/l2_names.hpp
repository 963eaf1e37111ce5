// The names that L2 stores give to keys, and the keys that names stand for (spec l2-adapters §5).
#pragma once

#include "storage/object_key.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

// H: hash in hex, R: kv_rank in 8 hex digits, G: object group in hex, M: model name, S: salt. The
// part in brackets stands there when the salt is not empty.

/// `M@R@G@H[@S]`: key in resp, object key in s3, key of native clients.
std::string remote_name(const object_key& key);

/// `P@M@R@G@H[@S]`; remote_name() for an empty prefix. @pre the prefix has no error
std::string valkey_name(std::string_view key_prefix, const object_key& key);

/// `/` and remote_name(), percent-encoded but for unreserved characters and `/`.
std::string s3_request_path(const object_key& key);

/// `M'@0xR@G@H[@S].data`, M' with `-SEP-` for every `/`: one file in the folder of fs.
std::string file_name(const object_key& key);

/// `M''@0xR@G@H[@S]`, M'' percent-encoded but for unreserved characters: key of a checkpoint's
/// entry and what a slot's identity is made of.
std::string raw_block_name(const object_key& key);

/// The keys of names, strictly: none when the name is not spelled exactly as above, has a hash of
/// another length than 32 bytes, a world size of 0 or above 255, or a model or salt that a key may
/// not have or that is not UTF-8. `remote_name(*parse_remote_name(name)) == name`, and so on.
std::optional<object_key> parse_remote_name(std::string_view name);
std::optional<object_key> parse_valkey_name(std::string_view key_prefix, std::string_view name);
std::optional<object_key> parse_raw_block_name(std::string_view name);

/// As above, but `-SEP-` always comes back as `/`: a model that has `-SEP-` in its own name is
/// lost. Whoever scans a folder compares file_name() of the key wanted with the names found, or
/// keys whose models went through file_model_name(); never the parsed key with the one wanted.
std::optional<object_key> parse_file_name(std::string_view name);

/// The model as parse_file_name() gives it back: equal for exactly those models that share files.
std::string file_model_name(std::string_view model_name);

/// Returns what is wrong with a prefix of valkey ("" when nothing is).
std::string_view key_prefix_error(std::string_view key_prefix);

/// What file systems take as one name.
constexpr size_t max_file_name_bytes = 255;

/// Returns why no file system takes the key's file_name() ("" when it does).
std::string file_name_error(const object_key& key);

/// The name under which an object is written before it is renamed: `H.<unique>.tmp`. Without the
/// model, so that it fits wherever the final name does. The peer's own temporary name is the same
/// for every writer of a key, so that two of them write into one file.
/// @param unique different for every write by any process that shares the folder
std::string temporary_file_name(const object_key& key, uint64_t unique);

enum class file_kind : uint8_t {
  object,    // a stored object
  temporary, // half-written, by this server or the peer: garbage once it is old
  other,     // nobody's business: neither counted nor removed
};

/// What a file in the folder of fs is.
/// @param in_temporary_folder whether it lies in `relative_tmp_dir`, where the peer gives
/// unfinished files their final names
file_kind kind_of_file(std::string_view name, bool in_temporary_folder);

} // namespace actord
