#include "actors/telemetry/otlp_transport.hpp"

#include "actors/telemetry/curl_call.hpp"
#include "observability/exposition_request.hpp"
#include "runtime/options/version.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace actord {

namespace {

constexpr size_t header_limit = 8 << 10;

struct list_deleter {
  void operator()(curl_slist* list) const {
    curl_slist_free_all(list);
  }
};
using header_list = std::unique_ptr<curl_slist, list_deleter>;

void add(header_list& to, const std::string& line) {
  if (auto* longer = curl_slist_append(to.get(), line.c_str())) {
    (void)to.release();
    to.reset(longer);
  }
}

/// What has come of an answer so far.
struct incoming {
  int http_status = 0;
  std::optional<int> grpc_status;
  std::string grpc_message, grpc_details, body;
};

std::optional<int> number(std::string_view text) {
  int result = 0;
  const auto end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, result);
  return error == std::errc{} && rest == end ? std::optional{result} : std::nullopt;
}

bool same_name(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
}

void take_header(incoming& to, std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.remove_suffix(1);
  if (line.starts_with("HTTP/")) { // of a proxy, an interim answer, or the answer
    to = {};
    const auto blank = std::min(line.find(' '), line.size());
    to.http_status = number(line.substr(std::min(blank + 1, line.size())).substr(0, 3)).value_or(0);
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > header_limit)
    return;
  const auto name = line.substr(0, colon);
  auto value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (same_name(name, "grpc-status"))
    to.grpc_status = number(value);
  else if (same_name(name, "grpc-message"))
    to.grpc_message = value;
  else if (same_name(name, "grpc-status-details-bin"))
    to.grpc_details = value;
}

extern "C" size_t actord_otlp_header(char* text, size_t, size_t size, void* to) {
  take_header(*static_cast<incoming*>(to), {text, size});
  return size;
}

class curl_client final : public otlp_transport {
public:
  curl_client(const otlp_options& options, std::shared_ptr<const std::atomic<bool>> hurry)
    : options_(options), hurry_(std::move(hurry)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    handle_.reset(curl_easy_init());
    if (!handle_)
      throw std::runtime_error("--otlp-endpoint: libcurl cannot be set up; is memory short?");
  }

  otlp::answer send(otlp::signal to, const std::string& message, int64_t timeout_ms) override {
    const auto& how = to == otlp::signal::metrics ? options_.metrics
                      : to == otlp::signal::logs  ? options_.logs
                                                  : options_.traces;
    auto packed = how.gzip ? gzipped(message) : std::nullopt;
    const auto& content = packed ? *packed : message;
    const auto body = grpc() ? otlp::grpc_frame(content, packed.has_value()) : content;
    incoming came;
    const auto headers = headers_of(how, packed.has_value(), timeout_ms);
    prepare(how, came);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
    set(CURLOPT_POSTFIELDS, body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    error_[0] = '\0';
    const auto code = curl_easy_perform(handle_.get());
    // A receiver may answer and hang up, or hang, before all is read or written. What it has taken
    // is not sent twice.
    const auto answered = grpc() ? came.grpc_status.has_value() : came.http_status >= 200;
    if (code != CURLE_OK && !answered)
      return otlp::unreachable(error_[0] != '\0' ? error_ : curl_easy_strerror(code));
    if (!grpc())
      return otlp::judge_http(came.http_status, retry_after_s(), came.body);
    return otlp::judge(
      {came.http_status, came.grpc_status, came.grpc_message, came.grpc_details, came.body});
  }

private:
  bool grpc() const {
    return options_.protocol == otlp_protocol::grpc;
  }

  /// Of the last answer, be it written as seconds or as a date.
  int64_t retry_after_s() const {
    curl_off_t result = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &result);
    return result;
  }

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  header_list headers_of(const otlp_signal_options& how, bool packed, int64_t timeout_ms) const {
    header_list result;
    add(result, "Accept:"); // libcurl's own go
    add(result, "Expect:");
    if (grpc()) {
      add(result, "Content-Type: application/grpc");
      add(result, "TE: trailers");
      add(result, "grpc-timeout: " + std::to_string(timeout_ms) + "m");
      if (packed)
        add(result, "grpc-encoding: gzip");
    } else {
      add(result, "Content-Type: application/x-protobuf");
      if (packed)
        add(result, "Content-Encoding: gzip");
    }
    for (const auto& [name, value] : how.headers)
      add(result, name + (value.empty() ? ";" : ": " + value)); // libcurl's form of an empty one
    return result;
  }

  // Connections outlive the reset.
  void prepare(const otlp_signal_options& how, incoming& came) {
    curl_easy_reset(handle_.get());
    // A call that begins late knows its time.
    const bool late = hurry_->load(std::memory_order_relaxed);
    prepare_call(handle_.get(), how.url, came.body, late ? nullptr : hurry_.get());
    set(CURLOPT_POST, 1L);
    set(CURLOPT_USERAGENT, user_agent_.c_str());
    set(CURLOPT_ERRORBUFFER, error_);
    const bool tls = how.url.starts_with("https");
    if (grpc()) {
      set(CURLOPT_HTTP_VERSION,
          static_cast<long>(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
      // A later call on a connection of libcurl 7.88 that was idle fails in its HTTP/2 framing.
      set(CURLOPT_FORBID_REUSE, 1L);
    }
    if (!how.certificate.empty())
      set(CURLOPT_CAINFO, how.certificate.c_str());
    if (!how.client_key.empty()) {
      set(CURLOPT_SSLKEY, how.client_key.c_str());
      set(CURLOPT_SSLCERT, how.client_certificate.c_str());
    }
    set(CURLOPT_HEADERFUNCTION, actord_otlp_header);
    set(CURLOPT_HEADERDATA, &came);
  }

  otlp_options options_;
  std::shared_ptr<const std::atomic<bool>> hurry_;
  std::string user_agent_ = "OTel-OTLP-Exporter-Cpp/" + std::string(daemon_version);
  curl_handle handle_;
  char error_[CURL_ERROR_SIZE] = {};
};

} // namespace

std::unique_ptr<otlp_transport>
curl_transport(const otlp_options& options, std::shared_ptr<const std::atomic<bool>> hurry) {
  return std::make_unique<curl_client>(options, std::move(hurry));
}

} // namespace actord
