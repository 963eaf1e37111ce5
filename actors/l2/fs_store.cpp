// How one object becomes a file, and how it goes.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_io.hpp"
#include "actors/l2/fs_names.hpp"
#include "actors/l2/fs_volume.hpp"
#include "actors/log.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

namespace actord {

using runtime::io_backend;
using runtime::io_time;
using runtime::ring_step;

namespace {

constexpr uint32_t file_mode = 0644;
constexpr uint32_t folder_mode = 0755;

/// What cannot be kept is told once and counted; the object is stored without it.
void note_no_attribute(fs_volume& volume, int error) {
  ++volume.counters.without_attribute;
  if (volume.attributes.exchange(false))
    log_warn(log_part::l2,
             "no checksums can be kept with the files in {}: {}; they are served unverified. Use a "
             "file system with extended attributes to have them verified",
             volume.options.base_path, std::strerror(error));
}

/// Puts bytes and checksum into an open file. Returns 0 or -errno.
ring_step<int64_t> fill_file(io_backend& io, fs_volume& volume, int fd, const l2_item& item,
                             const std::string& file, bool direct, io_time deadline) {
  const auto length = item.object.length_bytes;
  const auto padded = direct ? fs_round_up(length) : length;
  const auto written = co_await io.write_exactly(fd, item.bytes, padded, 0, deadline);
  if (written < 0)
    co_return written;
  if (padded != length)
    if (auto error = co_await io.ftruncate(fd, length, deadline); error < 0)
      co_return error;
  if (volume.options.verify_checksums && volume.attributes) {
    const fs_attribute value{length, fs_checksum({item.bytes, length}), fs_identity(file)};
    const auto bytes = encode(value);
    const auto error
      = co_await io.fsetxattr(fd, fs_attribute_name, bytes.data(), bytes.size(), deadline);
    if (error == -EOPNOTSUPP || error == -EPERM || error == -E2BIG)
      note_no_attribute(volume, static_cast<int>(-error));
    else if (error < 0)
      co_return error;
  } else if (volume.options.verify_checksums) {
    ++volume.counters.without_attribute;
  }
  if (volume.options.fsync != fs_sync::off)
    co_return co_await io.fsync(fd, deadline);
  co_return 0;
}

/// Opens a new temporary file; `direct` becomes false when the file system refuses that.
ring_step<int64_t> open_temporary(io_backend& io, fs_volume& volume, const char* name, bool& direct,
                                  io_time deadline) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  if (direct) {
    const auto fd
      = co_await io.openat(volume.temporary_folder, name, flags | O_DIRECT, file_mode, deadline);
    if (fd != -EINVAL)
      co_return fd;
    direct = false;
    volume.direct = false;
    // The kernel makes the file before it finds that it cannot open it so.
    co_await io.unlinkat(volume.temporary_folder, name, fs_tidy_deadline(io));
  }
  co_return co_await io.openat(volume.temporary_folder, name, flags, file_mode, deadline);
}

/// Gives the temporary file its name. Returns 0 or -errno.
ring_step<int64_t> publish(io_backend& io, fs_volume& volume, const char* temporary,
                           const fs_paths& paths, io_time deadline) {
  auto error = co_await io.renameat(volume.temporary_folder, temporary, volume.folder,
                                    paths.at.c_str(), deadline);
  if (error == -ENOENT && !paths.folder.empty()) {
    co_await io.mkdirat(volume.folder, paths.top_folder.c_str(), folder_mode, deadline);
    co_await io.mkdirat(volume.folder, paths.folder.c_str(), folder_mode, deadline);
    error = co_await io.renameat(volume.temporary_folder, temporary, volume.folder,
                                 paths.at.c_str(), deadline);
  }
  if (error < 0 || volume.options.fsync != fs_sync::all)
    co_return error;
  if (paths.folder.empty())
    co_return co_await io.fsync(volume.folder, deadline);
  // Each of them may be new.
  for (const auto* path : {paths.folder.c_str(), paths.top_folder.c_str(), "."}) {
    const auto fd = static_cast<int>(
      co_await io.openat(volume.folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, deadline));
    if (fd < 0)
      co_return fd;
    const auto synced = co_await io.fsync(fd, deadline);
    co_await io.close(fd);
    if (synced < 0)
      co_return synced;
  }
  co_return 0;
}

} // namespace

ring_step<fs_outcome>
fs_store(io_backend& io, fs_volume& volume, const l2_item& item, io_time deadline) {
  const auto paths = fs_paths_of(item.object, volume.options.shard_dirs);
  if (paths.file.empty())
    co_return fs_failure(ENAMETOOLONG);
  auto look = fs_probe(io, volume, item, deadline);
  const auto there = co_await look;
  if (there.result == l2_result::ok) {
    ++volume.counters.found_stored;
    co_return there;
  }
  if (there.result == l2_result::failed)
    co_return there;
  const auto temporary = fs_temporary_name(volume.writer, volume.next_temporary++);
  auto direct = fs_can_be_direct(volume, item);
  auto opening = open_temporary(io, volume, temporary.c_str(), direct, deadline);
  const auto fd = static_cast<int>(co_await opening);
  if (fd < 0)
    co_return fs_failure(-fd);
  if (volume.options.use_odirect && !direct)
    ++volume.counters.buffered;
  auto filling = fill_file(io, volume, fd, item, paths.file, direct, deadline);
  auto error = co_await filling;
  const auto closed = co_await io.close(fd);
  error = error < 0 ? error : closed; // some file systems tell only now that there is no space
  if (error >= 0) {
    auto naming = publish(io, volume, temporary.c_str(), paths, deadline);
    error = co_await naming;
  }
  if (error < 0) {
    co_await io.unlinkat(volume.temporary_folder, temporary.c_str(), fs_tidy_deadline(io));
    co_return fs_failure(static_cast<int>(-error));
  }
  ++volume.counters.stored;
  co_return fs_outcome{l2_result::ok, item.object.length_bytes, 0};
}

ring_step<fs_outcome>
fs_erase(io_backend& io, fs_volume& volume, const l2_item& item, io_time deadline) {
  const auto paths = fs_paths_of(item.object, volume.options.shard_dirs);
  if (paths.file.empty())
    co_return fs_outcome{l2_result::absent, 0, 0};
  auto error = co_await io.unlinkat(volume.folder, paths.at.c_str(), deadline);
  if (!paths.other.empty() && (error == 0 || error == -ENOENT)) {
    // Both may be there, and a lookup would find the other.
    const auto second = co_await io.unlinkat(volume.folder, paths.other.c_str(), deadline);
    error = second == -ENOENT ? error : second;
  }
  if (error == -ENOENT)
    co_return fs_outcome{l2_result::absent, 0, 0};
  if (error < 0)
    co_return fs_failure(static_cast<int>(-error));
  co_return fs_outcome{l2_result::ok, 0, 0};
}

} // namespace actord
