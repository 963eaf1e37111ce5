#include "actors/l2/s3_transfer.hpp"

#include "actors/l2/s3_xml.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace actord {

namespace {

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end ? std::optional{value} : std::nullopt;
}

bool same_name(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
}

bool is_plain_word(std::string_view text) {
  return text.size() <= 64 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

extern "C" {

size_t actord_s3_header(char* text, size_t, size_t size, void* to) {
  return static_cast<s3_transfer*>(to)->take_header({text, size});
}

size_t actord_s3_body(char* text, size_t, size_t size, void* to) {
  return static_cast<s3_transfer*>(to)->take_body({text, size});
}

size_t actord_s3_send(char* to, size_t, size_t room, void* from) {
  return static_cast<s3_transfer*>(from)->give_body(to, room);
}

int actord_s3_seek(void* in, curl_off_t offset, int origin) {
  const bool done = origin == SEEK_SET && static_cast<s3_transfer*>(in)->seek(offset);
  return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}
}

} // namespace

bool s3_transfer::set_headers(const s3_place& place, const aws_keys& keys, int64_t now_s) {
  const auto path = place.path_prefix + call_->path;
  auto lines = sign_s3({call_->method, place.host, path, &call_->query, &call_->headers}, keys,
                       place.region, now_s);
  for (const auto& [name, value] : call_->headers)
    lines.push_back(name + ": " + value);
  lines.emplace_back("Expect:"); // libcurl's own go
  lines.emplace_back("Accept:");
  for (const auto& line : lines) {
    auto* longer = curl_slist_append(headers_.get(), line.c_str());
    if (!longer)
      return false;
    (void)headers_.release();
    headers_.reset(longer);
  }
  curl_easy_setopt(handle_.get(), CURLOPT_HTTPHEADER, headers_.get());
  auto url = (place.tls ? "https://" : "http://") + place.host + path;
  if (const auto query = canonical_query(call_->query); !query.empty())
    url += "?" + query;
  return curl_easy_setopt(handle_.get(), CURLOPT_URL, url.c_str()) == CURLE_OK;
}

void s3_transfer::set_body() {
  auto set
    = [this](CURLoption option, auto value) { curl_easy_setopt(handle_.get(), option, value); };
  body_ = call_->body;
  if (body_.empty())
    body_ = std::as_bytes(std::span(call_->text));
  if (call_->method == "HEAD")
    return set(CURLOPT_NOBODY, 1L);
  if (call_->method == "PUT" || call_->method == "POST") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    set(CURLOPT_READFUNCTION, actord_s3_send);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, actord_s3_seek);
    set(CURLOPT_SEEKDATA, this);
    set(CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
  }
  set(CURLOPT_CUSTOMREQUEST, call_->method.c_str());
}

bool s3_transfer::begin(const s3_call& call, const s3_place& place, const aws_keys& keys,
                        int64_t now_s, int64_t timeout_ms) {
  call_ = &call;
  curl_easy_reset(handle_.get()); // connections outlive it
  auto set
    = [this](CURLoption option, auto value) { curl_easy_setopt(handle_.get(), option, value); };
  set_body();
  set(CURLOPT_PROTOCOLS_STR, place.tls ? "https" : "http");
  set(CURLOPT_PROXY, ""); // as the peer's client: none, whatever the environment says
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // do not wait for a name that is being looked up
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, 512L << 10);
  set(CURLOPT_HTTP_VERSION,
      static_cast<long>(place.tls && place.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!place.ca_file.empty())
    set(CURLOPT_CAINFO, place.ca_file.c_str());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(place.connect_timeout_ms, timeout_ms)));
  set(CURLOPT_ERRORBUFFER, error_);
  set(CURLOPT_HEADERFUNCTION, actord_s3_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, actord_s3_body);
  set(CURLOPT_WRITEDATA, this);
  return set_headers(place, keys, now_s);
}

void s3_transfer::read_field(std::string_view name, std::string_view value) {
  if (same_name(name, "content-length"))
    size_bytes_ = number(value);
  else if (same_name(name, "etag") && value.size() <= 256)
    etag_ = value;
  else if (same_name(name, s3_mark_header) && value.size() <= 256)
    mark_ = value;
  else if (same_name(name, "x-amz-bucket-region") && is_plain_word(value))
    region_ = value;
  else if (same_name(name, "content-range") && value.rfind('/') != std::string_view::npos)
    whole_bytes_ = number(value.substr(value.rfind('/') + 1));
}

size_t s3_transfer::take_header(std::string_view line) {
  constexpr size_t end_call = 0;
  header_bytes_ += line.size();
  if (header_bytes_ > header_limit_bytes) {
    too_much_ = "more than 64 KiB of headers";
    return end_call;
  }
  const auto size = line.size();
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.remove_suffix(1);
  if (line.starts_with("HTTP/")) { // of an interim answer, or the answer
    const auto blank = std::min(line.find(' '), line.size() - 1);
    status_ = static_cast<int>(number(line.substr(blank + 1).substr(0, 3)).value_or(0));
    headers_over_ = false;
    size_bytes_.reset();
    whole_bytes_.reset();
    etag_.clear();
    mark_.clear();
  } else if (line.empty()) {
    headers_over_ = status_ >= 200;
    if (headers_over_ && is_good() && call_->into && !fits_wanted()) {
      wrong_length_ = true;
      return end_call; // its body is not worth reading
    }
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value.remove_suffix(value.size() - (value.find_last_not_of(" \t") + 1));
    read_field(line.substr(0, colon), value);
  }
  return size;
}

/// Whether the headers promise what the caller has memory for.
bool s3_transfer::fits_wanted() const {
  if (size_bytes_ && *size_bytes_ != call_->into->size())
    return false;
  return !call_->whole_bytes || (status_ == 206 && whole_bytes_ == call_->whole_bytes);
}

size_t s3_transfer::take_body(std::string_view bytes) {
  constexpr size_t end_call = 0;
  if (bytes.empty())
    return 0;
  if (call_->into && is_good()) {
    if (bytes.size() > call_->into->size() - received_) {
      wrong_length_ = true;
      return end_call;
    }
    std::memcpy(call_->into->data() + received_, bytes.data(), bytes.size());
    received_ += bytes.size();
  } else {
    if (bytes.size() > call_->answer_limit_bytes - text_.size()) {
      too_much_ = "a body longer than such an answer may have";
      return end_call;
    }
    text_ += bytes;
  }
  return bytes.size();
}

size_t s3_transfer::give_body(char* to, size_t room) {
  const auto count = std::min(room, body_.size() - sent_);
  if (count > 0)
    std::memcpy(to, body_.data() + sent_, count);
  sent_ += count;
  return count;
}

bool s3_transfer::seek(curl_off_t offset) {
  if (offset < 0 || static_cast<uint64_t>(offset) > body_.size())
    return false;
  sent_ = static_cast<size_t>(offset);
  return true;
}

s3_answer s3_transfer::end(CURLcode code) {
  using how = s3_answer::how;
  s3_answer answer;
  answer.status = status_;
  answer.etag = std::move(etag_);
  answer.mark = std::move(mark_);
  answer.region = std::move(region_);
  answer.size_bytes = size_bytes_;
  answer.text = std::move(text_);
  answer.why = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  // A server that refuses a body may hang up before it has read it all.
  const bool refused = headers_over_ && status_ >= 300 && too_much_.empty();
  if (wrong_length_) {
    answer.end = how::wrong_length;
  } else if (!too_much_.empty()) {
    answer.end = how::broken;
    answer.why = too_much_;
    answer.lasting = true;
  } else if (code == CURLE_OK || refused) {
    answer.end = how::answered;
    if (call_->into && is_good() && received_ != call_->into->size()) {
      // Cut off where no length was promised, too short where the server means it.
      answer.end = size_bytes_ ? how::wrong_length : how::broken;
      answer.why = "it ended early";
    }
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    answer.end = how::timed_out;
  } else {
    const bool no_tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
                        || code == CURLE_SSL_ISSUER_ERROR;
    const bool unreached = no_tls || code == CURLE_COULDNT_RESOLVE_HOST
                           || code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR;
    answer.end = unreached ? how::unreachable : how::broken;
    answer.lasting = no_tls;
  }
  if (answer.end == how::answered && !is_good()) {
    answer.code = parse_error_code(answer.text);
    if (answer.region.empty())
      answer.region = parse_error_region(answer.text);
  }
  return answer;
}

} // namespace actord
