#include "gpu/host_device.hpp"

#include "gpu/bus_error_guard.hpp"
#include "gpu/tensor_span.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::gpu {

namespace {

constexpr std::string_view name_prefix = "/lmcache_kv_";

/// Owns one mapped segment.
class shm_mapping final : public mapping {
public:
  shm_mapping(void* begin, size_t bytes, guarded_range guard) noexcept
    : begin_(begin), bytes_(bytes), guard_(std::move(guard)) {
  }
  shm_mapping(const shm_mapping&) = delete;
  shm_mapping& operator=(const shm_mapping&) = delete;

  ~shm_mapping() override {
    guard_ = {}; // the range may be someone else's as soon as it is unmapped
    ::munmap(begin_, bytes_);
  }

  bool broken() const noexcept override {
    return guard_.broken();
  }

  std::byte* begin() const noexcept {
    return static_cast<std::byte*>(begin_);
  }

private:
  void* begin_;
  size_t bytes_;
  guarded_range guard_;
};

struct map_result {
  std::shared_ptr<const shm_mapping> memory;
  std::string error;
};

struct file_descriptor {
  int fd;
  ~file_descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

std::string name_error(const std::string& name) {
  const auto rest = std::string_view(name).substr(std::min(name.size(), name_prefix.size()));
  if (!name.starts_with(name_prefix) || rest.empty() || name.size() > 255
      || rest.find('/') != rest.npos || rest.find('\0') != rest.npos)
    return "shared memory '" + shown(name)
           + "' is not a KV segment; its name must be /lmcache_kv_ and more, "
             "without another '/'";
  return {};
}

std::string system_text(int code) {
  return std::error_code(code, std::generic_category()).message();
}

std::string status_error(const struct stat& status, const std::string& name, uint64_t bytes) {
  if (!S_ISREG(status.st_mode))
    return "shared memory " + shown(name) + " is not a regular segment";
  if (status.st_uid != ::geteuid())
    return "shared memory " + shown(name) + " belongs to user " + std::to_string(status.st_uid)
           + ", but the server runs as user " + std::to_string(::geteuid())
           + "; run engine and server as the same user";
  if (static_cast<uint64_t>(status.st_size) < bytes)
    return "shared memory " + shown(name) + " has " + std::to_string(status.st_size)
           + " bytes, but " + std::to_string(bytes)
           + " were announced; register again after the engine has allocated "
             "it";
  return {};
}

map_result map_segment(const std::string& name, uint64_t bytes) {
  const file_descriptor file{::shm_open(name.c_str(), O_RDWR, 0)};
  if (file.fd < 0)
    return {nullptr, "cannot open shared memory " + shown(name) + ": " + system_text(errno)
                       + "; the engine must run on this machine, as this user, "
                         "and share /dev/shm"};
  struct stat status = {};
  if (::fstat(file.fd, &status) != 0)
    return {nullptr, "cannot examine shared memory " + shown(name) + ": " + system_text(errno)};
  if (auto error = status_error(status, name, bytes); !error.empty())
    return {nullptr, std::move(error)};
  void* begin = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
  if (begin == MAP_FAILED)
    return {nullptr, "cannot map " + std::to_string(bytes) + " bytes of shared memory "
                       + shown(name) + ": " + system_text(errno) + "; check the memory limits"};
  auto guard = register_guarded_range(begin, bytes, on_fault::replace_rest);
  if (!guard.registered()) {
    ::munmap(begin, bytes);
    return {nullptr, std::to_string(max_guarded_ranges)
                       + " segments are mapped already; unregister instances that are gone"};
  }
  return {std::make_shared<shm_mapping>(begin, bytes, std::move(guard)), {}};
}

struct segment {
  uint64_t bytes = 0;
  std::shared_ptr<const shm_mapping> memory;
};

std::string descriptor_error(const tensor_descriptor& tensor, const tensor_span& span) {
  if (tensor.type != tensor_descriptor::kind::cpu_shm)
    return "it is not in shared memory; register tensors of one kind of device";
  if (!span.error.empty())
    return span.error;
  if (tensor.shm_name.empty())
    return span.end_bytes == 0 ? "" : "it has elements but names no shared memory";
  return name_error(tensor.shm_name);
}

opened_tensor opened(const tensor_descriptor& tensor, const tensor_span& span,
                     const std::map<std::string, segment>& segments) {
  opened_tensor result;
  result.type = span.type;
  result.shape = tensor.shape;
  for (int64_t stride : tensor.stride) // may wrap only where a size of 1 makes it meaningless
    result.stride_bytes.push_back(static_cast<uint64_t>(stride) * span.type.item_bytes);
  if (span.end_bytes > 0) {
    const auto& memory = segments.at(tensor.shm_name).memory;
    result.base = memory->begin() + span.offset_bytes;
    result.memory = memory;
  }
  return result;
}

} // namespace

host_device::host_device() {
  install_bus_error_guard();
}

open_result host_device::open(const std::vector<tensor_descriptor>& tensors) {
  std::vector<tensor_span> spans;
  std::map<std::string, segment> segments;
  for (size_t i = 0; i < tensors.size(); ++i) {
    spans.push_back(check_span(tensors[i]));
    if (auto error = descriptor_error(tensors[i], spans[i]); !error.empty())
      return {{}, "KV tensor " + std::to_string(i) + ": " + error};
    if (spans[i].end_bytes > 0) {
      auto& bytes = segments[tensors[i].shm_name].bytes;
      bytes = std::max(bytes, static_cast<uint64_t>(tensors[i].nbytes));
    }
  }
  for (auto& [name, each] : segments) {
    auto mapped = map_segment(name, each.bytes);
    if (!mapped.error.empty())
      return {{}, std::move(mapped.error)};
    each.memory = std::move(mapped.memory);
  }
  open_result result;
  for (size_t i = 0; i < tensors.size(); ++i)
    result.tensors.push_back(opened(tensors[i], spans[i], segments));
  return result;
}

} // namespace actord::gpu
