// Rounds of stores, lookups and loads through one L2 adapter, as `lmcache bench l2` makes them: a
// round is one call of KEYS objects out of one buffer, its time is from the call to its answer.
// Usage: l2_rounds ADAPTER_JSON KEYS KIB ROUNDS [WARMUP]      prints JSON; see l2.py.
#include "actors/l2/l2_adapter.hpp"
#include "actors/l2/make_backend.hpp"
#include "actors/system_config.hpp"
#include "runtime/options/l2_adapter_json.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>

using namespace actord;

namespace {

using clock_type = std::chrono::steady_clock;

struct setting {
  std::string adapter;
  size_t keys = 64, object_bytes = 1 << 20, rounds = 5, warmup = 1;

  size_t bytes() const {
    return keys * object_bytes;
  }
};

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "l2_rounds: %s\n", why.c_str());
  std::exit(1);
}

std::shared_ptr<l2_backend> open_store(const l2_adapter_options& options) {
  auto made = make_backend(options, {});
  if (!made.backend)
    fail(made.error);
  if (auto fault = made.backend->open(); !fault.empty())
    fail(fault);
  return std::move(made.backend);
}

std::byte* memory_of(size_t bytes) {
  void* result = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (result == MAP_FAILED)
    fail("no memory for the objects");
  ::madvise(result, bytes, MADV_HUGEPAGE); // as l2.py has the peer do it
  return static_cast<std::byte*>(result);
}

class rounds {
public:
  rounds(caf::actor_system& system, const l2_adapter_options& options, const setting& chosen)
    : chosen_(chosen), self_(system), from_(memory_of(chosen.bytes())),
      to_(memory_of(chosen.bytes())) {
    l2_adapter_settings settings;
    settings.info = {0, options.type, false};
    adapter_ = self_->spawn(l2_adapter, settings, open_store(options), quota_actor{});
    for (size_t i = 0; i < chosen.keys; ++i)
      std::memset(from_ + i * chosen.object_bytes, static_cast<int>(i & 0xff), chosen.object_bytes);
  }

  ~rounds() {
    self_->send_exit(adapter_, caf::exit_reason::user_shutdown);
    self_->wait_for(adapter_);
  }

  void run() {
    std::printf("{\n");
    std::fflush(stdout); // l2.py waits for it
    each_round("store", ", ", [this](size_t round) { return transfer(atom::store_v, round); });
    each_round("hits", ", ", [this](size_t round) { return look_up(round, chosen_.keys); });
    each_round("misses", ", ", [this](size_t round) {
      return look_up(round + chosen_.rounds + chosen_.warmup, 0);
    });
    each_round("load", "}\n", [this](size_t round) {
      std::memset(to_, 0xff, chosen_.bytes());
      const auto took = transfer(atom::load_v, round);
      if (std::memcmp(from_, to_, chosen_.bytes()) != 0)
        fail("other bytes were loaded than were stored");
      return took;
    });
  }

private:
  /// Prints what one kind of round took, ms.
  template <class Work>
  void each_round(const char* name, const char* end, Work work) {
    std::printf("\"%s\": [", name);
    for (size_t round = 0; round < chosen_.rounds + chosen_.warmup; ++round)
      if (const double took = work(round); round >= chosen_.warmup)
        std::printf("%s%.4f", round > chosen_.warmup ? ", " : "", took);
    std::printf("]%s", end);
  }

  l2_order order(size_t round, std::byte* memory) const {
    std::vector<l2_item> items;
    for (size_t i = 0; i < chosen_.keys; ++i) {
      object_ref object{space_, {}, pack_kv_rank(1, 0), 0, chosen_.object_bytes};
      const auto name = (round * chosen_.keys + i + 1) * 0x9e3779b97f4a7c15;
      std::memcpy(object.hash.bytes.data(), &name, sizeof name);
      items.push_back({object, memory + i * chosen_.object_bytes, chosen_.object_bytes});
    }
    return {std::make_shared<const std::vector<l2_item>>(std::move(items))};
  }

  template <class Answer, class Verb>
  Answer timed(Verb verb, const l2_order& asked, double& took_ms) {
    Answer result;
    const auto began = clock_type::now();
    self_->request(adapter_, caf::infinite, verb, asked)
      .receive([&](Answer& answer) { result = std::move(answer); },
               [](const caf::error&) { fail("the adapter has gone"); });
    took_ms = std::chrono::duration<double, std::milli>(clock_type::now() - began).count();
    return result;
  }

  template <class Verb>
  double transfer(Verb verb, size_t round) {
    double took = 0;
    auto* memory = std::is_same_v<Verb, atom::store> ? from_ : to_;
    const auto report = timed<boxed<l2_report>>(verb, order(round, memory), took);
    for (auto result : report->results)
      if (result != l2_result::ok)
        fail("a call failed: " + report->error);
    return took;
  }

  double look_up(size_t round, size_t wanted) {
    double took = 0;
    const auto asked = order(round, nullptr);
    const auto found = timed<l2_presence>(atom::lookup_v, asked, took).found;
    if (static_cast<size_t>(std::count(found.begin(), found.end(), true)) != wanted)
      fail("a lookup found another number of objects");
    if (wanted > 0)
      self_->send(adapter_, atom::release_v, asked);
    return took;
  }

  setting chosen_;
  caf::scoped_actor self_;
  std::byte *from_, *to_;
  l2_adapter_actor adapter_;
  std::shared_ptr<const key_space> space_
    = std::make_shared<const key_space>(key_space{"bench-model", 1, ""});
};

} // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: l2_rounds ADAPTER_JSON KEYS KIB ROUNDS [WARMUP]\n");
    return 2;
  }
  setting chosen;
  chosen.adapter = argv[1];
  chosen.keys = std::strtoul(argv[2], nullptr, 10);
  chosen.object_bytes = std::strtoul(argv[3], nullptr, 10) * 1024;
  chosen.rounds = std::strtoul(argv[4], nullptr, 10);
  if (argc > 5)
    chosen.warmup = std::strtoul(argv[5], nullptr, 10);
  const auto read = read_l2_adapter(chosen.adapter, 1, {});
  for (const auto& problem : read.problems)
    std::fprintf(stderr, "%s\n", problem.c_str());
  if (!read.options)
    return 2;
  system_config config;
  caf::actor_system system{config};
  rounds{system, *read.options, chosen}.run();
}
