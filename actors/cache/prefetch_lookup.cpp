#include "actors/cache/prefetch_lookup.hpp"

#include "actors/cache/prefetch_parts.hpp"
#include "runtime/ask.hpp"

#include <algorithm>
#include <utility>

namespace actord {

prefetch_ptr make_prefetch(const prefetch_controller_state& state, boxed<prefetch_order> order,
                           hold_outcome held, std::vector<bool> warm) {
  auto result = std::make_shared<prefetch>();
  result->adapters = state.adapters;
  result->told = std::make_shared<const prefetch_events>(
    state.options.bus, order->number, order->lookup->space.cache_salt, order->request_id);
  result->order = std::move(order);
  const auto& lookup = result->lookup();
  result->space = std::make_shared<const key_space>(lookup.space);
  result->grid
    = {static_cast<uint32_t>(lookup.chain->size()), lookup.space.world_size, lookup.groups};
  result->held = held.lease;
  result->in_l1 = std::move(held.present);
  result->in_l1.resize(result->grid.size(), false);
  result->warm = std::move(warm);
  for (uint32_t cell = 0; cell < result->grid.size(); ++cell)
    if (!result->in_l1[cell] && !lookup.groups[result->grid.group_of(cell)].aux
        && (result->warm.empty() || result->warm[cell]))
      result->missing.push_back(cell);
  return result;
}

namespace {

void tell_found(prefetch& work, size_t adapter, const l2_presence& answer) {
  auto& told = work.answers.at(adapter);
  told.end_s = work.told->now();
  told.found = std::ranges::count(answer.found, true);
  told.answered = true;
}

} // namespace

step_ptr ask_adapters(prefetch_controller_pointer self, const prefetch_ptr& work) {
  auto& state = self->state;
  auto step = state.begin_step(work->adapters.size(), state.options.lookup_timeout_ms);
  const auto wanted = work->items(work->missing);
  work->told->asked(work->missing.size(), work->adapters.size());
  work->in_stores.assign(work->adapters.size(), std::vector<bool>(work->grid.size(), false));
  for (const auto& [handle, info] : work->adapters)
    work->answers.push_back({info.index, info.name, work->told->now(), 0, 0, false});
  for (size_t i = 0; i < work->adapters.size(); ++i) {
    const auto adapter = work->adapters[i].handle;
    self->request(adapter, caf::infinite, atom::lookup_v, wanted)
      .then(
        [self, work, step, wanted, adapter, i](const l2_presence& answer) {
          std::vector<l2_item> late;
          for (size_t at = 0; at < answer.found.size(); ++at) {
            if (!answer.found[at])
              continue;
            if (step->over)
              late.push_back((*wanted.items)[at]);
            else
              work->in_stores[i][work->missing[at]] = true;
          }
          if (!step->over)
            tell_found(*work, i, answer);
          if (!late.empty())
            self->send(adapter, atom::release_v,
                       l2_order{std::make_shared<const std::vector<l2_item>>(std::move(late))});
          step->arrive();
        },
        [step](caf::error&) { step->arrive(); });
  }
  return step;
}

namespace {

// Waits for the task of another lookup that brings the cell anyway.
void join_running(const prefetch_controller_state& state, const prefetch& work, load_plan& plan,
                  uint32_t cell) {
  const auto known = state.loading.find(to_key(work.object(cell)));
  if (known == state.loading.end()
      || std::ranges::any_of(plan.parts, [&](const auto& x) { return x->load == known->second; })
      || std::ranges::find(plan.joined, known->second) != plan.joined.end())
    return;
  known->second->joined = true;
  plan.joined.push_back(known->second);
}

struct rank_order {
  boxed<reserve_order> order;
  uint32_t first = 0; // chunk that the slots count from
};

rank_order order_for(const prefetch& work, uint16_t rank, const std::vector<uint32_t>& cells) {
  auto wanted = std::make_shared<std::vector<bool>>(work.grid.size(), false);
  uint32_t first = work.grid.chunks, end = 0;
  for (auto cell : cells) {
    if (work.grid.rank_of(cell) != rank)
      continue;
    (*wanted)[cell] = true;
    first = std::min(first, work.grid.chunk_of(cell));
    end = std::max(end, work.grid.chunk_of(cell) + 1);
  }
  if (end == 0)
    return {};
  reserve_order order;
  order.space = work.lookup().space;
  order.range.chain = work.lookup().chain;
  order.range.first = first;
  order.range.end = end;
  order.rank = rank;
  order.groups = work.lookup().groups;
  order.skip
    = [wanted, keep = work.order, grid = work.grid, first, rank](uint32_t chunk, uint16_t group) {
        return !(*wanted)[grid.cell(group, rank, first + chunk)];
      };
  return {box(std::move(order)), first};
}

void add_slots(prefetch_controller_state& state, const prefetch& work, load_part& part,
               uint32_t first, const reserve_outcome& got) {
  part.reservations.push_back({got.reservation, std::vector<bool>(got.slots.size(), false)});
  for (size_t i = 0; i < got.slots.size(); ++i) {
    const auto& each = got.slots[i];
    const auto cell
      = static_cast<uint32_t>(work.grid.cell(each.group, each.rank, first + each.chunk));
    part.items.push_back(
      {work.object(cell), state.memory_at(each.offset_bytes), each.length_bytes});
    part.places.push_back({cell, part.reservations.size() - 1, i});
    part.load->objects.push_back(to_key(part.items.back().object));
    state.loading.emplace(part.load->objects.back(), part.load);
    part.bytes += each.length_bytes;
  }
}

void end_load(prefetch_controller_state& state, running_load& load) {
  for (const auto& key : load.objects)
    state.loading.erase(key);
  load.objects.clear();
  load.ended = true;
  for (const auto& step : std::exchange(load.waiting, {}))
    step->arrive();
}

void give_back(prefetch_controller_pointer self, load_plan& plan) {
  for (const auto& part : plan.parts) {
    for (const auto& each : part->reservations)
      self->send(self->state.l1, atom::abort_v, each.reservation);
    end_load(self->state, *part->load);
  }
  plan.parts.clear();
  plan.joined.clear();
}

void begin_parts(prefetch_controller_state& state, const prefetch& work, load_plan& plan) {
  for (const auto& adapter : work.adapters) {
    auto part = std::make_shared<load_part>();
    part->adapter = adapter.handle;
    part->info = adapter.info;
    part->task = static_cast<int64_t>(++state.tasks);
    part->told = work.told;
    plan.parts.push_back(std::move(part));
  }
}

void tell_no_room(const prefetch& work, const prefetch_plan& wanted) {
  std::vector<object_ref> objects;
  for (const auto& cells : wanted.loads)
    for (auto cell : cells)
      if (work.grid.chunk_of(cell) >= wanted.hit_chunks / 2)
        objects.push_back(work.object(cell));
  work.told->no_room(std::move(objects));
}

// Of what nobody loads yet.
uint64_t bytes_of(const prefetch_controller_state& state, const prefetch& work,
                  const prefetch_plan& wanted) {
  uint64_t result = 0;
  for (const auto& cells : wanted.loads)
    for (auto cell : cells)
      if (const auto object = work.object(cell); !state.loading.contains(to_key(object)))
        result += object.length_bytes;
  return result;
}

prefetch_plan plan_of(const prefetch& work, const std::vector<std::vector<bool>>& found) {
  return work.warm.empty() ? plan_prefetch(work.grid, work.in_l1, found)
                           : plan_warm(work.grid, work.warm, work.in_l1, found);
}

} // namespace

runtime::task make_room(prefetch_controller_pointer self, prefetch_ptr work, plan_ptr plan) {
  auto& state = self->state;
  auto found = work->in_stores;
  auto wanted = plan_of(*work, found);
  const bool warm = !work->warm.empty();
  work->told->answered(wanted.hit_chunks, std::exchange(work->answers, {}));
  if (!warm) {
    plan->budget_bytes = bytes_of(state, *work, wanted);
    if (auto turn = state.budget.enter(plan->budget_bytes))
      co_await turn->wait();
  }
  for (bool fits = false; !fits;) {
    fits = true;
    begin_parts(state, *work, *plan);
    for (size_t i = 0; i < wanted.loads.size() && fits; ++i) {
      for (uint16_t rank = 0; rank < work->grid.world_size && fits; ++rank) {
        const auto wish = order_for(*work, rank, wanted.loads[i]);
        if (!wish.order.value)
          continue;
        auto reserving = runtime::ask(self, state.l1, caf::infinite, atom::load_v, wish.order,
                                      !state.options.retain && !warm);
        const auto got = co_await reserving;
        fits = got && got->status != reserve_outcome::code::out_of_memory;
        if (!fits)
          break;
        // L1 gives no memory for what another lookup is loading already.
        for (auto cell : warm ? std::vector<uint32_t>{} : wanted.loads[i])
          join_running(state, *work, *plan, cell);
        if (got->reservation != 0)
          add_slots(state, *work, *plan->parts[i], wish.first, *got);
      }
    }
    if (fits)
      break;
    give_back(self, *plan);
    if (warm) // it has no urgency: whoever needs the memory more may have it
      break;
    tell_no_room(*work, wanted);
    const auto limit = wanted.hit_chunks / 2;
    if (limit == 0)
      break;
    for (auto& store : found)
      for (size_t cell = 0; cell < store.size(); ++cell)
        if (work->grid.chunk_of(cell) >= limit)
          store[cell] = false;
    wanted = plan_of(*work, found);
  }
  plan->ready.open();
}

namespace {

// Unlocks what was found and is not loaded from there.
void release_spare(prefetch_controller_pointer self, const prefetch& work, const load_plan& plan) {
  for (size_t i = 0; i < work.adapters.size(); ++i) {
    auto spare = work.in_stores[i];
    if (i < plan.parts.size())
      for (const auto& place : plan.parts[i]->places)
        spare[place.cell] = false;
    std::vector<uint32_t> cells;
    for (auto cell : work.missing)
      if (spare[cell])
        cells.push_back(cell);
    if (!cells.empty())
      self->send(work.adapters[i].handle, atom::release_v, work.items(cells));
  }
}

// Starts one adapter's task. Whenever it ends: its memory becomes visible or is free again, its
// objects are unlocked, and who waits for them looks at once.
void start_load(prefetch_controller_pointer self, const step_ptr& step, const part_ptr& part) {
  auto& state = self->state;
  ++state.in_load;
  const l2_order order{std::make_shared<const std::vector<l2_item>>(part->items)};
  part->told->task_began(part->info, part->task, part->items.size(), part->bytes);
  auto finish = [self, step, part, order](const l2_report* report) {
    auto& now = self->state;
    --now.in_load;
    std::vector<object_ref> missing;
    for (size_t i = 0; i < part->places.size(); ++i) {
      if (!report || report->results[i] != l2_result::ok) {
        missing.push_back(part->items[i].object);
        continue;
      }
      part->reservations[part->places[i].reservation].loaded[part->places[i].slot] = true;
      ++part->loaded;
    }
    part->ended = true;
    part->told->task_ended(part->info, part->task, part->loaded, missing.size());
    part->told->loaded(part->loaded, std::move(missing));
    self->send(part->adapter, atom::release_v, order);
    if (step->over || part->load->joined) // not to be held up by the other tasks
      self
        ->request(now.l1, caf::infinite, atom::settle_v,
                  box(settle_order{std::exchange(part->reservations, {}), {}, 0}))
        .then([](const lookup_outcome&) {});
    step->arrive();
    end_load(now, *part->load);
  };
  self->request(part->adapter, caf::infinite, atom::load_v, order)
    .then([finish](const boxed<l2_report>& report) { finish(report.value.get()); },
          [finish](caf::error&) { finish(nullptr); });
}

} // namespace

step_ptr start_loads(prefetch_controller_pointer self, const prefetch& work, load_plan& plan) {
  release_spare(self, work, plan);
  std::erase_if(plan.parts, [](const part_ptr& part) { return part->items.empty(); });
  // What ended while L1 made room has told everybody already.
  std::erase_if(plan.joined, [](const auto& load) { return load->ended; });
  auto step = self->state.begin_step(plan.parts.size() + plan.joined.size(),
                                     self->state.options.load_timeout_ms);
  for (const auto& load : plan.joined)
    load->waiting.push_back(step);
  size_t objects = 0;
  for (const auto& part : plan.parts)
    objects += part->items.size();
  if (objects > 0)
    work.told->loading(objects, plan.parts.size());
  for (const auto& part : plan.parts)
    start_load(self, step, part);
  return step;
}

boxed<settle_order> last_look(const prefetch& work, load_plan& plan) {
  settle_order result;
  for (const auto& part : plan.parts)
    if (part->ended)
      std::ranges::move(std::exchange(part->reservations, {}), std::back_inserter(result.loads));
  if (work.warm.empty())
    result.lookup = work.order->lookup;
  result.held = work.held;
  return box(std::move(result));
}

runtime::task run_prefetch(prefetch_controller_pointer self, boxed<prefetch_order> order,
                           runtime::reply<prefetch_outcome> out) {
  auto& state = self->state;
  if (auto turn = state.lane.enter())
    co_await turn->wait();
  prefetch_outcome result;
  auto holding
    = runtime::ask(self, state.l1, caf::infinite, atom::hold_v, boxed<lookup_order>{order->lookup});
  auto held = co_await holding;
  const auto work = held ? make_prefetch(state, order, std::move(*held)) : nullptr;
  if (work && !work->missing.empty() && !work->adapters.empty()) {
    ++state.in_lookup;
    const auto asked = ask_adapters(self, work);
    co_await asked->gate.wait();
    asked->over = true;
    --state.in_lookup;
    const auto plan = std::make_shared<load_plan>();
    make_room(self, work, plan);
    co_await plan->ready.wait();
    const auto loads = start_loads(self, *work, *plan);
    if (!plan->empty())
      co_await loads->gate.wait();
    loads->over = true;
    state.budget.leave(plan->budget_bytes);
    auto looking
      = runtime::ask(self, state.l1, caf::infinite, atom::settle_v, last_look(*work, *plan));
    const auto hit = co_await looking;
    if (hit)
      result.hit = *hit;
    for (const auto& part : plan->parts)
      result.l2_objects += part->loaded;
  } else if (work) {
    self->send(state.l1, atom::close_v, work->held);
  }
  state.lane.leave();
  out.deliver(result);
}

} // namespace actord
