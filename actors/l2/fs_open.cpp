// What is looked at before a folder of objects is used.
#include "actors/l2/fs_names.hpp"
#include "actors/l2/fs_volume.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>

namespace actord {

using runtime::io_backend;
using runtime::no_deadline;

namespace {

constexpr uint32_t folder_mode = 0755;

std::string
trouble(const std::string& what, const std::string& path, int64_t error, const char* remedy) {
  return what + " \"" + path + "\": " + std::strerror(static_cast<int>(-error)) + "; " + remedy;
}

/// Makes a folder and its parents. Returns 0 or -errno of the folder itself.
int64_t make_folders(io_backend& io, int from, const std::string& path) {
  int64_t error = 0;
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    error = io.mkdirat(from, path.substr(0, end).c_str(), folder_mode, no_deadline).at_once();
  }
  return error == -EEXIST ? 0 : error;
}

int64_t open_folder(io_backend& io, int from, const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  return io.openat(from, path.c_str(), flags, 0, no_deadline).at_once();
}

/// Writes, renames and removes a small file, as a store does.
std::string try_folder(io_backend& io, fs_volume& volume) {
  const auto& base = volume.options.base_path;
  const auto first = fs_temporary_name(volume.writer, volume.next_temporary++);
  const auto second = fs_temporary_name(volume.writer, volume.next_temporary++);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  const auto fd = static_cast<int>(
    io.openat(volume.temporary_folder, first.c_str(), flags, 0600, no_deadline).at_once());
  if (fd < 0)
    return trouble("cannot create a file in folder", base, fd,
                   "give the daemon's user the right to write there, or name another base_path");
  const auto written = io.write_exactly(fd, "x", 1, 0, no_deadline).at_once();
  io.close(fd).at_once();
  std::string error;
  if (written != 1)
    error = trouble("cannot write a file in folder", base, written < 0 ? written : -EIO,
                    "free space on its volume or repair it, or name another base_path");
  const auto renamed = io.renameat(volume.temporary_folder, first.c_str(), volume.folder,
                                   second.c_str(), no_deadline)
                         .at_once();
  if (renamed < 0 && error.empty())
    error = trouble("cannot rename a file into folder", base, renamed,
                    "relative_tmp_dir must be on the same volume as base_path");
  const auto removed = renamed < 0
                         ? io.unlinkat(volume.temporary_folder, first.c_str(), no_deadline)
                         : io.unlinkat(volume.folder, second.c_str(), no_deadline);
  auto removing = removed;
  if (const auto gone = removing.at_once(); gone < 0 && error.empty())
    error = trouble("cannot remove a file from folder", base, gone,
                    "give the daemon's user that right, or name another base_path");
  return error;
}

} // namespace

std::string fs_options::error() const {
  if (base_path.empty())
    return "base_path is empty: name the folder that holds the objects";
  if (base_path.find('\0') != std::string::npos || relative_tmp_dir.find('\0') != std::string::npos)
    return "base_path or relative_tmp_dir has a NUL character: name folders without";
  const std::filesystem::path temporary = relative_tmp_dir;
  if (temporary.is_absolute())
    return "relative_tmp_dir \"" + relative_tmp_dir
           + "\" is absolute: name a folder below base_path";
  for (const auto& part : temporary)
    if (part == "..")
      return "relative_tmp_dir \"" + relative_tmp_dir
             + "\" leads upwards: name a folder below base_path without \"..\"";
  if (rings == 0 || ring_entries == 0 || lanes == 0)
    return "rings, ring_entries and lanes must be at least 1";
  if (align_bytes == 0)
    return "align_bytes is 0: it is the alignment of objects in the pool, 4096 by default";
  return {};
}

std::string open_fs_volume(io_backend& io, fs_volume& volume) {
  const auto& base = volume.options.base_path;
  constexpr auto make = "create it and give it to the daemon's user, or name another base_path";
  const auto made = make_folders(io, AT_FDCWD, base);
  volume.folder = static_cast<int>(open_folder(io, AT_FDCWD, base));
  if (volume.folder < 0)
    return trouble(made < 0 ? "cannot create folder" : "cannot open folder", base,
                   made < 0 ? made : volume.folder, make);
  auto below = std::filesystem::path(volume.options.relative_tmp_dir).lexically_normal().string();
  if (below.empty())
    below = ".";
  if (below != ".")
    make_folders(io, volume.folder, below);
  volume.temporary_folder = static_cast<int>(open_folder(io, volume.folder, below));
  if (volume.temporary_folder < 0)
    return trouble("cannot open relative_tmp_dir", base + '/' + below, volume.temporary_folder,
                   make);
  make_folders(io, volume.folder, fs_quarantine);
  return try_folder(io, volume);
}

void close_fs_volume(io_backend& io, fs_volume& volume) {
  for (auto* fd : {&volume.folder, &volume.temporary_folder})
    if (*fd >= 0)
      io.close(std::exchange(*fd, -1)).at_once();
}

} // namespace actord
