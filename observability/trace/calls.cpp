#include "observability/trace/calls.hpp"

#include "gpu/dtype.hpp"
#include "observability/trace/call_values.hpp"

#include <array>

namespace actord::trace {

namespace {

constexpr std::array<std::string_view, std::variant_size_v<call>> names
  = {"lmcache.v1.distributed.storage_manager.StorageManager.reserve_write",
     "lmcache.v1.distributed.storage_manager.StorageManager.finish_write",
     "lmcache.v1.distributed.storage_manager.StorageManager.submit_prefetch_task",
     "lmcache.v1.distributed.storage_manager.StorageManager.read_prefetched_results.__enter__",
     "lmcache.v1.distributed.storage_manager.StorageManager.read_prefetched_results.__exit__",
     "lmcache.v1.distributed.storage_manager.StorageManager.finish_read_prefetched"};

constexpr uint64_t most_object_bytes = uint64_t{1} << 40;
constexpr std::string_view torch_prefix = "torch.";

struct argument_writer {
  value_map& to;

  void keys(const key_list& what) const {
    add(to, "keys", write_keys(what));
  }
  void operator()(const reserve_write_call& what) const {
    keys(what.keys);
    add(to, "layout_desc", write_layout(what.layout));
  }
  void operator()(const finish_write_call& what) const {
    keys(what.keys);
  }
  void operator()(const submit_prefetch_call& what) const {
    add(to, "spec", write_spec(what));
    add(to, "external_request_id", text(what.external_request_id));
    add(to, "skip_l2", what.skip_l2);
  }
  void operator()(const read_enter_call& what) const {
    keys(what.keys);
  }
  void operator()(const read_exit_call& what) const {
    keys(what.keys);
  }
  void operator()(const finish_read_call& what) const {
    keys(what.keys);
    add(to, "read_locks", what.read_locks);
  }
};

/// Reads what `argument_writer` wrote.
struct argument_reader {
  const value_map& from;
  call_values values{};

  key_list keys() {
    return values.keys(values.of(from, "keys"));
  }

  call reserve_write() {
    auto all = keys();
    return reserve_write_call{std::move(all), values.layout(values.of(from, "layout_desc"))};
  }

  call submit() {
    auto result = values.spec(values.of(from, "spec"));
    if (const auto* id = find(from, "external_request_id"))
      result.external_request_id = values.string(id);
    if (const auto* skip = find(from, "skip_l2"))
      result.skip_l2 = values.boolean(skip);
    return result;
  }

  call finish_read() {
    finish_read_call result{keys(), 1};
    if (const auto* locks = find(from, "read_locks"))
      result.read_locks = values.integer(locks, 1, int64_t{1} << 31);
    else if (const auto* more = find(from, "extra_count"))
      result.read_locks = values.integer(more, 0, int64_t{1} << 31) + 1;
    return result;
  }

  call operator()(size_t which) {
    switch (which) {
      case 0: return reserve_write();
      case 1: return finish_write_call{keys()};
      case 2: return submit();
      case 3: return read_enter_call{keys()};
      case 4: return read_exit_call{keys()};
      default: return finish_read();
    }
  }
};

} // namespace

layout_desc layout_of(uint64_t object_bytes) {
  return {{{static_cast<int64_t>(object_bytes)}}, {"torch.uint8"}};
}

std::optional<uint64_t> object_bytes(const layout_desc& layout) {
  uint64_t sum = 0;
  for (size_t i = 0; i < layout.shapes.size(); ++i) {
    std::string_view name = layout.dtypes[i];
    if (!name.starts_with(torch_prefix))
      return std::nullopt;
    const auto type = gpu::find_dtype(name.substr(torch_prefix.size()));
    if (!type)
      return std::nullopt;
    uint64_t bytes = type->item_bytes;
    for (const auto size : layout.shapes[i]) {
      if (size < 0 || (size > 0 && bytes > most_object_bytes / static_cast<uint64_t>(size)))
        return std::nullopt;
      bytes *= static_cast<uint64_t>(size);
    }
    sum += bytes;
    if (sum > most_object_bytes)
      return std::nullopt;
  }
  return sum;
}

std::string_view qualname(const call& what) {
  return names[what.index()];
}

std::string short_name(std::string_view qualname) {
  const auto dot = qualname.rfind('.');
  if (dot == std::string_view::npos)
    return std::string{qualname};
  const auto last = qualname.substr(dot + 1);
  if (last != "__enter__" && last != "__exit__")
    return std::string{last};
  const auto owner = qualname.substr(0, dot);
  return std::string{owner.substr(owner.rfind('.') + 1)} + '.'
         + std::string{last.substr(2, last.size() - 4)};
}

record to_record(double t_mono, double t_wall, const call& what) {
  record result{t_mono, t_wall, std::string{qualname(what)}, {}};
  std::visit(argument_writer{result.args}, what);
  return result;
}

std::variant<call, std::string> to_call(const record& what) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (what.qualname != names[i])
      continue;
    argument_reader read{what.args};
    auto result = read(i);
    if (!read.values.error().empty())
      return read.values.error();
    return result;
  }
  return std::string{"no such call"};
}

} // namespace actord::trace
