// What a receiver's answer means for the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord::otlp {

/// What becomes of a request.
enum class verdict : uint8_t {
  done,
  retry,       // later, the same bytes
  drop,        // the receiver will not take it
  unsupported, // the receiver knows nothing of this signal
};

struct answer {
  verdict what = verdict::drop;
  std::string why;                       // for a log line: printable, short; empty when done
  std::optional<int64_t> retry_after_ms; // the receiver's own wish
  int64_t rejected = 0;                  // items of a request that is done, but not taken
};

/// What came over HTTP/2 for a gRPC call. Everything in it is the receiver's and may be anything.
struct grpc_result {
  int http_status = 0;
  std::optional<int> status;    // grpc-status
  std::string_view message;     // grpc-message, percent-encoded
  std::string_view details_bin; // grpc-status-details-bin, base64
  std::string_view body;        // with the frame's prefix
};

/// Which statuses are worth another try: spec observability §7.1.
answer judge(const grpc_result& result);

/// The same for OTLP/HTTP.
/// @param retry_after_s what the header asks for; 0 and less is none
answer judge_http(int status, int64_t retry_after_s, std::string_view body);

/// No answer came: nobody there, connection lost, time over.
answer unreachable(std::string_view why);

/// A gRPC message: its length, whether it is compressed, itself.
std::string grpc_frame(std::string_view message, bool compressed);

} // namespace actord::otlp
