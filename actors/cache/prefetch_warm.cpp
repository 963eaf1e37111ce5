#include "actors/cache/prefetch_warm.hpp"

#include "actors/cache/prefetch_parts.hpp"
#include "actors/clock.hpp"
#include "runtime/ask.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

/// Chunks [first, end) of a prompt, as a chain of their own.
struct warm_piece {
  boxed<prefetch_order> order;
  std::vector<bool> wanted; // its cells
  uint64_t keys = 0;
};

size_t count(const std::vector<bool>& cells) {
  return static_cast<size_t>(std::ranges::count(cells, true));
}

warm_piece cut(const boxed<prefetch_order>& whole, uint32_t first, uint32_t end) {
  warm_piece result;
  auto lookup = std::make_shared<lookup_order>(
    lookup_order{whole->lookup->space, nullptr, whole->lookup->groups, 1});
  const auto& chain = *whole->lookup->chain;
  lookup->chain
    = std::make_shared<const std::vector<chunk_hash>>(chain.begin() + first, chain.begin() + end);
  const cell_grid grid{end - first, lookup->space.world_size, lookup->groups};
  result.wanted = cells_to_warm(grid, first, static_cast<uint32_t>(chain.size()));
  result.keys = count(result.wanted);
  result.order = box(prefetch_order{std::move(lookup), whole->request_id, whole->number});
  return result;
}

// L1 is not taken in one gulp, and what a hanging store keeps reserved is bounded.
uint32_t chunks_of_piece(const lookup_order& lookup, const prefetch_controller_options& options) {
  uint64_t chunk_bytes = 0;
  for (const auto& group : lookup.groups)
    chunk_bytes += group.aux ? 0 : group.object_bytes * lookup.space.world_size;
  const auto most = options.warm_piece_bytes / std::max<uint64_t>(chunk_bytes, 1);
  return static_cast<uint32_t>(std::clamp<uint64_t>(most, 1, options.warm_piece_chunks));
}

uint64_t bytes_of(const prefetch& work) {
  uint64_t result = 0;
  for (auto cell : work.missing)
    result += work.grid.groups[work.grid.group_of(cell)].object_bytes;
  return result;
}

// Whether L1 takes so much more without putting anything out.
bool has_room(const l1_usage& usage, uint64_t bytes, double watermark) {
  const auto then = usage.used_bytes + bytes;
  return then <= usage.total_bytes
         && static_cast<double>(then) < watermark * static_cast<double>(usage.configured_bytes);
}

// Objects that some store has.
uint64_t found_in_stores(const prefetch& work) {
  return static_cast<uint64_t>(std::ranges::count_if(work.missing, [&](uint32_t cell) {
    return std::ranges::any_of(work.in_stores, [cell](const auto& store) { return store[cell]; });
  }));
}

/// What became of a piece.
struct piece_result {
  uint64_t found = 0;
  bool go_on = true;
  runtime::gate done;
};

// Brings what is missing. What another brings at this moment counts as found.
runtime::task
bring(prefetch_controller_pointer self, prefetch_ptr work, std::shared_ptr<piece_result> out) {
  auto& state = self->state;
  const auto asked = ask_adapters(self, work);
  co_await asked->gate.wait();
  asked->over = true;
  const auto plan = std::make_shared<load_plan>();
  make_room(self, work, plan);
  co_await plan->ready.wait();
  const bool fitted = !plan->parts.empty();
  const auto loads = start_loads(self, *work, *plan); // forgets parts without objects
  if (!plan->empty())
    co_await loads->gate.wait();
  loads->over = true;
  uint64_t planned = 0, loaded = 0;
  bool all_ended = true;
  for (const auto& part : plan->parts) {
    planned += part->items.size();
    loaded += part->loaded;
    all_ended &= part->ended;
  }
  if (fitted)
    out->found += found_in_stores(*work) - planned + loaded;
  out->go_on = fitted && asked->missing == 0 && all_ended;
  auto settling
    = runtime::ask(self, state.l1, caf::infinite, atom::settle_v, last_look(*work, *plan));
  co_await settling;
  out->done.open();
}

} // namespace

runtime::task run_warm(prefetch_controller_pointer self, boxed<prefetch_order> order) {
  auto& state = self->state;
  if (auto turn = state.warm_lane.enter())
    co_await turn->wait();
  const auto chunks = static_cast<uint32_t>(order->lookup->chain->size());
  const auto step = chunks_of_piece(*order->lookup, state.options);
  uint64_t found = 0, total = 0;
  bool go_on = true;
  for (uint32_t first = 0; first < chunks; first += std::min(step, chunks - first)) {
    auto piece = cut(order, first, first + std::min(step, chunks - first));
    total += piece.keys;
    if (piece.keys == 0)
      continue;
    auto holding = runtime::ask(self, state.l1, caf::infinite, atom::hold_v,
                                boxed<lookup_order>{piece.order->lookup});
    auto held = co_await holding;
    if (!held)
      continue;
    const auto work = make_prefetch(state, piece.order, std::move(*held), std::move(piece.wanted));
    found += piece.keys - work->missing.size();
    go_on &= !work->adapters.empty();
    if (go_on && !work->missing.empty()) {
      auto looking = runtime::ask(self, state.l1, caf::infinite, atom::status_v);
      const auto l1 = co_await looking;
      go_on = l1 && has_room(l1->usage, bytes_of(*work), state.options.warm_watermark);
    }
    if (work->missing.empty() || !go_on) {
      self->send(state.l1, atom::close_v, work->held);
      continue;
    }
    const auto result = std::make_shared<piece_result>();
    bring(self, work, result);
    co_await result->done.wait();
    found += result->found;
    go_on = result->go_on;
  }
  state.warm_lane.leave();
  state.warm.finish(order->request_id, found, total, now_ms(*self));
}

} // namespace actord
