#include "actors/telemetry/lookup_hash_log.hpp"

#include "actors/log.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

namespace fs = std::filesystem;

namespace {

constexpr double complaint_gap_s = 60;
constexpr int most_names = 16; // that may be taken

std::string reason(int error) {
  return std::generic_category().message(error);
}

int create_file(const fs::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                0600);
}

// What keeps a file from being made there; empty: nothing.
std::string probe(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return error.message();
  const auto path = folder / (".lmcache-actord-" + std::to_string(::getpid()));
  const int fd = create_file(path);
  if (fd < 0)
    return reason(errno);
  ::close(fd);
  ::unlink(path.c_str());
  return {};
}

// The files of earlier runs, oldest first.
std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    auto name = at->path().filename().string();
    std::error_code gone;
    if (is_lookup_hash_file(name) && at->is_regular_file(gone))
      found.emplace_back(at->last_write_time(gone), std::move(name));
  }
  std::ranges::sort(found);
  std::vector<std::string> result;
  for (auto& each : found)
    result.push_back(std::move(each.second));
  return result;
}

} // namespace

std::variant<std::unique_ptr<lookup_hash_log>, std::string>
lookup_hash_log::open(const std::string& folder, lookup_hash_limits limits) {
  const fs::path path{folder};
  if (auto fault = probe(path); !fault.empty())
    return "--lookup-hash-log-dir " + folder + ": no file can be made there (" + fault
           + "); choose a folder that the daemon may write to";
  return std::unique_ptr<lookup_hash_log>(
    new lookup_hash_log(path, lookup_hash_rotation{limits, files_in(path)}));
}

lookup_hash_log::lookup_hash_log(fs::path folder, lookup_hash_rotation rotation)
  : folder_(std::move(folder)), rotation_(std::move(rotation)) {
}

lookup_hash_log::~lookup_hash_log() {
  close_file();
}

std::string_view lookup_hash_log::name() const {
  return "LookupHashLoggingSubscriber";
}

event_mask lookup_hash_log::interests() const {
  return {event_type::mp_lookup};
}

void lookup_hash_log::handle(const event& what) {
  if (auto fault = write(what); !fault.empty()) {
    ++lost_;
    complain(what.time_s, fault);
  }
}

void lookup_hash_log::shut_down() {
  close_file();
}

// Somebody removed the file, or the folder with it: what is written there nobody will read.
bool lookup_hash_log::file_is_gone() const {
  struct stat now {};
  return fd_ >= 0 && ::fstat(fd_, &now) == 0 && now.st_nlink == 0;
}

std::string lookup_hash_log::write(const event& what) {
  if (file_is_gone())
    close_file();
  if (auto name = rotation_.next_file(what.time_s))
    if (auto fault = begin_file(std::move(*name), what.time_s); !fault.empty())
      return fault;
  return append(lookup_hash_line(what));
}

std::string lookup_hash_log::begin_file(std::string name, double unix_s) {
  close_file();
  std::error_code ignored; // the folder may have gone; if it cannot come back, opening tells why
  fs::create_directories(folder_, ignored);
  int error = EEXIST;
  for (int i = 0; i < most_names && fd_ < 0 && error == EEXIST; ++i) {
    if (i > 0) {
      rotation_.skip_number();
      name = *rotation_.next_file(unix_s);
    }
    fd_ = create_file(folder_ / name);
    error = errno;
  }
  if (fd_ < 0)
    return "cannot make " + (folder_ / name).string() + ": " + reason(error);
  rotation_.opened(std::move(name), unix_s);
  for (const auto& old : rotation_.take_surplus())
    ::unlink((folder_ / old).c_str());
  return {};
}

// A line stands there as a whole or not at all.
std::string lookup_hash_log::append(std::string_view line) {
  const auto before = ::lseek(fd_, 0, SEEK_END);
  for (auto left = line; !left.empty();) {
    const auto written = ::write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      auto fault = "cannot write to a file in " + folder_.string() + ": " + reason(errno);
      if (before >= 0 && ::ftruncate(fd_, before) != 0)
        fault += ", and a piece of a line remains there";
      return fault;
    }
    left.remove_prefix(static_cast<size_t>(written));
  }
  rotation_.wrote(line.size());
  return {};
}

void lookup_hash_log::close_file() {
  rotation_.closed();
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

void lookup_hash_log::complain(double now, const std::string& fault) {
  if (complained_s_ && now - *complained_s_ < complaint_gap_s)
    return;
  complained_s_ = now;
  log_error(log_part::lookup_hashes, "{}; {} lookups are missing so far, each next one is tried",
            fault, lost_);
}

} // namespace actord
