// The innermost copy between a block of paged KV memory and its place in an
// object; the same code runs on the host and in the CUDA kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define ACTORD_HD __host__ __device__
#else
#define ACTORD_HD
#endif

namespace actord::gpu {

enum class direction : uint8_t {
  gather, // engine to object
  scatter // object to engine
};

/// One block of one plane: `heads * slots` runs of `run_bytes` each. In the
/// object runs lie slot-major; in the engine's memory too, or head-major.
struct block_shape {
  uint64_t heads = 1;
  uint64_t slots = 1;
  uint64_t run_bytes = 0; // one head of one slot
  bool head_major = false;

  /// Whether both sides hold the same bytes in the same order.
  ACTORD_HD constexpr bool same_order() const noexcept {
    return !head_major || heads == 1 || slots == 1;
  }

  ACTORD_HD constexpr uint64_t bytes() const noexcept {
    return heads * slots * run_bytes;
  }

  /// Where in the engine's block the run lies that is number `run` in the
  /// object.
  ACTORD_HD constexpr uint64_t engine_run(uint64_t run) const noexcept {
    return same_order() ? run : run % heads * slots + run / heads;
  }
};

/// One block to copy.
struct block_copy {
  std::byte* engine = nullptr;
  std::byte* object = nullptr;
};

namespace detail {

/// Runs of a length the compiler knows: a few vector moves each instead of a
/// call.
template <uint64_t RunBytes, direction Direction>
inline void transpose_fixed(const block_shape& shape, std::byte* engine, std::byte* object) {
  const uint64_t head_bytes = shape.slots * RunBytes;
  for (uint64_t slot = 0; slot < shape.slots; ++slot) {
    std::byte* run = engine + slot * RunBytes;
    for (uint64_t head = 0; head < shape.heads; ++head) {
      if constexpr (Direction == direction::gather)
        std::memcpy(object, run, RunBytes);
      else
        std::memcpy(run, object, RunBytes);
      object += RunBytes;
      run += head_bytes;
    }
  }
}

template <direction Direction>
inline void transpose(const block_shape& shape, std::byte* engine, std::byte* object) {
  switch (shape.run_bytes) {
    case 32: return transpose_fixed<32, Direction>(shape, engine, object);
    case 64: return transpose_fixed<64, Direction>(shape, engine, object);
    case 128: return transpose_fixed<128, Direction>(shape, engine, object);
    case 160: return transpose_fixed<160, Direction>(shape, engine, object);
    case 192: return transpose_fixed<192, Direction>(shape, engine, object);
    case 256: return transpose_fixed<256, Direction>(shape, engine, object);
    case 512: return transpose_fixed<512, Direction>(shape, engine, object);
    default: break;
  }
  const uint64_t runs = shape.heads * shape.slots;
  for (uint64_t i = 0; i < runs; ++i) {
    std::byte* at = engine + shape.engine_run(i) * shape.run_bytes;
    std::byte* in_object = object + i * shape.run_bytes;
    if constexpr (Direction == direction::gather)
      std::memcpy(in_object, at, shape.run_bytes);
    else
      std::memcpy(at, in_object, shape.run_bytes);
  }
}

} // namespace detail

/// Copies one block on the host.
template <direction Direction>
inline void copy_block(const block_shape& shape, const block_copy& copy) {
  if (!shape.same_order())
    detail::transpose<Direction>(shape, copy.engine, copy.object);
  else if constexpr (Direction == direction::gather)
    std::memcpy(copy.object, copy.engine, shape.bytes());
  else
    std::memcpy(copy.engine, copy.object, shape.bytes());
}

/// Copies the words `first`, `first + step`, ... of one block: what one of
/// `step` GPU threads does.
/// @pre `Word` divides `run_bytes` and both addresses
template <class Word>
ACTORD_HD inline void copy_words(const block_shape& shape, direction way, const block_copy& copy,
                                 uint64_t first, uint64_t step) {
  const uint64_t per_run = shape.run_bytes / sizeof(Word);
  auto* object = reinterpret_cast<Word*>(copy.object);
  auto* engine = reinterpret_cast<Word*>(copy.engine);
  for (uint64_t i = first; i < shape.heads * shape.slots * per_run; i += step) {
    const uint64_t at = shape.engine_run(i / per_run) * per_run + i % per_run;
    if (way == direction::gather)
      object[i] = engine[at];
    else
      engine[at] = object[i];
  }
}

} // namespace actord::gpu
