// Keys of the --l2-adapter types fs and fs_native (spec l2-adapters §6).
#include "runtime/options/l2_family_json.hpp"

#include <array>
#include <filesystem>

namespace actord {

namespace {

constexpr std::array<std::string_view, 3> sync_words = {"off", "file", "all"};

/// A path that stays below the folder it is joined to.
bool stays_below(const std::string& text) {
  const std::filesystem::path path(text);
  if (path.is_absolute())
    return false;
  for (const auto& part : path)
    if (part == "..")
      return false;
  return true;
}

/// The peer's fs refuses a folder elsewhere and its fs_native does not; a rename across volumes
/// fails, so ours never leaves base_path, and says so.
void read_tmp_dir(l2_reading_context& context, std::string& target) {
  constexpr std::string_view rule = "must be a relative path without \"..\", below base_path";
  std::string folder;
  context.fields.nullable_text("relative_tmp_dir", folder);
  if (stays_below(folder))
    target = folder;
  else if (context.options.type == "fs")
    context.fields.problem("relative_tmp_dir", rule);
  else
    context.fields.remark("relative_tmp_dir", std::string(rule) + ": base_path is used instead");
}

} // namespace

fs_l2_options read_fs_options(l2_reading_context& context) {
  auto& fields = context.fields;
  auto& cpp = context.cpp;
  fs_l2_options fs;
  fields.text("base_path", fs.base_path, required_text);
  read_tmp_dir(context, fs.relative_tmp_dir);
  fields.nullable_whole("read_ahead_size", fs.read_ahead_bytes,
                        {1, std::numeric_limits<std::int64_t>::max(), {}});
  fields.boolean("use_odirect", fs.use_odirect);
  fields.whole("num_workers", fs.num_workers, positive_workers);
  std::string sync = "off";
  cpp.choice("fsync", sync, sync_words);
  fs.fsync = sync == "off"    ? fs_l2_options::sync::off
             : sync == "file" ? fs_l2_options::sync::file
                              : fs_l2_options::sync::all;
  cpp.boolean("shard_dirs", fs.shard_dirs);
  cpp.boolean("verify_checksums", fs.verify_checksums);
  cpp.boolean("scan_at_start", fs.scan_at_start);
  check_exclusive(context, fs.scan_at_start);
  cpp.whole("stale_tmp_age_ms", fs.stale_tmp_age_ms, {1000, max_seconds * 1000, {}});
  read_l2_capacity(context);
  return fs;
}

} // namespace actord
