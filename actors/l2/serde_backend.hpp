// A serde between L1 and a store (docs/formats/serde.md).
#pragma once

#include "actors/l2/backend.hpp"
#include "storage/serde/make_serde.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// Element type of an object's tensors, a torch name without prefix as in `bfloat16`; "" where it
/// is not known or they differ. Any thread; does not block.
using dtype_source = std::function<std::string(const object_ref&)>;

struct serde_backend_options {
  std::function<serde_made()> make; // called by `open`, may read files
  dtype_source dtype_of;
  /// Of all objects between L1 and the store together. An object whose stored form is larger is
  /// never stored.
  uint64_t staging_bytes = uint64_t{256} << 20;
  uint64_t align_bytes = 4096; // of staged objects, a power of two: as those in the pool
  uint32_t workers = 1;        // threads that encode and decode, > 0
  /// How long an object waits for staging memory.
  int64_t store_limit_ms = 30'000, load_limit_ms = 30'000;
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

/// Encodes what is stored into memory of its own, which the inner store takes, and decodes what is
/// loaded from such memory. Names stay as they are.
///
/// Lengths: callers name objects by the length they have in L1, and are told the length they have
/// in the store: `stored_bytes` of every report and `length_bytes` of a scan count encoded bytes.
/// `stored_length_bytes` says what the one is of the other.
///
/// Each object succeeds or fails by itself. A frame that does not open is corrupt and removed, but
/// stays as long as no frame at all was opened, since it may be our key that is wrong; one of
/// another length is wrong_length and stays. What the
/// serde has no form for (element type unknown or not taken, larger than the staging memory) is
/// wrong_length when it is stored or loaded, absent when it is looked for: the store did not fail.
///
/// Calls are handed on in groups of objects that have memory; those that have none wait in line,
/// call by call in turn, each until its limit is over. Memory comes back within a limit of the
/// inner store, so a call ends within twice the limit. `done` is called on a worker or a thread of
/// the inner store.
class serde_backend final : public l2_backend {
public:
  /// @param inner not open
  serde_backend(serde_backend_options options, std::unique_ptr<l2_backend> inner);
  /// Waits until every call is answered: what is in line fails at once. Not to be called from
  /// within an answer.
  ~serde_backend() override;

  std::string open() override;
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  void scan(page more) override;
  /// The inner store's, and what the serde did.
  std::vector<std::pair<std::string, std::string>> status() const override;
  uint64_t capacity_bytes() const override;
  uint64_t capacity_objects() const override;
  uint64_t stored_length_bytes(const object_ref& object) const override;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace actord
