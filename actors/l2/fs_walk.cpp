#include "actors/l2/fs_walk.hpp"

#include "actors/l2/fs_names.hpp"
#include "storage/l2_names.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr size_t page_objects = 1000;
constexpr size_t remembered_spaces = 256;
constexpr int64_t stale_s = 3600;

struct closer {
  void operator()(DIR* folder) const {
    ::closedir(folder);
  }
};
using open_folder = std::unique_ptr<DIR, closer>;

open_folder open_at(int from, const char* path) {
  const auto fd = ::openat(from, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return nullptr;
  auto* result = ::fdopendir(fd);
  if (!result)
    ::close(fd);
  return open_folder{result};
}

/// The base folder may be a link, what lies below must not.
open_folder open_base(const fs_options& options) {
  return open_folder{::opendir(options.base_path.c_str())};
}

using visitor = std::function<void(int folder, const dirent& entry)>;

void visit(DIR* folder, const std::atomic<bool>& stop, const visitor& see) {
  if (!folder)
    return;
  while (!stop.load(std::memory_order_relaxed)) {
    const auto* entry = ::readdir(folder);
    if (!entry)
      return;
    if (entry->d_name[0] != '.')
      see(::dirfd(folder), *entry);
  }
}

/// Sees every entry of the folders that may hold objects.
void visit_all(const fs_options& options, const std::atomic<bool>& stop, const visitor& see) {
  const auto base = open_base(options);
  if (!base)
    return;
  visit(base.get(), stop, [&](int folder, const dirent& entry) {
    if (!options.shard_dirs || !is_fs_shard(entry.d_name)) {
      see(folder, entry);
      return;
    }
    const auto top = open_at(folder, entry.d_name);
    visit(top.get(), stop, [&](int top_folder, const dirent& second) {
      if (is_fs_shard(second.d_name))
        visit(open_at(top_folder, second.d_name).get(), stop, see);
    });
  });
}

/// The spaces that objects of a scan share.
class space_memory {
public:
  std::shared_ptr<const key_space> of(const object_key& key) {
    key_space space{key.model_name, key.kv_rank >> 24, key.cache_salt};
    if (auto found = known_.find(space); found != known_.end())
      return found->second;
    if (known_.size() == remembered_spaces)
      known_.clear(); // a folder may hold any number of salts
    auto result = std::make_shared<const key_space>(space);
    known_.emplace(std::move(space), result);
    return result;
  }

private:
  std::map<key_space, std::shared_ptr<const key_space>> known_;
};

bool has_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix);
}

} // namespace

void scan_fs(const fs_options& options, const std::atomic<bool>& stop,
             const l2_backend::page& more) {
  std::vector<l2_found> page;
  space_memory spaces;
  visit_all(options, stop, [&](int folder, const dirent& entry) {
    const auto key = parse_file_name(entry.d_name);
    struct ::statx status {};
    constexpr auto flags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
    if (!key
        || ::statx(folder, entry.d_name, flags, STATX_TYPE | STATX_SIZE | STATX_MTIME, &status) != 0
        || !S_ISREG(status.stx_mode))
      return;
    const auto modified_ms = status.stx_mtime.tv_sec * 1000 + status.stx_mtime.tv_nsec / 1'000'000;
    page.push_back(
      {{spaces.of(*key), key->hash, key->kv_rank, key->object_group_id, status.stx_size},
       modified_ms});
    if (page.size() == page_objects)
      more(std::exchange(page, {}));
  });
  if (!page.empty())
    more(std::exchange(page, {}));
  more({});
}

uint64_t sweep_fs(const fs_options& options, const std::atomic<bool>& stop, int64_t now_s) {
  uint64_t removed = 0;
  const auto look = [&](int folder, const dirent& entry, bool theirs) {
    // In a folder of its own the Python server's temporary files have the name of the object.
    if (!has_suffix(entry.d_name, fs_temporary_suffix)
        && !(theirs && has_suffix(entry.d_name, ".data")))
      return;
    struct ::stat status {};
    if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(status.st_mode) && now_s - status.st_mtime > stale_s
        && ::unlinkat(folder, entry.d_name, 0) == 0)
      ++removed;
  };
  visit_all(options, stop, [&](int folder, const dirent& entry) { look(folder, entry, false); });
  const auto below = std::filesystem::path(options.relative_tmp_dir).lexically_normal();
  const auto base = open_base(options);
  if (base && !below.empty() && below != ".")
    visit(open_at(::dirfd(base.get()), below.c_str()).get(), stop,
          [&](int folder, const dirent& entry) { look(folder, entry, true); });
  return removed;
}

uint32_t count_fs_quarantine(const fs_options& options, uint32_t limit) {
  const auto base = open_base(options);
  if (!base)
    return 0;
  const auto folder = open_at(::dirfd(base.get()), fs_quarantine);
  uint32_t count = 0;
  while (folder && count < limit) {
    const auto* entry = ::readdir(folder.get());
    if (!entry)
      break;
    count += entry->d_name[0] != '.';
  }
  return count;
}

} // namespace actord
