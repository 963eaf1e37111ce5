// How one object is found and read.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_io.hpp"
#include "actors/l2/fs_names.hpp"
#include "actors/l2/fs_volume.hpp"
#include "actors/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

namespace actord {

using runtime::io_backend;
using runtime::io_time;
using runtime::ring_step;

namespace {

/// Bytes of a file, or -errno; -ENOENT where something else has its name.
int64_t size_of(int64_t error, const struct ::statx& status) {
  if (error < 0)
    return error;
  return S_ISREG(status.stx_mode) ? static_cast<int64_t>(status.stx_size) : -ENOENT;
}

/// Opens the object's file for reading, wherever it lies; `direct` becomes false when the file
/// system refuses that. `at` is where it was.
ring_step<int64_t> open_file(io_backend& io, fs_volume& volume, const fs_paths& paths, bool& direct,
                             const std::string*& at, io_time deadline) {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
  for (const auto* path : {&paths.at, &paths.other}) {
    if (path->empty())
      break;
    at = path;
    auto fd = co_await io.openat(volume.folder, path->c_str(), flags | (direct ? O_DIRECT : 0), 0,
                                 deadline);
    if (fd == -EINVAL && direct) {
      direct = false;
      volume.direct = false;
      fd = co_await io.openat(volume.folder, path->c_str(), flags, 0, deadline);
    }
    if (fd != -ENOENT)
      co_return fd;
  }
  co_return -ENOENT;
}

/// Reads the object's bytes. `size_bytes`: of the file. Returns how many, or -errno.
ring_step<int64_t> read_file(io_backend& io, const fs_volume& volume, int fd, const l2_item& item,
                             uint64_t size_bytes, bool direct, io_time deadline) {
  const auto length = item.object.length_bytes;
  const auto asked = direct ? fs_round_up(length) : length;
  const auto ahead = direct ? 0 : std::min(volume.options.read_ahead_size, asked);
  int64_t first = 0;
  if (ahead != 0 && ahead < asked) {
    first = co_await io.read_exactly(fd, item.bytes, ahead, 0, deadline);
    if (first < 0 || static_cast<uint64_t>(first) < ahead)
      co_return first;
  }
  const auto done = static_cast<uint64_t>(first);
  const auto rest = co_await io.read_exactly(fd, item.bytes + done, asked - done, done, deadline,
                                             std::min(size_bytes, asked) - done);
  co_return rest < 0 ? rest : first + rest;
}

/// What the attribute says of bytes that were read. Nothing to say where there is none.
l2_result
verdict(io_backend& io, fs_volume& volume, int fd, const l2_item& item, const std::string& file) {
  if (!volume.options.verify_checksums) {
    ++volume.counters.unverified;
    return l2_result::ok;
  }
  std::array<std::byte, fs_attribute_bytes> bytes{};
  const auto got
    = io.fgetxattr(fd, fs_attribute_name, bytes.data(), bytes.size(), runtime::no_deadline)
        .at_once();
  // Another server wrote it, or the file system keeps none.
  if (got == -ENODATA || got == -EOPNOTSUPP) {
    ++volume.counters.unverified;
    return l2_result::ok;
  }
  if (got < 0 && got != -ERANGE)
    return l2_result::failed;
  const auto value = decode_fs_attribute({bytes.data(), got < 0 ? 0 : static_cast<size_t>(got)});
  const auto length = item.object.length_bytes;
  if (!value || value->identity != fs_identity(file))
    return l2_result::corrupt;
  if (value->length_bytes != length)
    return l2_result::wrong_length; // of an object that was laid out otherwise
  const auto same = fs_checksum({item.bytes, length}) == value->checksum;
  return same ? l2_result::ok : l2_result::corrupt;
}

/// Takes a corrupt file out of the way, so that the object can be stored again.
ring_step<int64_t>
put_aside(io_backend& io, fs_volume& volume, const std::string& at, const std::string& file) {
  const auto kept = std::string(fs_quarantine) + '/' + file;
  const auto limit = volume.options.quarantine_files;
  if (volume.quarantined.fetch_add(1) < limit) {
    const auto error = co_await io.renameat(volume.folder, at.c_str(), volume.folder, kept.c_str(),
                                            fs_tidy_deadline(io));
    log_error(log_part::l2,
              "{}/{} does not hold the bytes that were stored; it was moved to {} there. Check the "
              "disk and who else writes in that folder",
              volume.options.base_path, at, fs_quarantine);
    if (error == 0)
      co_return 0;
  }
  --volume.quarantined;
  co_return co_await io.unlinkat(volume.folder, at.c_str(), fs_tidy_deadline(io));
}

} // namespace

fs_outcome fs_failure(int error) {
  const auto full = error == ENOSPC || error == EDQUOT || error == EROFS;
  return {full ? l2_result::no_space : l2_result::failed, 0, error};
}

ring_step<fs_outcome>
fs_load(io_backend& io, fs_volume& volume, const l2_item& item, io_time deadline) {
  const auto paths = fs_paths_of(item.object, volume.options.shard_dirs);
  const auto length = item.object.length_bytes;
  auto direct = fs_can_be_direct(volume, item);
  const std::string* at = &paths.at;
  auto opening = open_file(io, volume, paths, direct, at, deadline);
  const auto fd = static_cast<int>(co_await opening);
  if (fd == -ENOENT)
    co_return fs_outcome{l2_result::absent, 0, 0};
  if (fd < 0)
    co_return fs_outcome{l2_result::failed, 0, -fd};
  if (volume.options.use_odirect && !direct)
    ++volume.counters.buffered;
  struct ::statx status {};
  const auto error
    = io.statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE, &status, runtime::no_deadline)
        .at_once();
  const auto size = size_of(error, status);
  fs_outcome result{l2_result::failed, 0, 0};
  if (size == -ENOENT) {
    result.result = l2_result::absent;
  } else if (size < 0) {
    result.error = static_cast<int>(-size);
  } else if (!fs_size_fits(static_cast<uint64_t>(size), length, volume.options.align_bytes)) {
    result.result = l2_result::wrong_length;
  } else {
    auto reading = read_file(io, volume, fd, item, static_cast<uint64_t>(size), direct, deadline);
    const auto got = co_await reading;
    result.stored_bytes = static_cast<uint64_t>(size);
    if (got < 0)
      result.error = static_cast<int>(-got);
    else if (static_cast<uint64_t>(got) < length)
      result.result = l2_result::wrong_length; // it was cut off meanwhile
    else
      result.result = verdict(io, volume, fd, item, paths.file);
  }
  co_await io.close(fd);
  if (result.result == l2_result::corrupt) {
    auto moving = put_aside(io, volume, *at, paths.file);
    co_await moving;
  }
  if (result.result == l2_result::ok)
    ++volume.counters.loaded;
  co_return result;
}

ring_step<fs_outcome>
fs_probe(io_backend& io, fs_volume& volume, const l2_item& item, io_time deadline) {
  const auto paths = fs_paths_of(item.object, volume.options.shard_dirs);
  fs_outcome result{l2_result::absent, 0, 0};
  for (const auto* path : {&paths.at, &paths.other}) {
    if (path->empty())
      break;
    struct ::statx status {};
    const auto error = co_await io.statx(volume.folder, path->c_str(), AT_SYMLINK_NOFOLLOW,
                                         STATX_TYPE | STATX_SIZE, &status, deadline);
    const auto size = size_of(error, status);
    if (size == -ENOENT)
      continue;
    if (size < 0)
      co_return fs_outcome{l2_result::failed, 0, static_cast<int>(-size)};
    result.stored_bytes = static_cast<uint64_t>(size);
    const auto fits
      = item.object.length_bytes == 0
        || fs_size_fits(result.stored_bytes, item.object.length_bytes, volume.options.align_bytes);
    result.result = fits ? l2_result::ok : l2_result::wrong_length;
    break;
  }
  co_return result;
}

} // namespace actord
