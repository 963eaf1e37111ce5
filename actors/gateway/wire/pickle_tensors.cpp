#include "actors/gateway/wire/pickle_tensors.hpp"

#include "actors/gateway/wire/dtype.hpp"
#include "actors/gateway/wire/pickle_machine.hpp"
#include "actors/gateway/wire/torch_file.hpp"

#include <array>
#include <cassert>
#include <cstring>
#include <optional>
#include <utility>

namespace actord::wire {

namespace {

using kind = pickle_value::kind;

constexpr size_t max_rank = 16;
constexpr size_t max_tensors = 16384;
// A tensor takes about 45 opcodes.
constexpr pickle_limits limits = {size_t{1} << 20, false};

/// Places in `globals`; dtypes follow.
enum global_place : int64_t { rebuild_v2, rebuild_v3, load_from_bytes, ordered_dict };

constexpr std::array<pickle_global, 22> globals = {{
  {"torch._utils", "_rebuild_tensor_v2"},
  {"torch._utils", "_rebuild_tensor_v3"},
  {"torch.storage", "_load_from_bytes"},
  {"collections", "OrderedDict"},
  {"torch", "uint8"},
  {"torch", "int8"},
  {"torch", "bool"},
  {"torch", "float8_e4m3fn"},
  {"torch", "float8_e5m2"},
  {"torch", "float8_e4m3fnuz"},
  {"torch", "float8_e5m2fnuz"},
  {"torch", "float8_e8m0fnu"},
  {"torch", "float16"},
  {"torch", "bfloat16"},
  {"torch", "int16"},
  {"torch", "uint16"},
  {"torch", "float32"},
  {"torch", "int32"},
  {"torch", "uint32"},
  {"torch", "float64"},
  {"torch", "int64"},
  {"torch", "uint64"},
}};

/// Turns the tree of the outer pickle into tensors.
class tensor_reader {
public:
  explicit tensor_reader(const pickle_tree& tree) : tree_(tree) {
  }

  std::optional<pickled_tensor> read(const pickle_value& value) {
    const std::vector<pickle_value>* args = nullptr;
    const bool typed = is_call(value, rebuild_v2, args);
    if (!typed && !is_call(value, rebuild_v3, args)) {
      return fail("a list element is not a tensor");
    }
    const std::vector<pickle_value>* hooks = nullptr;
    if (args->size() != (typed ? 6 : 7) || (*args)[1].type != kind::integer
        || (*args)[4].type != kind::boolean || (*args)[4].number != 0
        || !is_call((*args)[5], ordered_dict, hooks) || !hooks->empty()) {
      return fail("a tensor has other arguments than torch writes");
    }
    pickled_tensor result;
    if (!read_dims((*args)[2], result.shape) || !read_dims((*args)[3], result.stride)
        || result.shape.size() != result.stride.size()) {
      return fail("a tensor has a bad shape or stride");
    }
    const auto storage = read_storage((*args)[0]);
    if (!storage) {
      return std::nullopt;
    }
    // Types without a storage class of their own come in untyped bytes, or in
    // uint8, as `tensor_pickler` writes them.
    const bool is_bytes = !storage->dtype || storage->dtype->name == "uint8";
    const auto dtype = typed ? storage->dtype : read_dtype((*args)[6]);
    if (!dtype || (!typed && !is_bytes)) {
      return fail("a tensor's dtype and storage do not fit");
    }
    result.dtype = dtype->name;
    result.item_bytes = dtype->item_bytes;
    result.storage_offset = (*args)[1].number;
    result.storage = storage->bytes;
    return check(result) ? std::optional(std::move(result))
                         : fail("a tensor reaches beyond its storage");
  }

  std::string error;

private:
  std::nullopt_t fail(std::string_view reason) {
    error = reason;
    return std::nullopt;
  }

  const std::vector<pickle_value>& node(const pickle_value& value) const {
    return tree_.nodes[static_cast<size_t>(value.number)];
  }

  bool is_call(const pickle_value& value, global_place callee,
               const std::vector<pickle_value>*& args) const {
    if (value.type != kind::call || node(value)[0].number != callee) {
      return false;
    }
    args = &node(node(value)[1]);
    return true;
  }

  bool read_dims(const pickle_value& value, std::vector<int64_t>& out) const {
    if (value.type != kind::tuple || node(value).size() > max_rank) {
      return false;
    }
    for (const pickle_value& each : node(value)) {
      if (each.type != kind::integer || each.number < 0) {
        return false;
      }
      out.push_back(each.number);
    }
    return true;
  }

  std::optional<torch_storage> read_storage(const pickle_value& value) {
    const std::vector<pickle_value>* args = nullptr;
    if (!is_call(value, load_from_bytes, args) || args->size() != 1
        || (*args)[0].type != kind::bytes) {
      return fail("a tensor's storage is not a torch file");
    }
    const std::string_view text = (*args)[0].text;
    auto file = read_torch_file(std::as_bytes(std::span{text.data(), text.size()}));
    if (const auto* reason = std::get_if<std::string>(&file)) {
      return fail(*reason);
    }
    return std::get<torch_storage>(file);
  }

  static std::optional<gpu::dtype> read_dtype(const pickle_value& value) {
    if (value.type != kind::global) {
      return std::nullopt;
    }
    return find_dtype(globals[static_cast<size_t>(value.number)].name);
  }

  /// Fills in `nbytes` and proves that every element lies inside the storage.
  static bool check(pickled_tensor& tensor) {
    uint64_t last = static_cast<uint64_t>(tensor.storage_offset);
    uint64_t elements = 1;
    bool overflow = tensor.storage_offset < 0;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      const auto dimension = static_cast<uint64_t>(tensor.shape[i]);
      const auto stride = static_cast<uint64_t>(tensor.stride[i]);
      uint64_t reach = 0;
      if (dimension == 0) {
        tensor.nbytes = 0;
        return !overflow;
      }
      overflow |= __builtin_mul_overflow(elements, dimension, &elements);
      overflow |= __builtin_mul_overflow(dimension - 1, stride, &reach);
      overflow |= __builtin_add_overflow(last, reach, &last);
    }
    overflow |= __builtin_mul_overflow(elements, uint64_t{tensor.item_bytes}, &tensor.nbytes);
    return !overflow && last < tensor.storage.size() / tensor.item_bytes;
  }

  const pickle_tree& tree_;
};

} // namespace

std::variant<std::vector<pickled_tensor>, std::string>
parse_pickled_tensors(std::span<const std::byte> bytes) {
  auto parsed = parse_pickle(bytes, globals, limits);
  if (auto* error = std::get_if<std::string>(&parsed)) {
    return std::move(*error);
  }
  const auto& tree = std::get<pickle_tree>(parsed);
  if (tree.consumed != bytes.size()) {
    return std::to_string(bytes.size() - tree.consumed) + " bytes follow the pickle";
  }
  if (tree.root.type != kind::list) {
    return "the pickle is not a list";
  }
  const auto& values = tree.nodes[static_cast<size_t>(tree.root.number)];
  if (values.size() > max_tensors) {
    return "a list of " + std::to_string(values.size()) + " tensors, at most 16384 are allowed";
  }
  tensor_reader reader(tree);
  std::vector<pickled_tensor> result;
  for (const pickle_value& value : values) {
    auto tensor = reader.read(value);
    if (!tensor) {
      return std::move(reader.error);
    }
    result.push_back(std::move(*tensor));
  }
  return result;
}

void pickled_tensor::copy_to(std::span<std::byte> out) const {
  assert(out.size() == nbytes);
  if (nbytes == 0) {
    return;
  }
  // Innermost dimensions that lie tight in the storage move as one run.
  size_t outer = shape.size();
  int64_t run = 1;
  while (outer > 0 && (stride[outer - 1] == run || shape[outer - 1] == 1)) {
    run *= shape[outer - 1];
    --outer;
  }
  const size_t run_bytes = static_cast<size_t>(run) * item_bytes;
  // The stride of a single element means nothing and may be anything.
  std::vector<int64_t> step(stride.begin(), stride.end());
  for (size_t i = 0; i < outer; ++i) {
    step[i] = shape[i] == 1 ? 0 : stride[i];
  }
  std::vector<int64_t> index(outer, 0);
  int64_t element = storage_offset;
  for (size_t done = 0; done < out.size(); done += run_bytes) {
    std::memcpy(out.data() + done, storage.data() + static_cast<size_t>(element) * item_bytes,
                run_bytes);
    for (size_t i = outer; i > 0; --i) {
      element += step[i - 1];
      if (++index[i - 1] < shape[i - 1]) {
        break;
      }
      element -= step[i - 1] * shape[i - 1];
      index[i - 1] = 0;
    }
  }
}

} // namespace actord::wire
