// What the daemon remembers of the requests that engines work on. Plain data, one owner.
#pragma once

#include "actors/cache/lookup_meters.hpp"
#include "actors/messages.hpp"
#include "storage/hash_chain.hpp"

#include <caf/actor_clock.hpp>
#include <caf/typed_response_promise.hpp>

#include <list>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>

namespace actord {

/// Where a lookup stands. `done`: nobody has asked for the result yet.
enum class lookup_phase : uint8_t { none, running, done, consumed };

/// A parked status query.
struct status_waiter {
  time_ms deadline_ms = 0;
  caf::typed_response_promise<prefetch_status> answer;
};

/// One request of an engine. `key` is the last one that carried tokens; `chain` holds hashes of its
/// first chunks.
struct session_record {
  std::shared_ptr<const wire::cache_key> key;
  chain_ptr chain;
  lookup_phase phase = lookup_phase::none;
  uint64_t generation = 0; // of the lookup: a newer one replaces it
  lease_id lease = 0;
  uint32_t hit_chunks = 0;
  key_space lease_space; // what the lease is about; an engine may reuse a request id
  chain_ptr lease_chain;
  lookup_result_details result;       // of the lookup, until somebody takes it
  caf::actor_clock::time_point asked; // when the lookup came
  time_ms last_used_ms = 0;
  /// (instance, worker, first, end) of retrieves since the lookup: a repeat must not take another
  /// reader's share.
  std::set<std::tuple<int64_t, uint32_t, uint32_t, uint32_t>> retrieved;
  std::vector<status_waiter> waiters; // only while the lookup runs
};

/// A hash chain in the making: `chain` grows slice by slice until it has `wanted` hashes.
struct chain_work {
  std::shared_ptr<const wire::cache_key> key;
  std::shared_ptr<std::vector<chunk_hash>> chain;
  size_t wanted = 0;
};

/// Sessions by request id, least recently used first; models' layouts. Bounds: `max_tokens`
/// remembered tokens and `max_sessions`, beyond which the least recently used sessions go.
class session_table {
public:
  static constexpr uint64_t max_tokens = 16 << 20;
  static constexpr size_t max_sessions = 65536;  // an engine runs some thousand requests at once
  static constexpr size_t chunks_per_slice = 64; // some 100 µs of hashing at 256 tokens a chunk

  explicit session_table(chain_hasher hasher);

  session_record* find(const std::string& request_id);
  /// The session, made if there is none, now the most recently used.
  session_record& use(const std::string& request_id, time_ms now);
  /// Forgets a session; returns what it held (empty when there was none).
  std::optional<session_record> take(const std::string& request_id);
  /// Takes sessions idle since before `limit_ms`.
  std::vector<session_record> take_idle(time_ms limit_ms);
  /// Takes the least recently used sessions while there are too many tokens or sessions.
  std::vector<session_record> take_excess();

  /// Starts a chain of `chunks` hashes over `key`'s tokens with what its session has hashed
  /// already.
  chain_work begin_chain(std::shared_ptr<const wire::cache_key> key, size_t chunks);
  /// One slice; returns whether the chain is complete.
  bool extend(chain_work& work) const;
  /// Remembers a complete chain in its session, if there is one.
  chain_ptr finish_chain(chain_work work);

  void attach(const model_layout& layout);
  void detach(const model_layout& layout);
  /// The objects of a registered model, or null.
  const model_layout* layout(const std::string& model_name, uint32_t world_size) const;

  uint32_t chunk_tokens() const {
    return hasher_.chunk_tokens();
  }
  size_t size() const {
    return sessions_.size();
  }
  uint64_t tokens() const {
    return tokens_;
  }

private:
  struct entry {
    std::string request_id;
    session_record state;
  };
  using list = std::list<entry>;

  session_record remove(list::iterator where);

  chain_hasher hasher_;
  list order_;                                                    // least recently used first
  std::unordered_map<std::string_view, list::iterator> sessions_; // keys live in order_
  /// One entry per registration, in their order; the newest wins.
  std::map<std::pair<std::string, uint32_t>, std::vector<model_layout>> layouts_;
  uint64_t tokens_ = 0;
};

/// Returns what keeps `key` from naming a worker's chunks: empty when nothing does (spec
/// wire-protocol §3.2).
std::string range_fault(const wire::cache_key& key, uint32_t chunk_tokens);

} // namespace actord
