// What a store behind L1 must be able to do. One file pair implements it for one kind of store.
#pragma once

#include "storage/object_ref.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// What became of one object of a batch.
enum class l2_result : uint8_t {
  ok,           // moved, or found, or removed
  absent,       // not there: a miss, never an error
  wrong_length, // there, but not as long as wanted: a miss, counted
  corrupt,      // its bytes are not those that were stored: put aside, counted
  no_space,     // the store is full or refuses writes: it is read-only until that heals
  failed,       // anything else went wrong
};

/// One object and where its bytes lie. The memory stays valid until `done` is called, and no
/// longer.
struct l2_item {
  object_ref object;
  std::byte* bytes = nullptr; // object.length_bytes of them; null where none are moved
  // Bytes from `bytes` on that belong to this object's slot (its length rounded up to the pool's
  // alignment): whoever reads in whole blocks may write them.
  uint64_t room_bytes = 0;
};

using l2_batch = std::shared_ptr<const std::vector<l2_item>>;

/// One entry for each item of the batch.
struct l2_report {
  std::vector<l2_result> results;
  std::vector<uint64_t> stored_bytes; // that each object takes in the store; 0 where unknown
  std::string error;                  // of the first that failed, for the log; "" when none did
};

/// An object that a scan came upon.
struct l2_found {
  object_ref object;       // length_bytes: what the store holds
  int64_t modified_ms = 0; // Unix time; 0: unknown
};

/// A store that holds bytes under names. Its adapter actor calls it: calls do not overlap each
/// other, but what several of them began may be under way at once; work goes on elsewhere (a ring,
/// worker threads). Each call answers through `done`, exactly once, from any thread (the caller's,
/// before the call returns, when there is no place for more work), and only when no byte of the
/// batch's memory can move any more. Every call ends within the store's time limits, cancelled if
/// need be; an operation that cannot be cancelled answers when it is over. No call blocks, none
/// throws. The destructor waits until every call is answered.
class l2_backend {
public:
  using done = std::function<void(l2_report)>;
  /// Pages of a scan; the last page is empty.
  using page = std::function<void(std::vector<l2_found>)>;

  virtual ~l2_backend() = default;

  /// Reaches for the store; returns what is wrong with it, for the operator, "" when nothing is.
  /// Before anything else. May block.
  virtual std::string open() = 0;

  /// Which objects are there: ok with stored_bytes, absent, wrong_length, or failed. An object of
  /// length_bytes 0 may have any length.
  virtual void probe(l2_batch batch, done answer) = 0;
  /// Fills `bytes` of each object. Whatever is not ok leaves undefined bytes behind.
  virtual void load(l2_batch batch, done answer) = 0;
  /// Keeps each object as a whole or not at all. An object that is there already counts as ok.
  virtual void store(l2_batch batch, done answer) = 0;
  /// ok or absent when it is gone. `bytes` and lengths do not matter.
  virtual void erase(l2_batch batch, done answer) = 0;
  /// Tells what the store holds, page after page, while it serves; `more` is called from one
  /// thread. A store that cannot list, or lists already, answers with the empty page at once. What
  /// is stored or removed meanwhile may or may not be told.
  virtual void scan(page more) = 0;

  /// How many bytes an object of that length takes in the store, to be compared with what `probe`
  /// and `scan` report: more or fewer than its length only where a serde lies between. 0: unknown,
  /// as long as nobody knows its element type. After `open`, any thread.
  virtual uint64_t stored_length_bytes(const object_ref& object) const {
    return object.length_bytes;
  }

  /// For /status, beside what every adapter shows. Any thread.
  virtual std::vector<std::pair<std::string, std::string>> status() const {
    return {};
  }
  /// Bytes that this store may take, from its own device; 0: unknown. After `open`.
  virtual uint64_t capacity_bytes() const {
    return 0;
  }
  /// Objects that this store may take, where each takes a slot whatever its length; 0: as many as
  /// have room. After `open`.
  virtual uint64_t capacity_objects() const {
    return 0;
  }
};

} // namespace actord
