#include "actors/transfer/shm_pool.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace actord;

namespace {

using pool_ptr = std::shared_ptr<shm_pool>;

constexpr uint64_t mib = 1 << 20;

// A name that no other test and no daemon uses.
std::string unique_name(const char* what) {
  return "lmcache_l1_pool_test_" + std::to_string(::getpid()) + "_" + what;
}

struct fixture {
  ~fixture() {
    ::shm_unlink(("/" + name).c_str());
  }
  pool_ptr create(uint64_t bytes) {
    auto made = shm_pool::create(name, bytes);
    auto* pool = std::get_if<pool_ptr>(&made);
    REQUIRE_MESSAGE(pool != nullptr, std::get<std::string>(made));
    return std::move(*pool);
  }
  std::string refusal(uint64_t bytes) {
    auto made = shm_pool::create(name, bytes);
    REQUIRE(std::holds_alternative<std::string>(made));
    return std::get<std::string>(made);
  }
  int open_existing() const {
    return ::shm_open(("/" + name).c_str(), O_RDWR | O_CLOEXEC, 0600);
  }
  bool exists() const {
    const int fd = open_existing();
    if (fd >= 0)
      ::close(fd);
    return fd >= 0;
  }
  // Leaves a segment behind as a daemon that was killed does.
  void leave_stale(off_t bytes, char content) const {
    const int fd = ::shm_open(("/" + name).c_str(), O_RDWR | O_CREAT | O_EXCL, 0666);
    REQUIRE_GE(fd, 0);
    REQUIRE_EQ(::ftruncate(fd, bytes), 0);
    REQUIRE_EQ(::pwrite(fd, &content, 1, 0), 1);
    ::close(fd);
  }

  std::string name = unique_name("pool");
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a pool is a private segment of whole pages, gone with its owner") {
  auto pool = create(mib + 1);
  CHECK_EQ(pool->name(), name);
  CHECK_EQ(pool->size_bytes(), mib + static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  const int fd = open_existing();
  REQUIRE_GE(fd, 0);
  struct stat info {};
  REQUIRE_EQ(::fstat(fd, &info), 0);
  CHECK_EQ(info.st_mode & 0777, 0600u);
  CHECK_EQ(static_cast<uint64_t>(info.st_size), pool->size_bytes());
  std::memset(pool->data(), 7, pool->size_bytes());
  char seen = 0;
  REQUIRE_EQ(::pread(fd, &seen, 1, info.st_size - 1), 1);
  CHECK_EQ(seen, 7);
  ::close(fd);
  pool.reset();
  CHECK_FALSE(exists());
}

TEST_CASE_FIXTURE(fixture, "a small pool has all its pages from the start") {
  auto pool = create(mib);
  CHECK(pool->complete());
  CHECK_EQ(pool->reserved_bytes(), mib);
  CHECK_EQ(pool->reserve_step(), 0u);
}

TEST_CASE_FIXTURE(fixture, "a larger pool gets its pages step by step") {
  auto pool = create(shm_pool::step_bytes + mib);
  CHECK_EQ(pool->reserved_bytes(), shm_pool::step_bytes);
  CHECK_FALSE(pool->complete());
  CHECK_EQ(pool->reserve_step(), mib);
  CHECK(pool->complete());
  CHECK_EQ(pool->reserve_step(), 0u);
}

TEST_CASE_FIXTURE(fixture, "a segment of a daemon that is gone is replaced by an empty one") {
  leave_stale(4096, 'x');
  const int stale = open_existing(); // a worker of that daemon still maps it
  auto pool = create(mib);
  CHECK_EQ(pool->data()[0], std::byte{0});
  pool->data()[0] = std::byte{1};
  char seen = 0;
  REQUIRE_EQ(::pread(stale, &seen, 1, 0), 1);
  CHECK_EQ(seen, 'x');
  ::close(stale);
}

TEST_CASE_FIXTURE(fixture, "a segment of a living daemon is left alone") {
  auto pool = create(mib);
  pool->data()[0] = std::byte{42};
  auto text = refusal(mib);
  CHECK_MESSAGE(text.find("belongs to a running daemon") != std::string::npos, text);
  CHECK_MESSAGE(text.find(name) != std::string::npos, text);
  CHECK_EQ(pool->data()[0], std::byte{42});
  pool.reset();
  CHECK(create(mib)); // the name is free again
}

TEST_CASE_FIXTURE(fixture, "a pool larger than the shared memory is refused and leaves nothing") {
  auto text = refusal(uint64_t{1} << 50);
  CHECK_MESSAGE(text.find("/dev/shm") != std::string::npos, text);
  CHECK_MESSAGE(text.find("--l1-size-gb") != std::string::npos, text);
  CHECK_FALSE(exists());
}

TEST_CASE("workers know the segment by a name with the usual prefix") {
  CHECK_EQ(pool_name("", 5555), "lmcache_l1_pool_actord_5555");
  CHECK_EQ(pool_name("mine", 5555), "lmcache_l1_pool_mine");
  CHECK_EQ(pool_name("/mine", 5555), "lmcache_l1_pool_mine");
  CHECK_EQ(pool_name("lmcache_l1_pool_mine", 5555), "lmcache_l1_pool_mine");
  CHECK_EQ(pool_name("/lmcache_l1_pool_mine", 5555), "lmcache_l1_pool_mine");
}
