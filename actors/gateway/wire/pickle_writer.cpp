#include "actors/gateway/wire/dtype.hpp"
#include "actors/gateway/wire/pickle_tensors.hpp"

#include <cassert>
#include <limits>

namespace actord::wire {

namespace {

void put_number(std::string& out, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) {
    out += static_cast<char>(value >> (8 * i) & 0xff);
  }
}

/// BININT, or LONG1 of eight bytes for what it cannot hold. @pre `value` >= 0
void put_int(std::string& out, int64_t value) {
  const bool is_short = value <= std::numeric_limits<int32_t>::max();
  out += is_short ? "J" : "\x8a\x08";
  put_number(out, static_cast<uint64_t>(value), is_short ? 4 : 8);
}

void put_str(std::string& out, std::string_view text) {
  out += 'X';
  put_number(out, text.size(), 4);
  out += text;
}

void put_ints(std::string& out, std::span<const int64_t> values) {
  out += '(';
  for (const int64_t value : values) {
    put_int(out, value);
  }
  out += 't';
}

/// The legacy torch file up to its data.
std::string file_head(const gpu::dtype& type, int64_t elements, uint64_t bytes) {
  const auto storage_class = storage_class_of(type);
  const bool typed = !storage_class.empty();
  const int64_t count = typed ? elements : static_cast<int64_t>(bytes);
  std::string out("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                  "\x80\x02M\xe9\x03."
                  "\x80\x02}(",
                  25);
  put_str(out, "protocol_version");
  out += "M\xe9\x03";
  put_str(out, "little_endian");
  out += '\x88';
  put_str(out, "type_sizes");
  out += "}(";
  put_str(out, "short");
  out += "K\x02";
  put_str(out, "int");
  out += "K\x04";
  put_str(out, "long");
  out += "K\x04uu.\x80\x02(";
  put_str(out, "storage");
  // torch writes UntypedStorage for the other types but cannot load it again:
  // bytes under a dtype of their own load everywhere.
  out += "ctorch\n";
  out += typed ? storage_class : std::string_view("ByteStorage");
  out += '\n';
  put_str(out, "0");
  put_str(out, "cpu");
  put_int(out, count);
  out += "NtQ.\x80\x02]";
  put_str(out, "0");
  out += "a.";
  put_number(out, static_cast<uint64_t>(count), 8);
  return out;
}

std::vector<int64_t> contiguous_strides(std::span<const int64_t> shape) {
  std::vector<int64_t> result(shape.size(), 1);
  for (size_t i = shape.size(); i > 1; --i) {
    result[i - 2] = result[i - 1] * shape[i - 1];
  }
  return result;
}

} // namespace

tensor_pickler::tensor_pickler(std::string_view dtype_name, std::span<const int64_t> shape) {
  const auto type = find_dtype(dtype_name);
  assert(type);
  int64_t elements = 1;
  for (const int64_t dimension : shape) {
    elements *= dimension;
  }
  tensor_bytes_ = static_cast<uint64_t>(elements) * type->item_bytes;
  const bool typed = !storage_class_of(*type).empty();
  const std::string file = file_head(*type, elements, tensor_bytes_);
  const uint64_t file_bytes = file.size() + tensor_bytes_;
  const bool is_short = file_bytes <= std::numeric_limits<uint32_t>::max();
  before_ = typed ? "ctorch._utils\n_rebuild_tensor_v2\n" : "ctorch._utils\n_rebuild_tensor_v3\n";
  before_ += "(ctorch.storage\n_load_from_bytes\n";
  before_ += is_short ? 'B' : '\x8e';
  put_number(before_, file_bytes, is_short ? 4 : 8);
  before_ += file;
  after_ = "\x85R";
  put_int(after_, 0);
  put_ints(after_, shape);
  put_ints(after_, contiguous_strides(shape));
  after_ += "\x89"
            "ccollections\nOrderedDict\n)R";
  after_ += typed ? "" : "ctorch\n" + std::string(type->name) + '\n';
  after_ += "tR";
}

std::string_view tensor_pickler::head() const noexcept {
  return "\x80\x04](";
}

std::string_view tensor_pickler::before() const noexcept {
  return before_;
}

std::string_view tensor_pickler::after() const noexcept {
  return after_;
}

std::string_view tensor_pickler::tail() const noexcept {
  return "e.";
}

uint64_t tensor_pickler::tensor_bytes() const noexcept {
  return tensor_bytes_;
}

uint64_t tensor_pickler::total_bytes(size_t count) const noexcept {
  return head().size() + tail().size() + count * (before_.size() + tensor_bytes_ + after_.size());
}

std::string emit_pickled_tensors(std::string_view dtype, std::span<const int64_t> shape,
                                 std::span<const std::span<const std::byte>> chunks) {
  const tensor_pickler pickler(dtype, shape);
  std::string out;
  out.reserve(pickler.total_bytes(chunks.size()));
  out += pickler.head();
  for (const auto& chunk : chunks) {
    assert(chunk.size() == pickler.tensor_bytes());
    out += pickler.before();
    out.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
    out += pickler.after();
  }
  out += pickler.tail();
  return out;
}

} // namespace actord::wire
