// Objects as strings in Redis, Valkey and what speaks like them, key and value as the Python
// server's `resp` and `valkey` keep them (spec l2-adapters §5, §7.1, §7.2).
#pragma once

#include "actors/l2/backend.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// An object is a string whose value is its bytes and nothing else. One thread moves all of them
/// between L1's memory and its sockets, without a copy on the way; `done` and `page` are called on
/// it. Commands go out pipelined over as many connections as are of use, lookups first.
///
/// A key that is not there and a value of another length are misses. A connection that breaks is
/// opened anew and what was under way on it sent once more; a server that cannot be reached fails
/// what is asked of it at once and is tried again after a pause that grows to 5 s. A call that
/// takes longer than its limit is cancelled by closing its connections.
class resp_backend final : public l2_backend {
public:
  /// @pre `options.store` holds redis_l2_options
  explicit resp_backend(const l2_adapter_options& options);
  /// Fails what is under way; waits for that, unless it is called by `done` itself.
  ~resp_backend() override;

  std::string open() override;
  /// A value of no bytes counts as absent. stored_bytes is 0 where the server does not let us ask
  /// for lengths (STRLEN).
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  /// Lists nothing without `scan_at_start`.
  void scan(page more) override;
  std::vector<std::pair<std::string, std::string>> status() const override;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace actord
