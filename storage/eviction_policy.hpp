// Orders resident chunk columns by how soon they will be missed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

/// Slot number of a chunk column in the L1 index, or of an object in an L2
/// index; reused after `removed`.
using column_id = uint32_t;

/// Number of an interned salt.
using salt_id = uint32_t;

enum class eviction_kind : uint8_t { lru, arc, mq, isolated_lru, noop };

/// Exact spelling: LRU, ARC, MQ, IsolatedLRU, noop.
std::optional<eviction_kind> parse_eviction_kind(std::string_view name);
std::string_view to_string(eviction_kind kind);

/// What a policy hears about a column when it becomes resident.
struct column_facts {
  uint64_t fingerprint = 0; // of (space, hash): recognises a chunk that comes back
  uint64_t bytes = 0;
  salt_id salt = 0;
};

/// Answer to an offered victim. `refused` columns (leased) keep their place.
enum class offer_answer : uint8_t { taken, refused, stop };

/// One instance per index, owned by it, single-threaded. Callers touch and
/// admit a request's chunks from tail to head, so that tails are older than
/// their heads.
class eviction_policy {
public:
  using offer = std::function<offer_answer(column_id)>;

  virtual ~eviction_policy() = default;

  /// `column` becomes resident. @pre it is not
  virtual void admitted(column_id column, const column_facts& facts) = 0;

  /// `column` was used. @pre it is resident
  virtual void touched(column_id column) = 0;

  /// `column` goes. `evicted`: as the policy's own victim (it may remember a
  /// ghost), as opposed to cleared or deleted. @pre it is resident
  virtual void removed(column_id column, bool evicted) = 0;

  /// Offers columns in the order in which they should go until the answer is
  /// `stop` or none is left. The policy must not change during the walk; what
  /// was taken is `removed` afterwards.
  /// @param salt only columns of that salt (policies without isolation filter)
  virtual void walk(std::optional<salt_id> salt, const offer& offer_column) const = 0;

  virtual eviction_kind kind() const noexcept = 0;

  /// Memory that the policy's tables have touched.
  virtual uint64_t table_bytes() const noexcept = 0;
};

/// @param ghost_limit upper bound of remembered departed columns, derived from
/// the pool's size by the caller (capped at 2^28)
std::unique_ptr<eviction_policy> make_eviction_policy(eviction_kind kind, size_t ghost_limit);

} // namespace actord
