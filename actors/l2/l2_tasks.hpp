// The tasks of an L2 ADAPTER, each a coroutine inside it.
#pragma once

#include "actors/l2/l2_adapter.hpp"
#include "runtime/reply.hpp"
#include "runtime/task.hpp"

namespace actord {

using l2_adapter_pointer = l2_adapter_control::stateful_pointer<l2_adapter_state>;
using l2_report_reply = runtime::reply<boxed<l2_report>>;

/// Locks what the index knows; asks the store for the rest.
runtime::task l2_look_up(l2_adapter_pointer self, l2_order order, runtime::reply<l2_presence> out);
runtime::task l2_load(l2_adapter_pointer self, l2_order order, l2_report_reply out);
runtime::task l2_store(l2_adapter_pointer self, l2_order order, l2_report_reply out);
runtime::task l2_erase(l2_adapter_pointer self, boxed<std::vector<object_ref>> objects,
                       runtime::reply<erase_report> out);
/// Erases objects that the index has given up already.
runtime::task l2_sweep(l2_adapter_pointer self, std::vector<object_ref> going, bool evicted);
/// Makes room for salts above their quotas.
runtime::task l2_check_quotas(l2_adapter_pointer self);

} // namespace actord
