// TLS of stores that are reached over sockets of our own.
#pragma once

#include "runtime/options/l2_adapter_options.hpp"

#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace actord {

using tls_context = std::shared_ptr<SSL_CTX>;

/// What every connection of a store shares. Reads the files that the options name.
/// @param error what is wrong with them, for the operator; the result is null then
tls_context make_tls_context(const tls_options& options, std::string& error);

struct tls_free {
  void operator()(SSL* ssl) const noexcept {
    SSL_free(ssl);
  }
};
using tls_session = std::unique_ptr<SSL, tls_free>;

/// A session on a socket, as its client. Null when memory runs out.
/// @param name that the server's certificate must have: a host name or an address
tls_session make_tls_session(const tls_context& context, int fd, const std::string& name);

/// Why the last call on the session failed, from this thread's queue of errors.
std::string tls_error(const SSL* session);

} // namespace actord
