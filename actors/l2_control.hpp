// How stores behind L1 come and go while the daemon runs: who may tell an adapter to end, and the
// registry that does. All others speak with the same actors through interfaces.hpp.
#pragma once

#include "actors/interfaces.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace actord {

/// An adapter in the hands of the registry.
using l2_adapter_control = l2_adapter_actor::extend<
  // It drains: it says so, and serves as before.
  caf::reacts_to<atom::stop>,
  // Refuses further tasks; answers once its store can touch no memory any more.
  caf::replies_to<atom::close>::with<caf::ok_atom>,
  // Looks whether that is so.
  caf::reacts_to<atom::run>>;

/// The STORE CONTROLLER in the hands of the registry. Adapters are named by their ids.
using store_control = store_controller_actor::extend<
  // Nothing new goes there; answers when what waited is copied or given up.
  caf::replies_to<atom::detach, uint32_t>::with<caf::ok_atom>,
  // Gives up what still waits for it. Its running tasks hold up nobody from now on.
  caf::reacts_to<atom::close, uint32_t>,
  // How many objects still wait for it.
  caf::replies_to<atom::status, uint32_t>::with<uint64_t>>;

/// The PREFETCH CONTROLLER in the hands of the registry.
using prefetch_control = prefetch_controller_actor::extend<
  // Lookups that begin from now on do not ask it.
  caf::reacts_to<atom::detach, uint32_t>,
  // How long a lookup waits for answers, and for loads.
  caf::reacts_to<atom::set, time_ms, time_ms>>;

/// An adapter as the registry knows it.
struct l2_entry {
  l2_adapter_info info; // its index is its id: never used again
  // opening, ready (the adapter itself tells whether it is degraded) or draining.
  l2_state state = l2_state::opening;
  bool drained = false;   // has all that waited for it
  bool removing = false;  // asked to go
  std::string waits_for;  // what a change still waits for; "": nothing
  l2_adapter_actor actor; // null before it serves, and after its tasks have ended
  std::shared_ptr<const l2_adapter_options> options; // never null
};

struct l2_entries {
  std::vector<l2_entry> list; // by id
};

/// A store that was reached for.
struct l2_opened {
  // Null with a fault. Taken out by whom it is for: messages end on threads that must not block.
  mutable std::shared_ptr<l2_backend> backend;
  std::string fault; // for the operator
};

/// What must end with the daemon.
struct l2_holdings {
  struct one {
    l2_adapter_actor actor;
    std::shared_ptr<l2_backend> backend;
  };
  mutable std::vector<one> list; // as above
};

/// The L2 REGISTRY: which adapters there are, and the steps of each from opening to its end.
/// Changes are not kept beyond the daemon's end.
using l2_registry_actor = caf::typed_actor<
  // Opens a store and attaches it. Answers once it serves; after `open_patience`, while it still
  // opens. busy: it is in another's place, or there are too many; rejected: it cannot be opened.
  caf::replies_to<atom::open, boxed<l2_adapter_options>>::with<l2_entry>,
  // Drains an adapter; takes it away. Both answer at once, and the same again when asked again.
  // absent: there is none of this id; busy: it still opens.
  caf::replies_to<atom::detach, uint32_t>::with<l2_entry>,
  caf::replies_to<atom::close, uint32_t>::with<l2_entry>,
  // absent: the text says whether it could not be opened.
  caf::replies_to<atom::get, uint32_t>::with<l2_entry>,
  caf::replies_to<atom::list>::with<l2_entries>,
  // A store was reached for; it takes long; it has let go of everything.
  caf::reacts_to<atom::learn, uint32_t, boxed<l2_opened>>, caf::reacts_to<atom::tick, uint32_t>,
  caf::reacts_to<atom::end, uint32_t>,
  // Takes no more changes, and hands over what must end.
  caf::replies_to<atom::stop>::with<boxed<l2_holdings>>>;

} // namespace actord

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::l2_entries)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::l2_entry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::boxed<actord::l2_adapter_options>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::boxed<actord::l2_holdings>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::boxed<actord::l2_opened>)

CAF_BEGIN_TYPE_ID_BLOCK(actord_l2_control, caf::id_block::actord_actors::end)

  CAF_ADD_TYPE_ID(actord_l2_control, (actord::boxed<actord::l2_adapter_options>))
  CAF_ADD_TYPE_ID(actord_l2_control, (actord::boxed<actord::l2_holdings>))
  CAF_ADD_TYPE_ID(actord_l2_control, (actord::boxed<actord::l2_opened>))
  CAF_ADD_TYPE_ID(actord_l2_control, (actord::l2_entries))
  CAF_ADD_TYPE_ID(actord_l2_control, (actord::l2_entry))

CAF_END_TYPE_ID_BLOCK(actord_l2_control)
