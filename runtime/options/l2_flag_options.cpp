// Flags of the stores behind L1.
#include "runtime/options/option_draft.hpp"

#include <limits>

namespace actord {

namespace {

constexpr whole_range at_least_one{1, std::numeric_limits<std::int64_t>::max(),
                                   "must be a whole number >= 1"};

} // namespace

void declare_l2_options(option_set& set, option_draft& draft) {
  auto& l2 = draft.options.l2;
  set.group("Stores behind L1 (L2)");
  auto& adapter = set.repeated("--l2-adapter", draft.l2_adapters,
                               "one store as a JSON object, such as {\"type\": \"fs\", "
                               "\"base_path\": \"/data/kv\"}; repeat it "
                               "for more (docs/operations/l2-adapters.md)");
  adapter.metavar = "JSON";
  adapter.secret = true; // it may hold passwords
  set.choice("--l2-store-policy", l2.store_policy, {"default", "skip_l1"},
             "what goes from L1 to L2");
  set.choice("--l2-prefetch-policy", l2.prefetch_policy, {"default", "retain"},
             "what comes back from L2 to L1");
  set.integer("--l2-prefetch-max-in-flight", l2.prefetch_max_in_flight, at_least_one,
              "loads from L2 at a time");
  set.integer("--periodic-notifier-interval-ms", l2.periodic_notifier_interval_ms, at_least_one,
              "how often stores without events of their own are asked");
}

} // namespace actord
