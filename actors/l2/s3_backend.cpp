#include "actors/l2/s3_backend.hpp"

#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/s3_pieces.hpp"
#include "actors/l2/s3_xml.hpp"
#include "actors/log.hpp"
#include "storage/l2_names.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <future>

namespace actord {

namespace {

using how = s3_answer::how;

/// 1000 names of 1 KiB, each byte as a reference, and what stands around them.
constexpr size_t list_limit_bytes = 8 << 20;

steady_time in_ms(int64_t ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

l2_result result_of(const s3_answer& answer) {
  if (answer.end == how::wrong_length)
    return l2_result::wrong_length;
  if (answer.end == how::corrupt)
    return l2_result::corrupt;
  if (answer.end != how::answered)
    return l2_result::failed;
  if (answer.good())
    return l2_result::ok;
  if (answer.status == 404 && (answer.code.empty() || answer.code == "NoSuchKey"))
    return l2_result::absent;
  // A range that begins behind the object's end.
  if (answer.status == 416)
    return l2_result::wrong_length;
  if (answer.status == 507 || answer.code == "QuotaExceeded" || answer.code == "XMinioStorageFull")
    return l2_result::no_space;
  return l2_result::failed;
}

/// What an object's metadata says of its bytes and of its name.
std::string mark_of(const object_ref& object, std::span<const std::byte> bytes) {
  std::array<char, 64> text;
  const auto name = remote_name(to_key(object));
  const auto length
    = std::snprintf(text.data(), text.size(), "1-%" PRIx64 "-%016" PRIx64 "-%016" PRIx64,
                    uint64_t{bytes.size()}, fs_checksum(bytes), fs_identity(name));
  return {text.data(), static_cast<size_t>(length)};
}

} // namespace

/// A batch under way, on the client's thread.
class s3_backend::batch_run {
public:
  batch_run(s3_backend& owner, kind what, l2_batch batch, done answer)
    : owner_(owner), what_(what), batch_(std::move(batch)), answer_(std::move(answer)),
      left_(batch_->size()) {
    report_.results.assign(left_, l2_result::failed);
    report_.stored_bytes.assign(left_, 0);
  }

  void answer_if_over() {
    if (left_ == 0)
      answer_(std::move(report_));
  }

  void ended(size_t index, const s3_answer& answer) {
    auto& result = report_.results[index] = result_of(answer);
    auto& stored_bytes = report_.stored_bytes[index];
    if (what_ == kind::erase && result == l2_result::absent) {
      result = l2_result::ok;
    } else if (what_ == kind::probe && result == l2_result::ok) {
      stored_bytes = answer.size_bytes.value_or(0);
      if (stored_bytes == 0) // no hit for the peer either
        result = l2_result::absent;
    } else if (result == l2_result::ok) {
      stored_bytes = (*batch_)[index].object.length_bytes;
    }
    if (result == l2_result::failed || result == l2_result::no_space) {
      auto text = owner_.told(answer);
      if (report_.error.empty())
        report_.error = text;
      owner_.note_error(std::move(text));
    }
    --left_;
    answer_if_over();
  }

private:
  s3_backend& owner_;
  const kind what_;
  const l2_batch batch_;
  const done answer_;
  size_t left_;
  l2_report report_;
};

s3_place place_of(const s3_l2_options& options) {
  s3_place place;
  place.host = options.host;
  if (options.path_style) {
    place.host.erase(0, options.bucket.size() + 1);
    place.path_prefix = "/" + percent_encoded(options.bucket);
  }
  if (options.port != 0 && options.port != (options.disable_tls ? 80 : 443))
    place.host += ":" + std::to_string(options.port);
  place.region = options.region;
  place.ca_file = options.ca_file;
  place.tls = !options.disable_tls;
  place.http2 = options.prefer_http2;
  place.request_timeout_ms = options.request_timeout_ms;
  place.connect_timeout_ms = options.connect_timeout_ms;
  return place;
}

s3_backend::s3_backend(s3_l2_options options, s3_backend_limits limits, aws_world world)
  : options_(std::move(options)), limits_(limits),
    bucket_(options_.path_style ? options_.bucket
                                : options_.host.substr(0, options_.host.find('.'))),
    keyring_(std::make_shared<aws_keyring>(options_, std::move(world))),
    client_({place_of(options_), options_.connections, options_.max_retries}, keyring_) {
}

s3_backend::~s3_backend() = default;

std::string s3_backend::told(const s3_answer& answer) const {
  return "s3 bucket '" + bucket_ + "' at " + options_.host + ": " + describe(answer);
}

void s3_backend::note_error(std::string text) {
  const std::lock_guard lock(mutex_);
  last_error_ = std::move(text);
}

std::string s3_backend::open() {
  if (options_.enable_s3express)
    return "s3 bucket '" + bucket_
           + "': directory buckets are not built in; set s3_enable_s3express to false";
  if (auto problem = keyring_->open(); !problem.empty())
    return "s3 bucket '" + bucket_ + "': no AWS keys were found; set aws_access_key_id and "
           + "aws_secret_access_key, or mend one of these: " + problem;
  auto came = std::make_shared<std::promise<s3_answer>>();
  s3_call call;
  call.query = {{"list-type", "2"}, {"max-keys", "1"}};
  call.deadline = in_ms(limits_.lookup_ms);
  call.is_whole = [](std::string_view text) { return parse_list_page(text).has_value(); };
  call.answered = [came](s3_answer answer) { came->set_value(std::move(answer)); };
  client_.submit(std::move(call));
  const auto answer = came->get_future().get();
  return answer.good() ? "" : told(answer);
}

void s3_backend::run(l2_batch batch, done answer, kind what) {
  const auto lane = what == kind::probe  ? s3_lane::lookup
                    : what == kind::load ? s3_lane::load
                                         : s3_lane::store;
  const auto deadline = in_ms(what == kind::probe  ? limits_.lookup_ms
                              : what == kind::load ? limits_.load_ms
                                                   : limits_.store_ms);
  client_.post([=, this, batch = std::move(batch), answer = std::move(answer)] {
    const auto under_way = std::make_shared<batch_run>(*this, what, batch, answer);
    under_way->answer_if_over();
    for (size_t i = 0; i < batch->size(); ++i)
      start(what, (*batch)[i],
            {s3_request_path(to_key((*batch)[i].object)), lane, deadline,
             options_.multipart_part_bytes},
            [under_way, i](const s3_answer& came) { under_way->ended(i, came); });
  });
}

void s3_backend::probe(l2_batch batch, done answer) {
  run(std::move(batch), std::move(answer), kind::probe);
}

void s3_backend::load(l2_batch batch, done answer) {
  run(std::move(batch), std::move(answer), kind::load);
}

void s3_backend::store(l2_batch batch, done answer) {
  run(std::move(batch), std::move(answer), kind::store);
}

void s3_backend::erase(l2_batch batch, done answer) {
  run(std::move(batch), std::move(answer), kind::erase);
}

void s3_backend::start(kind what, const l2_item& item, s3_object object,
                       std::function<void(s3_answer)> over) {
  const std::span bytes(item.bytes, item.object.length_bytes);
  const bool large = bytes.size() > options_.multipart_threshold_bytes;
  if (what == kind::load)
    over = [this, item, path = object.path, over = std::move(over)](s3_answer answer) {
      loaded(item, path, std::move(answer), over);
    };
  if (what == kind::store)
    object.mark = mark_of(item.object, bytes);
  if (what == kind::load && large)
    return s3_download(client_, std::move(object), bytes, std::move(over));
  if (what == kind::store && large)
    return s3_upload(client_, std::move(object), bytes, std::move(over));
  s3_call call;
  call.lane = object.lane;
  call.path = std::move(object.path);
  call.deadline = object.deadline;
  call.answered = std::move(over);
  switch (what) {
    case kind::probe: call.method = "HEAD"; break;
    case kind::load: call.into = bytes; break;
    case kind::store:
      call.method = "PUT";
      call.headers = {{"content-type", "application/octet-stream"}, {s3_mark_header, object.mark}};
      call.body = bytes;
      break;
    case kind::erase: call.method = "DELETE"; break;
  }
  client_.submit(std::move(call));
}

/// Compares what was loaded with what the object's metadata says; what differs is removed, so that
/// it can be stored again.
void s3_backend::loaded(const l2_item& item, const std::string& path, s3_answer answer,
                        const std::function<void(s3_answer)>& over) {
  if (!answer.good())
    return over(std::move(answer));
  if (answer.mark.empty()) { // another server stored it
    ++unverified_;
    return over(std::move(answer));
  }
  if (answer.mark == mark_of(item.object, {item.bytes, item.object.length_bytes}))
    return over(std::move(answer));
  log_error(log_part::l2,
            "object {} in bucket '{}' does not hold the bytes that were stored; it is removed. "
            "Check the store, and who else writes to it",
            to_hex(item.object.hash), bucket_);
  answer.end = how::corrupt;
  s3_call call;
  call.lane = s3_lane::load;
  call.method = "DELETE";
  call.path = path;
  call.deadline = in_ms(limits_.lookup_ms);
  call.answered
    = [over, answer = std::move(answer)](const s3_answer&) mutable { over(std::move(answer)); };
  client_.submit(std::move(call));
}

void s3_backend::scan(page more) {
  list(std::move(more), "");
}

void s3_backend::list(page more, std::string token) {
  s3_call call;
  call.query = {{"list-type", "2"}, {"max-keys", std::to_string(limits_.listed_at_a_time)}};
  if (!token.empty())
    call.query.emplace_back("continuation-token", token);
  call.answer_limit_bytes = list_limit_bytes;
  call.deadline = in_ms(limits_.lookup_ms);
  call.is_whole = [](std::string_view text) { return parse_list_page(text).has_value(); };
  call.answered = [this, more = std::move(more), token](const s3_answer& answer) {
    listed(more, token, answer);
  };
  client_.submit(std::move(call));
}

void s3_backend::listed(const page& more, const std::string& token, const s3_answer& answer) {
  if (!answer.good()) {
    if (answer.end != how::stopped)
      note_error(told(answer) + " (while listing)");
    return more({});
  }
  const auto found = *parse_list_page(answer.text);
  std::vector<object_key> keys;
  std::vector<const s3_listed*> ours;
  for (const auto& object : found.objects)
    if (auto key = object.size_bytes > 0 ? parse_remote_name(object.key) : std::nullopt) {
      keys.push_back(std::move(*key));
      ours.push_back(&object);
    }
  auto refs = to_refs(keys); // which share the names of their models
  std::vector<l2_found> objects;
  for (size_t i = 0; i < refs.size(); ++i) {
    refs[i].length_bytes = ours[i]->size_bytes;
    objects.push_back({std::move(refs[i]), ours[i]->modified_ms});
  }
  if (!objects.empty())
    more(std::move(objects));
  if (!found.truncated || found.next_token == token)
    return more({});
  list(more, found.next_token);
}

std::vector<std::pair<std::string, std::string>> s3_backend::status() const {
  const auto counts = client_.counts();
  const auto keys = keyring_->keys();
  std::vector<std::pair<std::string, std::string>> result{
    {"bucket", bucket_},
    {"endpoint", options_.host},
    {"region", options_.region},
    {"keys_from", keys ? keys->source : "nowhere"},
    {"keys_expire_ms", std::to_string(keys ? keys->expires_ms : 0)},
    {"keys_problem", keyring_->last_problem()},
    {"requests", std::to_string(counts.requests)},
    {"retries", std::to_string(counts.retries)},
    {"failed_requests", std::to_string(counts.failed)},
    {"requests_in_flight", std::to_string(counts.in_flight)},
    {"requests_open", std::to_string(counts.queued)},
    {"loaded_unverified", std::to_string(unverified_.load())}};
  const std::lock_guard lock(mutex_);
  result.emplace_back("last_error", last_error_);
  return result;
}

std::unique_ptr<l2_backend>
make_s3_backend(const l2_adapter_options& options, uint32_t listed_at_a_time) {
  const auto& s3 = std::get<s3_l2_options>(options.store);
  return std::make_unique<s3_backend>(
    s3,
    s3_backend_limits{options.store_timeout_ms, options.load_timeout_ms, options.lookup_timeout_ms,
                      listed_at_a_time},
    aws_world::real(s3.ca_file));
}

} // namespace actord
