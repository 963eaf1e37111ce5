// One request to S3 as its caller sees it, and what became of it.
#pragma once

#include "actors/l2/s3_sign.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace actord {

using steady_time = std::chrono::steady_clock::time_point;

/// What a request is for. A lane leaves connections to those before it, so that slow writes delay
/// no lookup (spec l2-adapters §13.10).
enum class s3_lane : uint8_t { lookup, load, store };

/// Metadata of an object that tells what its bytes are; the peer writes none and ignores it.
inline constexpr const char* s3_mark_header = "x-amz-meta-lmcache-actord";

struct s3_answer {
  enum class how : uint8_t {
    answered,     // the server has spoken: `status`
    wrong_length, // the object is longer or shorter than the memory for it
    timed_out,
    unreachable, // no name, no connection, no TLS
    corrupt,     // not the bytes that were stored
    broken,      // cut off, no HTTP, or more than an answer may have
    stopped,     // nobody wants it any more
  };
  how end = how::stopped;
  bool lasting = false;               // another attempt would end the same way
  int status = 0;                     // of HTTP; 0: none came
  std::string code;                   // S3's reason; "" where the server gave none
  std::string text;                   // body that was not for the caller's memory
  std::string etag, region;           // as far as they came
  std::string mark;                   // of the object: s3_mark_header
  std::optional<uint64_t> size_bytes; // Content-Length
  std::string why;                    // of what is not `answered`

  bool good() const {
    return end == how::answered && status >= 200 && status < 300;
  }
};

struct s3_call {
  s3_lane lane = s3_lane::lookup;
  std::string method = "GET";
  std::string path = "/"; // below the bucket, encoded
  s3_fields query;        // not encoded
  s3_fields headers;      // names in lower case
  // Sent, from memory that stays valid until `answered` is called, or from `text`.
  std::span<const std::byte> body;
  std::string text;
  // Where the body of a good answer goes, as a whole: any other length ends the call.
  std::optional<std::span<std::byte>> into;
  // Of a part of an object: the object's length, which the answer must name.
  std::optional<uint64_t> whole_bytes;
  size_t answer_limit_bytes = 64 << 10; // of bodies that go to `s3_answer::text`
  // Whether the body of a good answer is what was asked for; null: any is. On the client's thread.
  std::function<bool(std::string_view)> is_whole;
  steady_time deadline;
  std::function<void(s3_answer)> answered; // once, on the client's thread; submits more at will
};

/// Milliseconds until `then`, rounded up, at least 0.
inline int64_t ms_until(steady_time now, steady_time then) {
  using namespace std::chrono;
  return std::max<int64_t>(0, ceil<milliseconds>(then - now).count());
}

/// One line for the operator, without key material: what came and what helps.
std::string describe(const s3_answer& answer);

/// Whether another attempt may end better: 5xx, 429, SlowDown, time limits, lost connections.
bool worth_retrying(const s3_answer& answer);

/// Milliseconds before the next attempt: exponential back-off with full jitter, at most 5 s.
/// @param failed attempts so far, >= 1
/// @param random uniform
int64_t retry_delay_ms(uint32_t failed, uint64_t random);

/// Whether the keys that a request was signed with have ended, or are unknown.
bool blames_keys(const s3_answer& answer);

} // namespace actord
