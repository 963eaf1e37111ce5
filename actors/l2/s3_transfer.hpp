// One attempt at a request, on one libcurl handle.
#pragma once

#include "actors/l2/s3_call.hpp"

#include <curl/curl.h>

#include <memory>

namespace actord {

struct curl_easy_closer {
  void operator()(CURL* handle) const {
    curl_easy_cleanup(handle);
  }
};
using s3_handle = std::unique_ptr<CURL, curl_easy_closer>;

/// Where the bucket is.
struct s3_place {
  std::string host;        // of URL and Host header, with the port where it is not the scheme's
  std::string path_prefix; // `/bucket` in path style, else ""
  std::string region, ca_file;
  bool tls = true, http2 = true;
  int64_t request_timeout_ms = 30'000, connect_timeout_ms = 5'000;
};

/// Not for two threads at a time. The call and the transfer stay where they are from `begin` until
/// the handle has left its multi handle.
class s3_transfer {
public:
  /// What an answer's headers may take in all, interim answers and trailers included.
  static constexpr size_t header_limit_bytes = 64 << 10;

  /// @param handle fresh or from release()
  explicit s3_transfer(s3_handle handle) : handle_(std::move(handle)) {
  }

  /// Sets the handle up; false when libcurl has no memory.
  /// @param now_s Unix time
  bool begin(const s3_call& call, const s3_place& place, const aws_keys& keys, int64_t now_s,
             int64_t timeout_ms);

  /// What the attempt came to. After the handle has left.
  s3_answer end(CURLcode code);

  CURL* handle() const {
    return handle_.get();
  }
  s3_handle release() {
    return std::move(handle_);
  }

  // For libcurl.
  size_t take_header(std::string_view line);
  size_t take_body(std::string_view bytes);
  size_t give_body(char* to, size_t room);
  bool seek(curl_off_t offset);

private:
  struct list_closer {
    void operator()(curl_slist* list) const {
      curl_slist_free_all(list);
    }
  };

  bool set_headers(const s3_place& place, const aws_keys& keys, int64_t now_s);
  void set_body();
  void read_field(std::string_view name, std::string_view value);
  bool fits_wanted() const;
  bool is_good() const {
    return status_ >= 200 && status_ < 300;
  }

  s3_handle handle_;
  std::unique_ptr<curl_slist, list_closer> headers_;
  const s3_call* call_ = nullptr;
  std::span<const std::byte> body_; // what is sent
  size_t sent_ = 0, received_ = 0, header_bytes_ = 0;
  int status_ = 0;
  bool headers_over_ = false, wrong_length_ = false;
  std::string_view too_much_; // what the answer has too much of
  std::optional<uint64_t> size_bytes_, whole_bytes_;
  std::string etag_, mark_, region_, text_;
  char error_[CURL_ERROR_SIZE] = {};
};

} // namespace actord
