// How one object is found and read.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_io.hpp"
#include "actors/l2/fs_names.hpp"
#include "actors/l2/fs_volume.hpp"
#include "actors/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace actord {

using runtime::io_backend;
using runtime::io_time;
using runtime::ring_step;

namespace {

// Small enough to stay in a core's own cache.
constexpr uint64_t checked_piece_bytes = 128 * 1024;

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
    if (fd != -ENOENT && fd != -ELOOP) // a link is no object
      co_return fd;
  }
  co_return -ENOENT;
}

/// What is known of an object once its file is open.
struct opened_file {
  int fd = -1;
  uint64_t size_bytes = 0;
  bool direct = false;
  std::optional<fs_attribute> attribute; // when its bytes are to be compared with it
};

/// Copies what the page cache has at once, in pieces that the processor's cache still holds when
/// they are added to the checksum. Returns how many bytes it got, from the begin.
uint64_t read_cached(io_backend& io, const opened_file& file, const l2_item& item,
                     fs_running_checksum& sum) {
  const auto length = item.object.length_bytes;
  const auto piece = file.attribute ? checked_piece_bytes : length;
  uint64_t done = 0;
  while (done < length) {
    auto reading = io.read(file.fd, item.bytes + done, std::min(piece, length - done), done,
                           runtime::no_deadline, RWF_NOWAIT);
    const auto got = reading.at_once();
    if (got <= 0)
      break;
    const auto bytes = static_cast<uint64_t>(got);
    if (file.attribute)
      sum.add({item.bytes + done, bytes});
    done += bytes;
  }
  return done;
}

/// Reads the object's bytes and adds them to the checksum. Returns how many, or -errno.
ring_step<int64_t> read_file(io_backend& io, const fs_volume& volume, const opened_file& file,
                             const l2_item& item, fs_running_checksum& sum, io_time deadline) {
  const auto length = item.object.length_bytes;
  uint64_t done = 0;
  if (!file.direct) {
    done = read_cached(io, file, item, sum);
    const auto ahead = volume.options.read_ahead_size;
    if (done == 0 && ahead < length && ahead != 0) {
      const auto first = co_await io.read_exactly(file.fd, item.bytes, ahead, 0, deadline);
      if (first < 0)
        co_return first;
      done = static_cast<uint64_t>(first);
      if (file.attribute)
        sum.add({item.bytes, done});
    }
  }
  if (done == length)
    co_return static_cast<int64_t>(done);
  const auto asked = file.direct ? fs_round_up(length) : length;
  const auto there = std::min(file.size_bytes, asked);
  const auto enough = there - std::min(there, done);
  const auto rest
    = co_await io.read_exactly(file.fd, item.bytes + done, asked - done, done, deadline, enough);
  if (rest < 0)
    co_return rest;
  const auto got = std::min(static_cast<uint64_t>(rest), length - done);
  if (file.attribute)
    sum.add({item.bytes + done, got});
  co_return static_cast<int64_t>(done + got);
}

/// Looks at size and attribute. Returns ok when the bytes are worth reading.
fs_outcome look_at(io_backend& io, fs_volume& volume, opened_file& file, const l2_item& item,
                   const std::string& name) {
  constexpr auto mask = STATX_TYPE | STATX_SIZE;
  struct ::statx status {};
  auto asking = io.statx(file.fd, "", AT_EMPTY_PATH, mask, &status, runtime::no_deadline);
  const auto size = size_of(asking.at_once(), status);
  if (size == -ENOENT)
    return {l2_result::absent, 0, 0};
  if (size < 0)
    return {l2_result::failed, 0, static_cast<int>(-size)};
  file.size_bytes = static_cast<uint64_t>(size);
  const auto length = item.object.length_bytes;
  if (!fs_size_fits(file.size_bytes, length, volume.options.align_bytes))
    return {l2_result::wrong_length, file.size_bytes, 0};
  if (!volume.options.verify_checksums)
    return {l2_result::ok, file.size_bytes, 0};
  std::array<std::byte, fs_attribute_bytes> bytes{};
  auto fetching
    = io.fgetxattr(file.fd, fs_attribute_name, bytes.data(), bytes.size(), runtime::no_deadline);
  const auto got = fetching.at_once();
  // Another server wrote it, or the file system keeps none.
  if (got == -ENODATA || got == -EOPNOTSUPP)
    return {l2_result::ok, file.size_bytes, 0};
  if (got < 0 && got != -ERANGE)
    return {l2_result::failed, 0, static_cast<int>(-got)};
  const auto attribute_bytes = static_cast<size_t>(std::max<int64_t>(got, 0));
  file.attribute = decode_fs_attribute({bytes.data(), attribute_bytes});
  if (!file.attribute || file.attribute->identity != fs_identity(name))
    return {l2_result::corrupt, file.size_bytes, 0};
  // Of an object that was laid out otherwise.
  const auto same = file.attribute->length_bytes == length;
  return {same ? l2_result::ok : l2_result::wrong_length, file.size_bytes, 0};
}

/// Looks at an open file and reads it.
ring_step<fs_outcome> take_file(io_backend& io, fs_volume& volume, opened_file& file,
                                const l2_item& item, const std::string& name, io_time deadline) {
  auto result = look_at(io, volume, file, item, name);
  if (result.result != l2_result::ok)
    co_return result;
  fs_running_checksum sum;
  auto reading = read_file(io, volume, file, item, sum, deadline);
  const auto got = co_await reading;
  if (got < 0)
    co_return fs_outcome{l2_result::failed, 0, static_cast<int>(-got)};
  if (static_cast<uint64_t>(got) < item.object.length_bytes)
    result.result = l2_result::wrong_length; // it was cut off meanwhile
  else if (file.attribute && sum.value() != file.attribute->checksum)
    result.result = l2_result::corrupt;
  else if (!file.attribute)
    ++volume.counters.unverified;
  co_return result;
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
  opened_file file;
  file.direct = fs_can_be_direct(volume, item);
  const std::string* at = &paths.at;
  auto opening = open_file(io, volume, paths, file.direct, at, deadline);
  file.fd = static_cast<int>(co_await opening);
  if (file.fd == -ENOENT)
    co_return fs_outcome{l2_result::absent, 0, 0};
  if (file.fd < 0)
    co_return fs_outcome{l2_result::failed, 0, -file.fd};
  if (volume.options.use_odirect && !file.direct)
    ++volume.counters.buffered;
  auto taking = take_file(io, volume, file, item, paths.file, deadline);
  const auto result = co_await taking;
  co_await io.close(file.fd);
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
