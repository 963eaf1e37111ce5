#include "actors/l2/l2_adapter.hpp"

#include "tests/fixtures/l2.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct fixture : l2_fixture {
  /// One adapter alone, over objects of `unit` bytes.
  void start_adapter(l2_adapter_settings settings = {}) {
    store = std::make_shared<memory_store>();
    store->capacity = settings.index.capacity_bytes;
    control = start(l2_adapter, settings, std::shared_ptr<l2_backend>{store}, quota_actor{});
    adapter = control;
    settle();
  }

  l2_order order(uint32_t first, uint32_t count) {
    std::vector<l2_item> items;
    for (uint32_t i = first; i < first + count; ++i) {
      object_ref object{space, hash_of(i), pack_kv_rank(1, 0), 0, unit};
      items.push_back({object, bytes.data(), unit});
    }
    return {std::make_shared<const std::vector<l2_item>>(std::move(items))};
  }
  std::vector<l2_result> store_some(uint32_t first, uint32_t count) {
    return ask<boxed<l2_report>>(adapter, atom::store_v, order(first, count))->results;
  }
  std::vector<bool> look_up(uint32_t first, uint32_t count) {
    return ask<l2_presence>(adapter, atom::lookup_v, order(first, count)).found;
  }
  std::vector<l2_result> load(uint32_t first, uint32_t count) {
    return ask<boxed<l2_report>>(adapter, atom::load_v, order(first, count))->results;
  }
  erase_report erase(uint32_t first, uint32_t count) {
    std::vector<object_ref> objects;
    const auto batch = order(first, count);
    for (const auto& item : *batch.items)
      objects.push_back(item.object);
    return ask<erase_report>(adapter, atom::erase_v, box(std::move(objects)));
  }
  l2_adapter_status state() {
    return ask<l2_adapter_status>(adapter, atom::status_v);
  }

  std::shared_ptr<const key_space> space
    = std::make_shared<const key_space>(key_space{"model", 1, ""});
  std::vector<std::byte> bytes = std::vector<std::byte>(unit);
  std::shared_ptr<memory_store> store;
  std::map<std::string, std::vector<std::byte>> earlier; // kept out of sight of a listing
  l2_adapter_control control;
  l2_adapter_actor adapter; // the same
};

constexpr auto ok = l2_result::ok, failed = l2_result::failed;

} // namespace

TEST_CASE_FIXTURE(fixture, "objects are stored once, found, loaded and erased") {
  start_adapter();
  CHECK_EQ(store_some(0, 2), std::vector{ok, ok});
  CHECK_EQ(store_some(1, 2), std::vector{ok, ok});
  CHECK_EQ(store->objects.size(), 3u);
  CHECK_EQ(state().stored_objects, 3u);
  CHECK_EQ(state().usage.used_bytes, 3 * unit);
  CHECK_EQ(look_up(0, 4), std::vector{true, true, true, false});
  CHECK_EQ(load(0, 3), std::vector{ok, ok, ok});
  CHECK_EQ(erase(0, 1).locked, 1u); // found, and not yet released
  tell(adapter, atom::release_v, order(0, 3));
  CHECK_EQ(erase(0, 4).deleted, 3u);
  CHECK(store->objects.empty());
  CHECK_EQ(state().usage.used_bytes, 0u);
}

TEST_CASE_FIXTURE(fixture, "what the store holds already is known after a scan") {
  start_adapter();
  store_some(0, 3);
  const auto kept = store;
  l2_adapter_settings settings;
  adapter = start(l2_adapter, settings, std::shared_ptr<l2_backend>{kept}, quota_actor{});
  settle();
  CHECK_EQ(state().usage.objects, 3u);
  CHECK_FALSE(state().scanning);
  CHECK_EQ(look_up(0, 3), std::vector{true, true, true});
  CHECK_EQ(kept->probes, 0u);
}

TEST_CASE_FIXTURE(fixture,
                  "room that is left comes on top of what is there, slots are counted whole") {
  start_adapter();
  store_some(0, 3);
  const auto kept = store;
  kept->capacity = 10 * unit;
  for (uint64_t slots : {0, 10}) {
    kept->slots = slots;
    adapter
      = start(l2_adapter, l2_adapter_settings{}, std::shared_ptr<l2_backend>{kept}, quota_actor{});
    settle();
    CHECK_EQ(state().usage.capacity_bytes, (slots == 0 ? 13 : 10) * unit);
  }
}

TEST_CASE_FIXTURE(fixture, "above the watermark the oldest objects go") {
  l2_adapter_settings settings;
  settings.index.capacity_bytes = 10 * unit;
  settings.index.eviction = eviction_kind::lru;
  settings.trigger_watermark = 0.8;
  settings.eviction_ratio = 0.5;
  start_adapter(settings);
  for (uint32_t i = 0; i < 7; ++i)
    store_some(i, 1);
  CHECK_EQ(state().usage.objects, 7u);
  CHECK_EQ(look_up(0, 1), std::vector{true}); // in use: it stays
  store_some(7, 1);
  CHECK_EQ(state().usage.objects, 4u); // 8 x 0.5
  CHECK_EQ(state().evicted, 4u);
  CHECK_EQ(look_up(0, 2), std::vector{true, false});
  CHECK_EQ(store->objects.size(), 4u);
}

TEST_CASE_FIXTURE(fixture, "where each object takes a slot, few slots are as good as few bytes") {
  l2_adapter_settings settings;
  settings.index.capacity_bytes = 1000 * unit;
  settings.index.eviction = eviction_kind::lru;
  settings.trigger_watermark = 0.8;
  settings.eviction_ratio = 0.5;
  start_adapter(settings);
  store->slots = 10;
  for (uint32_t i = 0; i < 7; ++i)
    store_some(i, 1);
  CHECK_EQ(state().usage.objects, 7u);
  store_some(7, 1);
  CHECK_EQ(state().usage.objects, 4u); // 8 x 0.5
  CHECK_EQ(look_up(0, 8), std::vector{false, false, false, false, true, true, true, true});
}

TEST_CASE_FIXTURE(fixture,
                  "after failures in a row it rests, then one task finds out whether it is "
                  "well again") {
  l2_adapter_settings settings;
  settings.breaker = {3, 5'000, 20'000, 0};
  start_adapter(settings);
  store_some(0, 1);
  store->refusing = l2_result::failed;
  for (int i = 0; i < 3; ++i)
    CHECK_EQ(load(0, 1), std::vector{failed});
  CHECK_EQ(store->loads, 3u);
  CHECK_EQ(load(0, 1), std::vector{failed});
  CHECK_EQ(store->loads, 3u); // not asked
  CHECK_EQ(state().state, l2_state::degraded);
  CHECK_EQ(look_up(0, 1), std::vector{false}); // nobody shall wait for it
  for (int i = 0; i < 5; ++i)
    pass(1s);
  CHECK_EQ(load(0, 1), std::vector{failed});
  CHECK_EQ(store->loads, 4u); // the probe, which failed: twice the pause
  for (int i = 0; i < 9; ++i)
    pass(1s);
  load(0, 1);
  CHECK_EQ(store->loads, 4u);
  pass(1s);
  store->refusing.reset();
  CHECK_EQ(load(0, 1), std::vector{ok});
  CHECK_EQ(state().state, l2_state::ready);
  CHECK_EQ(look_up(0, 1), std::vector{true});
}

TEST_CASE_FIXTURE(fixture, "a task that hangs makes it rest, though it has not ended") {
  l2_adapter_settings settings;
  settings.task_timeout_ms = 10'000;
  start_adapter(settings);
  store_some(0, 1);
  store->holding = true;
  const auto hanging = begin<boxed<l2_report>>(adapter, atom::load_v, order(0, 1));
  settle();
  for (int i = 0; i < 14; ++i)
    pass(1s);
  CHECK_EQ(state().state, l2_state::degraded);
  CHECK(hanging->open());
  CHECK_EQ(state().in_flight, 1u);
  store->let_go();
  settle();
  CHECK(hanging->value);
}

TEST_CASE_FIXTURE(fixture, "a corrupt object is forgotten and counted") {
  start_adapter();
  store_some(0, 1);
  store->refusing = l2_result::corrupt;
  load(0, 1);
  store->refusing.reset();
  CHECK_EQ(state().corrupt, 1u);
  CHECK_EQ(state().usage.objects, 0u);
}

TEST_CASE_FIXTURE(fixture, "what is erased while it is written is gone in the end") {
  start_adapter();
  store->holding = true;
  const auto storing = begin<boxed<l2_report>>(adapter, atom::store_v, order(0, 1));
  settle();
  CHECK_EQ(erase(0, 1).deleted, 1u);
  store->let_go(); // the write
  settle();
  CHECK(storing->value);
  REQUIRE_EQ(store->held.size(), 1u);
  store->let_go(); // the erase
  settle();
  CHECK(store->objects.empty());
  CHECK_EQ(state().usage.objects, 0u);
}

TEST_CASE_FIXTURE(fixture, "its objects are listed page by page, of one model or all") {
  start_adapter();
  store_some(0, 5);
  space = std::make_shared<const key_space>(key_space{"other", 1, "salt"});
  store_some(5, 2);
  l2_page_order wanted{3, "", std::nullopt};
  size_t listed = 0, pages = 0;
  do {
    const auto page = ask<l2_page>(adapter, atom::list_v, wanted);
    REQUIRE(page.objects);
    CHECK_LE(page.objects->objects.size(), 3u);
    listed += page.objects->objects.size();
    ++pages;
    wanted.cursor = page.objects->next;
  } while (!wanted.cursor.empty());
  CHECK_EQ(listed, 7u);
  CHECK_EQ(pages, 3u);
  const auto others = ask<l2_page>(adapter, atom::list_v, l2_page_order{10, "", "other"});
  REQUIRE_EQ(others.objects->objects.size(), 2u);
  CHECK_EQ(others.objects->objects[0].space->cache_salt, "salt");
  CHECK_EQ(others.objects->objects[0].length_bytes, unit);
  CHECK_FALSE(ask<l2_page>(adapter, atom::list_v, l2_page_order{3, "nonsense", {}}).objects);
}

TEST_CASE_FIXTURE(fixture, "what the store could not erase is told and stays") {
  start_adapter();
  store_some(0, 3);
  store->refusing = failed;
  const auto report = erase(0, 5);
  CHECK_EQ(report.deleted, 0u);
  CHECK_EQ(report.failed, 3u);
  CHECK_EQ(report.locked, 0u);
  CHECK_EQ(state().usage.objects, 3u);
}

TEST_CASE_FIXTURE(fixture, "what only the store knows is erased there, too") {
  start_adapter();
  store_some(0, 2);
  store->objects.swap(earlier);
  const l2_adapter_actor fresh
    = start(l2_adapter, l2_adapter_settings{}, std::shared_ptr<l2_backend>{store}, quota_actor{});
  settle();
  store->objects.swap(earlier);
  adapter = fresh; // has listed an empty store
  REQUIRE_EQ(state().usage.objects, 0u);
  const auto report = erase(0, 3);
  CHECK_EQ(report.deleted, 2u);
  CHECK_EQ(report.failed, 0u);
  CHECK(store->objects.empty());
  CHECK_EQ(state().usage.used_bytes, 0u);
}

TEST_CASE_FIXTURE(fixture, "a store that cannot tell lengths is believed to have the wanted ones") {
  start_adapter();
  store_some(0, 1);
  store->hides_lengths = true;
  store->objects.swap(earlier);
  adapter
    = start(l2_adapter, l2_adapter_settings{}, std::shared_ptr<l2_backend>{store}, quota_actor{});
  settle();
  store->objects.swap(earlier);
  CHECK_EQ(look_up(0, 2), std::vector{true, false});
  CHECK_EQ(load(0, 1), std::vector{ok});
}

TEST_CASE_FIXTURE(fixture, "a store of its own is not asked for what the index does not know") {
  l2_adapter_settings settings;
  settings.ask_store = false;
  start_adapter(settings);
  store_some(0, 1);
  CHECK_EQ(look_up(0, 2), std::vector{true, false});
  CHECK_EQ(erase(1, 1).deleted, 0u);
  CHECK_EQ(store->probes, 0u);
}

TEST_CASE_FIXTURE(fixture, "one object that cannot be read does not make it rest") {
  start_adapter();
  store_some(0, 2);
  store->refusing = failed;
  store->spares = hash_of(1).bytes[28];
  for (int i = 0; i < 5; ++i)
    CHECK_EQ(load(0, 2), std::vector{failed, ok});
  CHECK_EQ(state().state, l2_state::ready);
  for (int i = 0; i < 3; ++i)
    load(0, 1);
  CHECK_EQ(state().state, l2_state::degraded);
}

TEST_CASE_FIXTURE(fixture, "what goes while a scan is under way does not come back with it") {
  start_adapter();
  store_some(0, 2);
  store->holding = true;
  adapter
    = start(l2_adapter, l2_adapter_settings{}, std::shared_ptr<l2_backend>{store}, quota_actor{});
  settle();
  store->holding = false;
  REQUIRE_EQ(store->held.size(), 1u); // the scan, which has read both names
  CHECK_EQ(erase(0, 1).deleted, 1u);
  store->let_go();
  settle();
  CHECK_EQ(state().usage.objects, 1u);
  CHECK_EQ(look_up(0, 2), std::vector{false, true});
}

TEST_CASE_FIXTURE(fixture, "an adapter that drains says so and serves on") {
  start_adapter();
  CHECK_EQ(state().state, l2_state::ready);
  tell(control, atom::stop_v);
  CHECK_EQ(state().state, l2_state::draining);
  CHECK_EQ(store_some(0, 1), std::vector{ok});
  CHECK_EQ(load(0, 1), std::vector{ok});
}

TEST_CASE_FIXTURE(fixture,
                  "an adapter that closes takes nothing more and answers after its last task") {
  start_adapter();
  store_some(0, 2);
  store->holding = true;
  const auto loading = begin<boxed<l2_report>>(adapter, atom::load_v, order(0, 1));
  const auto erasing = begin<erase_report>(
    adapter, atom::erase_v, box(std::vector<object_ref>{order(1, 1).items->front().object}));
  const auto closed = begin<caf::ok_atom>(control, atom::close_v);
  settle();
  CHECK_EQ(state().state, l2_state::draining);
  CHECK_EQ(load(1, 1), std::vector{failed});
  CHECK_EQ(store_some(5, 1), std::vector{failed});
  CHECK_EQ(look_up(0, 2), std::vector{false, false});
  CHECK_EQ(erase(0, 1).failed, 1u);
  CHECK_EQ(store->held.size(), 2u);
  store->let_go();
  settle();
  CHECK(loading->value);
  CHECK(closed->open());
  store->let_go();
  settle();
  CHECK(erasing->value);
  CHECK(closed->value);
}
