// Every typed actor handle: one alias per actor, one comment per message.
#pragma once

#include "actors/messages.hpp"

#include <caf/typed_actor.hpp>

namespace actord {

/// The ZMQ GATEWAY: one ROUTER socket, its clients, and one reply for every request.
using zmq_gateway_actor = caf::typed_actor<
  // The socket, its monitor, or the clock of the thread has something.
  caf::reacts_to<atom::readable>,
  // A page of a stream; the end of a stream.
  caf::reacts_to<atom::stored, uint64_t, boxed<wire::kv_event_batch>>,
  caf::reacts_to<atom::end, uint64_t>, caf::replies_to<atom::status>::with<gateway_status>,
  // Takes no more requests; answers when every accepted one is answered.
  caf::replies_to<atom::stop>::with<caf::ok_atom>>;

/// The KV EVENTS actor: log of what came and went, and the streams that follow it (spec
/// wire-protocol §3.7).
using kv_events_actor = caf::typed_actor<
  // Records chunks that came or went.
  caf::reacts_to<atom::stored, boxed<chunk_news_batch>>,
  // Where the pages of the streams go. Sent once, before any stream.
  caf::reacts_to<atom::open, zmq_gateway_actor>,
  // Opens a stream. A newer stream of the same instance ends the older.
  caf::reacts_to<atom::subscribe, kv_subscription>,
  // Grants a stream one more page, or ends it at the client's wish.
  caf::reacts_to<atom::ack, uint64_t>, caf::reacts_to<atom::cancel, uint64_t>,
  // The client of a stream is gone: no end frame.
  caf::reacts_to<atom::lost, uint64_t>,
  // The instance is alive; it was reaped or unregistered.
  caf::reacts_to<atom::seen, int64_t>, caf::reacts_to<atom::close, int64_t>,
  caf::replies_to<atom::status>::with<kv_event_status>,
  // Looks for silent subscribers.
  caf::reacts_to<atom::tick>>;

/// The COPIER: runs copies on a thread of its own.
using copier_actor = caf::typed_actor<
  // Runs the pieces [first, last) and answers when they are done.
  caf::replies_to<atom::run, boxed<copy_work>, uint64_t, uint64_t>::with<caf::ok_atom>>;

/// The QUOTA actor: salt -> limit in bytes.
using quota_actor
  = caf::typed_actor<caf::replies_to<atom::set, std::string, uint64_t>::with<caf::ok_atom>,
                     caf::replies_to<atom::get, std::string>::with<quota_entry>,
                     // Answers whether there was one.
                     caf::replies_to<atom::erase, std::string>::with<bool>,
                     // All quotas in insertion order.
                     caf::replies_to<atom::list>::with<std::vector<quota_entry>>>;

/// An L2 ADAPTER: one store behind L1. Its tasks answer within its time limits, or else when the
/// store can no longer touch the task's memory.
using l2_adapter_actor = caf::typed_actor<
  // Which objects are there. Each that is found is locked until it is released once.
  caf::replies_to<atom::lookup, l2_order>::with<l2_presence>,
  caf::reacts_to<atom::release, l2_order>,
  // Fills the objects' memory; stores it.
  caf::replies_to<atom::load, l2_order>::with<boxed<l2_report>>,
  caf::replies_to<atom::store, l2_order>::with<boxed<l2_report>>,
  // Removes objects that nobody has locked.
  caf::replies_to<atom::erase, boxed<std::vector<object_ref>>>::with<erase_report>,
  // A page of what it holds.
  caf::replies_to<atom::list, l2_page_order>::with<l2_page>,
  // A page of what a scan found; an empty one ends it.
  caf::reacts_to<atom::learn, boxed<std::vector<object_ref>>>,
  caf::replies_to<atom::status>::with<l2_adapter_status>,
  // Looks at its breaker, its capacity and the quotas.
  caf::reacts_to<atom::tick>>;

/// The STORE CONTROLLER: copies what comes into L1 to every adapter.
using store_controller_actor = caf::typed_actor<
  // Objects that an engine stored.
  caf::reacts_to<atom::stored, boxed<std::vector<object_ref>>>,
  caf::reacts_to<atom::attach, l2_adapter_actor, l2_adapter_info>,
  // The next tries are due.
  caf::reacts_to<atom::run>, caf::replies_to<atom::status>::with<store_controller_status>,
  // Takes nothing more; answers when what waits is stored, or given up.
  caf::replies_to<atom::stop>::with<caf::ok_atom>>;

/// The PREFETCH CONTROLLER: brings what a lookup misses from the adapters into L1.
using prefetch_controller_actor = caf::typed_actor<
  caf::replies_to<atom::lookup, boxed<prefetch_order>>::with<prefetch_outcome>,
  // Starts a warm prefetch and answers at once; what became of it, once when it is over.
  caf::replies_to<atom::load, boxed<prefetch_order>>::with<caf::ok_atom>,
  caf::replies_to<atom::status, std::string>::with<warm_status>,
  caf::reacts_to<atom::attach, l2_adapter_actor, l2_adapter_info>,
  // Looks for lookups whose time is over.
  caf::reacts_to<atom::tick>, caf::replies_to<atom::status>::with<prefetch_controller_status>>;

/// The L1 MANAGER: the one owner of the pool's index (storage/l1_index.hpp has the rules of each
/// step).
using l1_manager_actor = caf::typed_actor<
  // Finds and holds the longest servable prefix.
  caf::replies_to<atom::lookup, boxed<lookup_order>>::with<lookup_outcome>,
  // Moves one share per object from a lease to a claim; claim 0 when it cannot.
  caf::replies_to<atom::claim, claim_order>::with<claim_outcome>,
  caf::reacts_to<atom::release, release_order>, caf::reacts_to<atom::close, lease_id>,
  caf::reacts_to<atom::finish, claim_id>,
  // Buffers for what is missing. Waits while the pool still grows, else answers at once.
  caf::replies_to<atom::reserve, boxed<reserve_order>>::with<reserve_outcome>,
  // Makes a reservation's objects visible; answers false when it is over.
  caf::replies_to<atom::commit, reservation_id, boxed<store_origin>>::with<bool>,
  caf::reacts_to<atom::abort, reservation_id>, caf::reacts_to<atom::quarantine, reservation_id>,
  // Holds whatever is resident of a chain.
  caf::replies_to<atom::hold, boxed<lookup_order>>::with<hold_outcome>,
  // Buffers for a load. true: what it brings goes with its last reader.
  caf::replies_to<atom::load, boxed<reserve_order>, bool>::with<reserve_outcome>,
  caf::replies_to<atom::settle, boxed<settle_order>>::with<lookup_outcome>,
  // Keeps objects in place until their claim is finished.
  caf::replies_to<atom::pin, boxed<std::vector<object_ref>>>::with<pin_outcome>,
  // Who is told of what engines store. Sent once, when there are stores behind L1.
  caf::reacts_to<atom::open, store_controller_actor>,
  // Every store has them, or will never have them: no reason to keep them longer than others.
  caf::reacts_to<atom::ack, boxed<std::vector<object_ref>>>,
  caf::reacts_to<atom::touch, touch_order>,
  // Frees some of the bytes and answers how many; 0 when nothing more can go. One slice per
  // message.
  caf::replies_to<atom::evict, evict_order>::with<uint64_t>,
  caf::replies_to<atom::clear, bool>::with<caf::ok_atom>,
  caf::replies_to<atom::erase, erase_order>::with<erase_report>,
  // `bytes` more of the pool have pages; with 0, no more will come.
  caf::reacts_to<atom::grow, uint64_t>, caf::replies_to<atom::status>::with<l1_status>,
  // Deadlines of leases and reservations.
  caf::reacts_to<atom::tick>>;

/// The EVICTION CONTROLLER: decides when and how much goes; the L1 MANAGER's policy decides what.
using eviction_controller_actor = caf::typed_actor<
  // Whose pool it is. Sent once, before anything else.
  caf::reacts_to<atom::open, l1_manager_actor>,
  // The pool is used to (used, total) bytes: above the trigger.
  caf::reacts_to<atom::pressure, uint64_t, uint64_t>, caf::reacts_to<atom::tick>,
  caf::replies_to<atom::status>::with<eviction_status>>;

/// What both TRANSFER actors understand.
using transfer_actor = caf::typed_actor<
  // The instance is alive / unregisters.
  caf::reacts_to<atom::seen, int64_t>, caf::replies_to<atom::close, int64_t>::with<caf::ok_atom>,
  // The instance's connection ended; `true`: it may still be alive and writing.
  caf::reacts_to<atom::lost, int64_t, bool>, caf::replies_to<atom::status>::with<transfer_status>,
  // Looks for silent instances.
  caf::reacts_to<atom::tick>>;

/// The ENGINE-DRIVEN TRANSFER: workers copy between their memory and slots of the pool.
using engine_driven_actor = transfer_actor::extend<
  caf::replies_to<atom::open, boxed<wire::register_engine_driven>>::with<pool_offer>,
  // prepare_store, commit_store, prepare_retrieve, commit_retrieve.
  caf::replies_to<atom::reserve, boxed<wire::prepare_store>, chunk_range>::with<slot_plan>,
  caf::replies_to<atom::commit, boxed<wire::commit_store>, chunk_range>::with<bool>,
  caf::replies_to<atom::claim, boxed<wire::prepare_retrieve>, chunk_range>::with<slot_plan>,
  caf::replies_to<atom::finish, boxed<wire::commit_retrieve>, chunk_range>::with<bool>>;

/// The LMCACHE-DRIVEN TRANSFER: the daemon copies between the engine's paged memory and the pool.
using lmcache_driven_actor = transfer_actor::extend<
  caf::replies_to<atom::open, boxed<wire::register_kv_cache>>::with<caf::ok_atom>,
  caf::replies_to<atom::store, boxed<wire::store>, chunk_range>::with<bool>,
  caf::replies_to<atom::retrieve, boxed<wire::retrieve>, chunk_range>::with<bool>,
  caf::replies_to<atom::checksum, boxed<checksum_order>>::with<checksum_report>>;

/// The SESSIONS: tokens, hash chains and lookups of the requests that engines work on.
using session_actor = caf::typed_actor<
  // A model's objects look like this from now on; one registration less.
  caf::reacts_to<atom::attach, model_layout>, caf::reacts_to<atom::detach, model_layout>,
  // Starts a lookup; answered before it is done.
  caf::replies_to<atom::lookup, boxed<wire::lookup>>::with<caf::ok_atom>,
  // Starts a warm prefetch of the key's chunks, named by its request id, in no session.
  caf::replies_to<atom::load, boxed<wire::lookup>>::with<caf::ok_atom>,
  // The hit of a lookup, once. Waits at most that many seconds while it is pending.
  caf::replies_to<atom::status, std::string, double>::with<prefetch_status>,
  caf::replies_to<atom::release, boxed<wire::free_lookup_locks>>::with<caf::ok_atom>,
  caf::replies_to<atom::end, std::string>::with<caf::ok_atom>,
  // The scheduler of these requests is gone: their unclaimed shares are free.
  caf::reacts_to<atom::lost, std::vector<std::string>>,
  // Names the chunks and hands over to the transfer.
  caf::replies_to<atom::reserve, boxed<wire::prepare_store>>::with<slot_plan>,
  caf::replies_to<atom::commit, boxed<wire::commit_store>>::with<bool>,
  caf::replies_to<atom::claim, boxed<wire::prepare_retrieve>>::with<slot_plan>,
  caf::replies_to<atom::finish, boxed<wire::commit_retrieve>>::with<bool>,
  caf::replies_to<atom::store, boxed<wire::store>>::with<bool>,
  caf::replies_to<atom::retrieve, boxed<wire::retrieve>>::with<bool>,
  caf::replies_to<atom::status>::with<session_status>,
  // Answers the status queries of a session whose time is up.
  caf::reacts_to<atom::run, std::string>,
  // Who brings what L1 misses. Sent once, when there are stores behind L1.
  caf::reacts_to<atom::open, prefetch_controller_actor>,
  // Who hands over what to whom; sent once, before anything else.
  caf::reacts_to<atom::open, engine_driven_actor, lmcache_driven_actor>,
  // Drops sessions that nobody uses.
  caf::reacts_to<atom::tick>>;

/// A SUBSCRIBER: hands the events that it listens to, to one event_subscriber. Its mailbox is
/// bounded.
using subscriber_actor = caf::typed_actor<caf::reacts_to<event_batch>,
                                          // Events were dropped before they got here.
                                          caf::replies_to<atom::lost>::with<caf::ok_atom>,
                                          // Ends after what waits; answers when it has.
                                          caf::replies_to<atom::stop>::with<caf::ok_atom>>;

/// The EVENT BUS: takes what publishers left for it and hands it to every subscriber that listens.
using event_bus_actor = caf::typed_actor<
  // Something waits.
  caf::reacts_to<atom::run>,
  // A new subscriber, or other interests of a known one.
  caf::reacts_to<atom::subscribe, subscriber_actor, subscription>,
  caf::replies_to<atom::status>::with<event_bus_status>,
  // Takes nothing more; answers when all is handed out and every subscriber has ended, the last
  // registered first.
  caf::replies_to<atom::stop>::with<caf::ok_atom>>;

/// The OTLP EXPORTER: pushes metrics and log records to a receiver. It waits for nobody but the
/// receiver, and nobody waits for it.
using otlp_exporter_actor = caf::typed_actor<
  // Something may be due.
  caf::reacts_to<atom::run>,
  // Pushes once more and ends; answers when it has, within a few seconds.
  caf::replies_to<atom::stop>::with<caf::ok_atom>>;

/// The GEN-AI POLLER: asks one model server how full and how busy it is, again and again.
using gen_ai_poller_actor = caf::typed_actor<
  // The next question.
  caf::reacts_to<atom::run>>;

/// The POOL GROWER: reserves the pool's pages step by step.
using pool_grower_actor = caf::typed_actor<
  // The next step.
  caf::reacts_to<atom::grow>>;

/// The SUPERVISOR: takes the daemon down in order when an actor dies unexpectedly.
using supervisor_actor = caf::typed_actor<
  // Watches an actor under a name for the log.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr, std::string>>;

} // namespace actord

CAF_BEGIN_TYPE_ID_BLOCK(actord_actors, caf::id_block::actord_messages::end)

  // Handles that travel inside messages.
  CAF_ADD_TYPE_ID(actord_actors, (actord::engine_driven_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::l1_manager_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::l2_adapter_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::lmcache_driven_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::prefetch_controller_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::store_controller_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::subscriber_actor))
  CAF_ADD_TYPE_ID(actord_actors, (actord::zmq_gateway_actor))

  // What operators ask of the stores behind L1.
  CAF_ADD_TYPE_ID(actord_actors, (actord::l2_page))
  CAF_ADD_TYPE_ID(actord_actors, (actord::l2_page_order))
  CAF_ADD_TYPE_ID(actord_actors, (actord::warm_status))

CAF_END_TYPE_ID_BLOCK(actord_actors)
