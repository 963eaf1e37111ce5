// A store in a Redis that speaks TLS only.
#include "actors/l2/resp_backend.hpp"

#include "tests/fixtures/fake_server.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/redis_server.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

using namespace actord;
using namespace actord::fixtures;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;

// An authority, and a certificate of it for `localhost` and 127.0.0.1.
class certificates {
public:
  certificates() {
    std::ofstream{path("extensions")} << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    const auto key = std::string{" -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"};
    run("req -x509" + key + " -days 1 -subj /CN=authority -keyout " + path("ca.key") + " -out "
        + path("ca.pem"));
    run("req" + key + " -subj /CN=somebody -keyout " + path("key.pem") + " -out "
        + path("request.pem"));
    run("x509 -req -days 1 -in " + path("request.pem") + " -CA " + path("ca.pem") + " -CAkey "
        + path("ca.key") + " -CAcreateserial -extfile " + path("extensions") + " -out "
        + path("cert.pem"));
  }

  std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

private:
  void run(const std::string& arguments) const {
    const auto line = "openssl " + arguments + " >" + path("log") + " 2>&1";
    REQUIRE_MESSAGE(std::system(line.c_str()) == 0, line);
  }

  temporary_folder folder_;
};

std::vector<std::string> tls_only(const certificates& files, const std::string& clients) {
  return {"--port",
          "0",
          "--tls-port",
          "PORT",
          "--tls-cert-file",
          files.path("cert.pem"),
          "--tls-key-file",
          files.path("key.pem"),
          "--tls-ca-cert-file",
          files.path("ca.pem"),
          "--tls-auth-clients",
          clients};
}

l2_adapter_options at(uint16_t port, tls_options tls, const std::string& host = "127.0.0.1") {
  redis_l2_options redis;
  redis.nodes = {{host, port}};
  redis.connections = 2;
  redis.tls = std::move(tls);
  l2_adapter_options result;
  result.type = "valkey";
  result.store = redis;
  return result;
}

std::string opening(uint16_t port, tls_options tls, const std::string& host = "127.0.0.1") {
  return resp_backend{at(port, std::move(tls), host)}.open();
}

tls_options trusting(const certificates& files) {
  tls_options result;
  result.ca_file = files.path("ca.pem");
  return result;
}

} // namespace

TEST_CASE("objects go over TLS and come back byte for byte") {
  if (!redis_server::installed())
    return;
  const certificates files;
  const redis_server server{tls_only(files, "no")};
  resp_backend backend{at(server.port(), trusting(files))};
  REQUIRE(backend.open() == "");
  std::vector<object_ref> objects;
  uint8_t number = 0;
  for (uint64_t length : {0, 1, 16'383, 16'384, 16'385, 100'000, 4'194'304})
    objects.push_back(an_object(number++, length));
  for (int i = 0; i < 200; ++i)
    objects.push_back(an_object(number++, 3'000 + 17UL * static_cast<uint64_t>(i)));
  const slots written{objects, 1}, read{objects, 2};
  const results all(objects.size(), ok);
  CHECK(call(backend, &l2_backend::store, written).results == all);
  CHECK(call(backend, &l2_backend::load, read).results == all);
  for (size_t i = 0; i < objects.size(); ++i)
    CHECK(read.bytes(i) == written.bytes(i));
  CHECK(call(backend, &l2_backend::erase, read).results == all);
}

TEST_CASE("a server is trusted by its certificate and its name, unless the operator says not to") {
  if (!redis_server::installed())
    return;
  const certificates files, others;
  const redis_server server{tls_only(files, "no")};
  CHECK(opening(server.port(), trusting(files)) == "");
  CHECK(opening(server.port(), trusting(files), "localhost") == "");
  CHECK(opening(server.port(), trusting(others)).find("not trusted") != std::string::npos);
  CHECK(opening(server.port(), {}).find("not trusted") != std::string::npos);
  auto named = trusting(files);
  named.server_name = "cache.example";
  CHECK(opening(server.port(), named).find("mismatch") != std::string::npos);
  named.server_name = "10.0.0.1";
  CHECK(opening(server.port(), named).find("mismatch") != std::string::npos);
  named.server_name = "localhost";
  CHECK(opening(server.port(), named) == "");
  tls_options careless;
  careless.verify = false;
  CHECK(opening(server.port(), careless) == "");
}

TEST_CASE("a client shows its own certificate where the server wants one") {
  if (!redis_server::installed())
    return;
  const certificates files;
  const redis_server server{tls_only(files, "yes")};
  CHECK(opening(server.port(), trusting(files)) != "");
  auto known = trusting(files);
  known.cert_file = files.path("cert.pem");
  known.key_file = files.path("key.pem");
  CHECK(opening(server.port(), known) == "");
}

TEST_CASE("files that cannot be used for TLS are named") {
  const certificates files;
  tls_options wrong;
  wrong.ca_file = files.path("nothing.pem");
  auto error = opening(1, wrong);
  CHECK(error.find("cpp.tls: ca_file '" + wrong.ca_file + "'") != std::string::npos);
  wrong = trusting(files);
  wrong.cert_file = files.path("cert.pem");
  wrong.key_file = files.path("ca.key"); // of another certificate
  error = opening(1, wrong);
  CHECK(error.find("key_file '" + wrong.key_file + "'") != std::string::npos);
}

TEST_CASE("a server that does not speak TLS is not waited for for ever") {
  const fake_server mute{[](fake_peer& peer) { peer.wait(); }};
  auto options = at(mute.port(), {});
  std::get<redis_l2_options>(options.store).connect_timeout_ms = 50;
  CHECK(resp_backend{options}.open().find("no end of the TLS handshake within 50 ms")
        != std::string::npos);
  const fake_server talking{[](fake_peer& peer) {
    peer.say("-ERR Protocol error: unexpected bytes\r\n");
    peer.wait();
  }};
  CHECK(opening(talking.port(), {}).find("TLS: wrong version number") != std::string::npos);
}
