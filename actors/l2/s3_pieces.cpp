#include "actors/l2/s3_pieces.hpp"

#include "actors/l2/s3_xml.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr uint64_t max_parts = 10'000;
constexpr auto abort_limit = std::chrono::seconds(10);

s3_call call_of(const s3_object& object, const char* method) {
  s3_call call;
  call.lane = object.lane;
  call.method = method;
  call.path = object.path;
  call.deadline = object.deadline;
  return call;
}

/// One upload from its start to its end. Keeps itself alive in the calls' `answered`.
class upload : public std::enable_shared_from_this<upload> {
public:
  upload(s3_client& client, s3_object object, std::span<const std::byte> bytes,
         std::function<void(s3_answer)> over)
    : client_(client), object_(std::move(object)), bytes_(bytes), over_(std::move(over)) {
  }

  void begin() {
    auto call = call_of(object_, "POST");
    call.query = {{"uploads", ""}};
    call.headers = {{"content-type", "application/octet-stream"}, {s3_mark_header, object_.mark}};
    call.is_whole = [](std::string_view text) { return parse_upload_id(text).has_value(); };
    call.answered = [self = shared_from_this()](s3_answer answer) {
      if (!answer.good())
        return self->over_(std::move(answer));
      self->id_ = *parse_upload_id(answer.text);
      self->send_parts();
    };
    client_.submit(std::move(call));
  }

private:
  void send_parts() {
    auto self = shared_from_this();
    auto group = std::make_shared<s3_group>(client_, [self](std::optional<s3_answer> bad) {
      if (!bad)
        return self->complete();
      self->abort();
      self->over_(std::move(*bad));
    });
    const auto step = upload_part_bytes(bytes_.size(), object_.part_bytes);
    etags_.resize((bytes_.size() + step - 1) / step);
    for (size_t i = 0; i < etags_.size(); ++i) {
      auto call = call_of(object_, "PUT");
      call.query = {{"partNumber", std::to_string(i + 1)}, {"uploadId", id_}};
      call.body = bytes_.subspan(i * step, std::min<size_t>(step, bytes_.size() - i * step));
      group->add(std::move(call),
                 [self, i](s3_answer answer) { self->etags_[i] = std::move(answer.etag); });
    }
    group->close();
  }

  void complete() {
    auto call = call_of(object_, "POST");
    call.query = {{"uploadId", id_}};
    call.headers = {{"content-type", "application/xml"}};
    call.text = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < etags_.size(); ++i)
      call.text += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>"
                   + escaped(etags_[i]) + "</ETag></Part>";
    call.text += "</CompleteMultipartUpload>";
    call.is_whole = is_completed_upload;
    call.answered = [self = shared_from_this()](s3_answer answer) {
      if (answer.good())
        return self->over_(std::move(answer));
      if (answer.code == "NoSuchUpload")
        return self->look();
      self->abort();
      self->over_(std::move(answer));
    };
    client_.submit(std::move(call));
  }

  /// An upload that is gone may have been completed by an attempt whose answer was lost.
  void look() {
    auto call = call_of(object_, "HEAD");
    call.answered = [self = shared_from_this()](s3_answer answer) {
      if (answer.good() && answer.size_bytes != self->bytes_.size())
        answer.end = s3_answer::how::wrong_length;
      self->over_(std::move(answer));
    };
    client_.submit(std::move(call));
  }

  void abort() {
    auto call = call_of(object_, "DELETE");
    call.query = {{"uploadId", id_}};
    call.deadline = std::chrono::steady_clock::now() + abort_limit;
    call.answered = [](const s3_answer&) {};
    client_.submit(std::move(call));
  }

  static std::string escaped(std::string_view text) {
    std::string result;
    for (char c : text) {
      if (c == '&')
        result += "&amp;";
      else if (c == '<')
        result += "&lt;";
      else if (c >= ' ')
        result += c;
    }
    return result;
  }

  s3_client& client_;
  const s3_object object_;
  const std::span<const std::byte> bytes_;
  const std::function<void(s3_answer)> over_;
  std::string id_;
  std::vector<std::string> etags_;
};

s3_call range_call(const s3_object& object, std::span<std::byte> whole, size_t from) {
  auto call = call_of(object, "GET");
  const auto count = std::min<size_t>(object.part_bytes, whole.size() - from);
  call.headers
    = {{"range", "bytes=" + std::to_string(from) + "-" + std::to_string(from + count - 1)}};
  call.into = whole.subspan(from, count);
  call.whole_bytes = whole.size();
  return call;
}

void fetch_rest(s3_client& client, const s3_object& object, std::span<std::byte> into,
                s3_answer first, std::function<void(s3_answer)> over) {
  auto group = std::make_shared<s3_group>(client, [over, first](std::optional<s3_answer> bad) {
    over(bad ? std::move(*bad) : first);
  });
  for (size_t at = object.part_bytes; at < into.size(); at += object.part_bytes) {
    auto call = range_call(object, into, at);
    if (!first.etag.empty())
      call.headers.emplace_back("if-match", first.etag);
    group->add(std::move(call), nullptr);
  }
  group->close();
}

} // namespace

void s3_group::add(s3_call call, std::function<void(s3_answer)> good) {
  ++left_;
  call.answered = [self = shared_from_this(), good = std::move(good)](s3_answer answer) {
    self->ended(std::move(answer), good);
  };
  ids_.push_back(client_.submit(std::move(call)));
}

void s3_group::close() {
  if (--left_ == 0)
    over_(std::move(bad_));
}

void s3_group::ended(s3_answer answer, const std::function<void(s3_answer)>& good) {
  if (!answer.good() && !bad_) {
    bad_ = std::move(answer);
    for (auto id : ids_)
      client_.stop(id);
  } else if (answer.good() && good) {
    good(std::move(answer));
  }
  close();
}

uint64_t upload_part_bytes(uint64_t length_bytes, uint64_t wanted_bytes) {
  return std::max(wanted_bytes, (length_bytes + max_parts - 1) / max_parts);
}

void s3_upload(s3_client& client, s3_object object, std::span<const std::byte> bytes,
               std::function<void(s3_answer)> over) {
  std::make_shared<upload>(client, std::move(object), bytes, std::move(over))->begin();
}

void s3_download(s3_client& client, s3_object object, std::span<std::byte> into,
                 std::function<void(s3_answer)> over) {
  auto call = range_call(object, into, 0);
  call.answered = [&client, object, into, over = std::move(over)](s3_answer answer) {
    if (answer.good() && into.size() > object.part_bytes)
      return fetch_rest(client, object, into, std::move(answer), over);
    over(std::move(answer));
  };
  client.submit(std::move(call));
}

} // namespace actord
