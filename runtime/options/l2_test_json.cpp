// Keys of the --l2-adapter types mock and fault_inject (spec l2-adapters §9.6).
#include "runtime/options/l2_adapter_types.hpp"
#include "runtime/options/l2_family_json.hpp"

namespace actord {

namespace {

constexpr number_range size_range{0, true, 1 << 30, "must be a number of GiB > 0, <= 1073741824"};
constexpr whole_range any_whole{std::numeric_limits<std::int64_t>::min(),
                                std::numeric_limits<std::int64_t>::max(), "must be a whole number"};

/// Findings about the inner adapter, under its path.
void take_over(json_findings& found, const json_findings& inner) {
  auto add = [](std::vector<std::string>& to, const std::vector<std::string>& from) {
    for (const auto& text : from)
      to.push_back("inner." + text);
  };
  add(found.problems, inner.problems);
  add(found.remarks, inner.remarks);
  add(found.unknown, inner.unknown);
}

/// Eviction, persistence and capacity are the inner adapter's (spec l2-adapters §9.6).
void read_inner(l2_reading_context& context, fault_inject_l2_options& faults) {
  const auto before = context.found.problems.size();
  const auto& object = context.fields.object("inner", true);
  if (context.found.problems.size() != before)
    return;
  l2_adapter_options inner;
  auto type = read_l2_type(object);
  if (auto why = l2_type_problem(type); !why.empty())
    return context.fields.problem("inner", "must be an adapter of a built type: " + why);
  inner.type = *type;
  json_findings found;
  read_l2_object(object, context.variables, inner, found);
  take_over(context.found, found);
  if (inner.serde.index() != 0)
    context.found.remarks.push_back("inner.serde has no effect: give it beside inner");
  if (context.options.eviction)
    context.found.remarks.push_back("eviction has no effect: give it inside inner");
  context.options.eviction = inner.eviction;
  context.options.persist_enabled = inner.persist_enabled;
  context.options.max_capacity_bytes = inner.max_capacity_bytes;
  faults.inner = std::make_shared<const l2_adapter_options>(std::move(inner));
}

} // namespace

mock_l2_options read_mock_options(l2_reading_context& context) {
  mock_l2_options mock;
  double size_gib = 0;
  double bandwidth_gib = 0;
  context.fields.number("max_size_gb", size_gib, size_range, true);
  context.fields.number("mock_bandwidth_gb", bandwidth_gib, size_range, true);
  constexpr double gib = 1ULL << 30;
  mock.max_size_bytes = static_cast<std::uint64_t>(size_gib * gib);
  mock.bandwidth_bytes_per_second = bandwidth_gib * gib;
  return mock;
}

fault_inject_l2_options read_fault_inject_options(l2_reading_context& context) {
  auto& fields = context.fields;
  auto& cpp = context.cpp;
  fault_inject_l2_options faults;
  read_inner(context, faults);
  fields.number("rate", faults.rate, share_range);
  fields.whole("seed", faults.seed, any_whole);
  fields.whole_list("gap_indices", faults.gap_indices,
                    {0, std::numeric_limits<std::int64_t>::max(), {}});
  fields.number_list("gap_tail_ratios", faults.gap_tail_ratios, share_range);
  cpp.whole("delay_ms", faults.delay_ms, {0, 3'600'000, {}});
  cpp.number("hang_rate", faults.hang_rate, share_range);
  cpp.number("torn_write_rate", faults.torn_write_rate, share_range);
  cpp.number("bit_flip_rate", faults.bit_flip_rate, share_range);
  cpp.number("enospc_rate", faults.enospc_rate, share_range);
  cpp.whole("fault_seed", faults.fault_seed, any_whole);
  return faults;
}

} // namespace actord
