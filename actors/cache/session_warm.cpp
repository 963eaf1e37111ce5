#include "actors/cache/session_warm.hpp"

#include "actors/call_trace.hpp"
#include "runtime/ask.hpp"

#include <utility>

namespace actord {

runtime::task
request_warm(session_pointer self, boxed<wire::lookup> request, runtime::reply<caf::ok_atom> out) {
  auto& state = self->state;
  const auto& key = request->key;
  const auto* known = state.table().layout(key.model_name, key.world_size);
  const auto chunks = key.token_ids.size() / state.table().chunk_tokens();
  if (!known) {
    out.deliver(make_error(ec::absent, "the model is not registered"));
    co_return;
  }
  if (!state.prefetcher || chunks == 0) {
    out.deliver(make_error(ec::unavailable, "there is nothing to bring"));
    co_return;
  }
  const auto groups = known->groups; // registrations may come and go while this waits
  auto work = state.table().begin_chain({request.value, &key}, chunks);
  while (!state.table().extend(work))
    co_await runtime::next_turn{self};
  auto lookup = std::make_shared<lookup_order>(
    lookup_order{{key.model_name, key.world_size, key.cache_salt}, nullptr, groups, 1});
  lookup->chain = state.table().finish_chain(std::move(work));
  trace_prefetch(state.bus(), *lookup, key.request_id, false);
  auto wish = box(prefetch_order{std::move(lookup), key.request_id, state.next_number()});
  out.delegate(state.prefetcher, atom::load_v, std::move(wish));
}

} // namespace actord
