// Names of files under a folder of objects (spec l2-adapters §5).
#pragma once

#include "storage/object_ref.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

inline constexpr const char* fs_quarantine = ".quarantine"; // below the base folder
inline constexpr std::string_view fs_temporary_suffix = ".tmp";

/// Where the file of an object may lie, relative to the base folder.
struct fs_paths {
  std::string file;       // its name alone, "" when no file can have it
  std::string at;         // where it is written and first looked for
  std::string other;      // where it may lie too, "" for nowhere
  std::string top_folder; // of `at`, to be made when missing: `ab` and `ab/cd`, or ""
  std::string folder;
};

/// With `shard_dirs` a file lies two folders deep, by its hash, or flat as an older server left it.
fs_paths fs_paths_of(const object_ref& object, bool shard_dirs);

/// A name that no other writer uses, of this process or of another.
/// @param writer random, of this process
std::string fs_temporary_name(uint64_t writer, uint64_t number);

/// Whether a folder's name is one of those that `shard_dirs` makes.
bool is_fs_shard(std::string_view name);

} // namespace actord
