#include "actors/l2/tls_client.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace actord {

namespace {

std::string last_reason() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0)
    return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "error " + std::to_string(code);
}

std::string file_error(const char* key, const std::string& path, const char* what) {
  return std::string{key} + " '" + path + "' cannot be used: " + last_reason() + "; give " + what
         + " in PEM";
}

bool is_address(const std::string& name) {
  unsigned char parsed[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), parsed) == 1
         || inet_pton(AF_INET6, name.c_str(), parsed) == 1;
}

std::string trust(SSL_CTX* context, const tls_options& options) {
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1)
    return file_error("ca_file", options.ca_file, "certificates");
  return {};
}

std::string prove(SSL_CTX* context, const tls_options& options) {
  if (options.cert_file.empty())
    return {};
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1)
    return file_error("cert_file", options.cert_file, "a certificate");
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return file_error("key_file", options.key_file, "the private key of cert_file");
  return {};
}

} // namespace

tls_context make_tls_context(const tls_options& options, std::string& error) {
  ERR_clear_error();
  tls_context result{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  if (!result) {
    error = "OpenSSL cannot be set up: " + last_reason();
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(result.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(result.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                   | SSL_MODE_RELEASE_BUFFERS);
  // A key that asks for a passphrase is an error, never a question at the terminal.
  SSL_CTX_set_default_passwd_cb(result.get(), [](char*, int, int, void*) { return -1; });
  error = trust(result.get(), options);
  if (error.empty())
    error = prove(result.get(), options);
  return error.empty() ? result : nullptr;
}

tls_session make_tls_session(const tls_context& context, int fd, const std::string& name) {
  tls_session result{SSL_new(context.get())};
  if (!result || SSL_set_fd(result.get(), fd) != 1)
    return nullptr;
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(result.get()), name.c_str());
  } else {
    SSL_set_tlsext_host_name(result.get(), name.c_str());
    SSL_set_hostflags(result.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(result.get(), name.c_str());
  }
  SSL_set_connect_state(result.get());
  return result;
}

std::string tls_error(const SSL* session) {
  const auto verdict = SSL_get_verify_result(session);
  if (verdict != X509_V_OK && SSL_get_verify_mode(session) != SSL_VERIFY_NONE) {
    ERR_clear_error();
    return std::string{"the server's certificate is not trusted: "}
           + X509_verify_cert_error_string(verdict);
  }
  return "TLS: " + last_reason();
}

} // namespace actord
