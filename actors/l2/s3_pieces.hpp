// Objects that move in pieces: multipart uploads and ranged downloads.
#pragma once

#include "actors/l2/s3_client.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace actord {

/// Calls that succeed together: the first that fails stops the others. On the client's thread.
class s3_group : public std::enable_shared_from_this<s3_group> {
public:
  /// @param over called once when no call is under way any more, with the answer of the first that
  /// failed, none when all were good
  s3_group(s3_client& client, std::function<void(std::optional<s3_answer>)> over)
    : client_(client), over_(std::move(over)) {
  }

  /// @param good may be null; what it is given is good
  void add(s3_call call, std::function<void(s3_answer)> good);
  /// No call comes after these.
  void close();

private:
  void ended(s3_answer answer, const std::function<void(s3_answer)>& good);

  s3_client& client_;
  std::function<void(std::optional<s3_answer>)> over_;
  std::vector<uint64_t> ids_;
  size_t left_ = 1; // the calls, and close()
  std::optional<s3_answer> bad_;
};

/// An object and how long it may take.
struct s3_object {
  std::string path; // encoded
  s3_lane lane = s3_lane::store;
  steady_time deadline;
  uint64_t part_bytes = 8 << 20;
  std::string mark = {}; // s3_mark_header of what is uploaded
};

/// Bytes of each part of an upload: as wanted, or more where that would be above 10000 parts.
uint64_t upload_part_bytes(uint64_t length_bytes, uint64_t wanted_bytes);

/// Uploads in parts; what fails is aborted, on its own time. A process that dies leaves its parts
/// behind: buckets have a life-cycle rule for that (AbortIncompleteMultipartUpload).
/// @param over the answer of what decided, on the client's thread, when nothing reads `bytes`
void s3_upload(s3_client& client, s3_object object, std::span<const std::byte> bytes,
               std::function<void(s3_answer)> over);

/// Fetches the first range, then the others of the same version at once.
/// @param over as above, when nothing writes `into`
void s3_download(s3_client& client, s3_object object, std::span<std::byte> into,
                 std::function<void(s3_answer)> over);

} // namespace actord
