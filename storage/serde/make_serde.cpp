#include "storage/serde/make_serde.hpp"

#include "storage/serde/aesgcm.hpp"
#include "storage/serde/fp8.hpp"

#include <utility>

namespace actord {

namespace {

/// A value from outside, for a message: quoted, cut to 64 characters, without control
/// characters.
std::string quoted(std::string_view text) {
  constexpr size_t most = 64;
  std::string result = "\"";
  for (char each : text.substr(0, most))
    result += each < ' ' || each > '~' ? '?' : each;
  return result + (text.size() > most ? "...\"" : "\"");
}

serde_made wrong(std::string_view key, const std::string& value, std::string_view remedy) {
  std::string message{key};
  message += ' ';
  message += value;
  message += ": ";
  message += remedy;
  return {nullptr, message};
}

serde_made make_fp8(const serde_options& options) {
  if (options.bind_identity || options.refuse_unbound)
    return wrong(options.bind_identity ? "serde.cpp.bind_identity" : "serde.cpp.refuse_unbound",
                 "true", "fp8 stores nothing that could name a key; use serde.type \"aesgcm\"");
  if (options.fp8_dtype == "float8_e4m3fn")
    return {std::make_unique<fp8_serde>(fp8_format::e4m3fn), {}};
  if (options.fp8_dtype == "float8_e5m2")
    return {std::make_unique<fp8_serde>(fp8_format::e5m2), {}};
  return wrong("serde.fp8_dtype", quoted(options.fp8_dtype),
               "this build casts to \"float8_e4m3fn\" and \"float8_e5m2\"; choose one of them");
}

serde_made make_aesgcm(const serde_options& options) {
  if (options.key_provider != "hkdf")
    return wrong("serde.key_provider", quoted(options.key_provider), "only \"hkdf\" exists");
  if (options.aes_bits != 128 && options.aes_bits != 256)
    return wrong("serde.aes_bits", std::to_string(options.aes_bits), "choose 128 or 256");
  if (options.master_key_path.empty())
    return wrong("serde.master_key_path", "(missing)",
                 "aesgcm needs a file with the master key; name it");
  if (options.master_key.empty())
    return wrong("serde.master_key_path", quoted(options.master_key_path),
                 "the file is empty; put at least 32 random bytes into it");
  if (options.refuse_unbound && !options.bind_identity)
    return wrong("serde.cpp.refuse_unbound", "true",
                 "it would refuse what this server writes; set serde.cpp.bind_identity too");
  aesgcm_options cipher;
  cipher.aes_bits = static_cast<uint32_t>(options.aes_bits);
  cipher.bind_identity = options.bind_identity;
  cipher.refuse_unbound = options.refuse_unbound;
  auto made = std::make_unique<aesgcm_serde>(options.master_key, cipher);
  if (!made->is_ready())
    return wrong("serde.type", "\"aesgcm\"",
                 "OpenSSL offers no AES-GCM or no SHA-256; check its configuration");
  return {std::move(made), {}};
}

} // namespace

serde_made make_serde(const serde_options& options) {
  if (options.type == "fp8")
    return make_fp8(options);
  if (options.type == "aesgcm")
    return make_aesgcm(options);
  if (options.type == "turboquant")
    return wrong("serde.type", "\"turboquant\"",
                 "the type is known but not built in; choose \"fp8\" or \"aesgcm\"");
  return wrong("serde.type", quoted(options.type), "choose \"fp8\" or \"aesgcm\"");
}

} // namespace actord
