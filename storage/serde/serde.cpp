#include "storage/serde/serde.hpp"

namespace actord {

std::string_view explain(serde_fault fault) noexcept {
  switch (fault) {
    case serde_fault::none: return "nothing is wrong";
    case serde_fault::too_short:
      return "the stored object is shorter than the serde makes it: it was cut off, or written "
             "with another serde or layout; delete it";
    case serde_fault::wrong_length:
      return "the stored object is longer than the serde makes it, or the object is no whole "
             "number of elements: servers that share a store need the same serde and layout";
    case serde_fault::wrong_version:
      return "the stored object is no aesgcm frame of version 1 or 2: servers that share a store "
             "need the same serde";
    case serde_fault::unbound:
      return "the frame is of version 1, which names no key, and serde.cpp.refuse_unbound is set: "
             "delete the object, or allow such frames";
    case serde_fault::bad_tag:
      return "the frame does not open: it was sealed with another master key, aes_bits or salt, "
             "for another object, or was changed since";
    case serde_fault::changed:
      return "its bytes are not those that were stored under its name: check the store, and who "
             "else writes to it";
    case serde_fault::wrong_dtype:
      return "the serde does not know the object's element type: fp8 takes float16, bfloat16 and "
             "float32; use an adapter without it";
    case serde_fault::wrong_salt:
      return "the cache salt is longer than 512 bytes: choose a shorter salt";
    case serde_fault::wrong_buffer:
      return "a buffer has another size than the object's: a bug of the caller";
    case serde_fault::no_nonce:
      return "no nonce: the system gave no random bytes, or this key has sealed its 2^32 frames; "
             "put another master key into serde.master_key_path";
    case serde_fault::crypto_failed: return "OpenSSL failed, most likely for want of memory";
  }
  return "unknown fault";
}

} // namespace actord
