// Chunks of KV data as Python pickles lists of torch tensors (wire-protocol
// §7.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord::wire {

/// A tensor inside a pickle: a view that is known to stay within its storage.
struct pickled_tensor {
  std::string_view dtype;             // canonical torch name
  uint32_t item_bytes = 0;            // 1, 2, 4 or 8
  std::vector<int64_t> shape;         // elements
  std::vector<int64_t> stride;        // elements, >= 0; 0 repeats
  int64_t storage_offset = 0;         // elements
  std::span<const std::byte> storage; // bytes of the input
  uint64_t nbytes = 0;                // of the tensor laid out row by row; a stride of 0 may make
                                      // it exceed the storage, so compare it before allocating

  /// Copies the elements row by row. @pre `out.size() == nbytes`
  void copy_to(std::span<std::byte> out) const;
};

/// Reads a pickled list of CPU tensors. The data are not copied: the tensors
/// point into `bytes`. Only the opcodes, globals and shapes of the grammar are
/// accepted and nothing is evaluated; any other pickle yields the reason as
/// text. Limits: 16 dimensions, 16384 tensors, 2^20 opcodes; memory stays below
/// some 150 MiB whatever the input.
std::variant<std::vector<pickled_tensor>, std::string>
parse_pickled_tensors(std::span<const std::byte> bytes);

/// Writes pickled lists of equal contiguous tensors: `head`, then for each
/// tensor `before`, its bytes and `after`, then `tail`. Python and torch load
/// the result.
class tensor_pickler {
public:
  /// @pre `dtype` is known to `find_dtype`, `shape` has no negative dimension
  /// and its product fits int64
  tensor_pickler(std::string_view dtype, std::span<const int64_t> shape);

  std::string_view head() const noexcept;
  std::string_view before() const noexcept;
  std::string_view after() const noexcept;
  std::string_view tail() const noexcept;

  /// Bytes of one tensor's data.
  uint64_t tensor_bytes() const noexcept;

  /// Bytes of a whole pickle of `count` tensors.
  uint64_t total_bytes(size_t count) const noexcept;

private:
  std::string before_;
  std::string after_;
  uint64_t tensor_bytes_ = 0;
};

/// A whole pickle in one string. @pre each chunk has `tensor_bytes()` bytes
std::string emit_pickled_tensors(std::string_view dtype, std::span<const int64_t> shape,
                                 std::span<const std::span<const std::byte>> chunks);

} // namespace actord::wire
