#include "actors/l2/resp_decoder.hpp"

#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace actord {

namespace {

constexpr size_t buffer_bytes = 16 << 10;
constexpr size_t longest_length_line = 24; // $, a sign, 20 digits, CR LF
constexpr std::string_view line_end = "\r\n";

redisReplyObjectFunctions default_functions;

// hiredis makes room for as many elements as a header claims.
template <class Count>
void* bounded_array(const redisReadTask* task, Count elements) {
  auto& total = *static_cast<uint64_t*>(task->privdata);
  if (static_cast<uint64_t>(elements) > resp_decoder::max_elements - total)
    return nullptr;
  total += static_cast<uint64_t>(elements);
  return default_functions.createArray(task, elements);
}

} // namespace

resp_decoder::resp_decoder() : reader_(redisReaderCreate()), buffer_(buffer_bytes) {
  if (!reader_)
    throw std::bad_alloc{};
  functions_ = *reader_->fn;
  static const bool once = (default_functions = *reader_->fn, true);
  static_cast<void>(once);
  functions_.createArray = [](const redisReadTask* task, auto elements) -> void* {
    return bounded_array(task, elements);
  };
  reader_->fn = &functions_;
  reader_->privdata = &elements_;
}

std::array<iovec, 2> resp_decoder::room() {
  if (begin_ == end_)
    begin_ = end_ = 0;
  if (end_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, available());
    end_ -= std::exchange(begin_, 0);
  }
  iovec value{nullptr, 0};
  if (state_ == state::value)
    value = {to_, static_cast<size_t>(left_bytes_)};
  return {value, iovec{buffer_.data() + end_, buffer_.size() - end_}};
}

void resp_decoder::received(size_t bytes) {
  if (state_ == state::value) {
    const auto part = std::min<uint64_t>(bytes, left_bytes_);
    to_ += part;
    left_bytes_ -= part;
    bytes -= part;
  }
  end_ += bytes;
}

resp_decoder::step resp_decoder::next(const std::optional<target>& value, resp_reply& reply) {
  if (state_ == state::head) {
    if (available() == 0)
      return step::more;
    if (value && buffer_[begin_] == '$') {
      if (const auto early = read_value_head(*value, reply); state_ == state::head)
        return early;
    } else {
      state_ = state::other;
      elements_ = fed_bytes_ = 0;
    }
  }
  switch (state_) {
    case state::value: take_value(); break;
    case state::skip:
      if (left_bytes_ > max_skipped_bytes)
        return refuse_value(reply);
      skip_value();
      break;
    case state::other: return read_other(reply);
    case state::broken: return step::broken;
    case state::head:
    case state::value_end: break;
  }
  return state_ == state::value_end ? end_value(reply) : step::more;
}

// $<length>: the state stays as it was when this already is the whole reply, or less than a line.
resp_decoder::step resp_decoder::read_value_head(const target& wanted, resp_reply& reply) {
  const std::string_view line{buffer_.data() + begin_, std::min(available(), longest_length_line)};
  const auto end = line.find(line_end);
  if (end == line.npos)
    return line.size() < longest_length_line ? step::more : fail("a length without an end");
  int64_t length = 0;
  const auto last = line.data() + end;
  if (const auto [stop, error] = std::from_chars(line.data() + 1, last, length);
      error != std::errc{} || stop != last || length < -1)
    return fail("a length that is no number");
  begin_ += end + line_end.size();
  if (length == -1) {
    reply = {};
    return step::reply;
  }
  left_bytes_ = static_cast<uint64_t>(length);
  skipped_ = left_bytes_ == wanted.length_bytes ? -1 : length;
  to_ = wanted.bytes;
  state_ = skipped_ < 0 ? state::value : state::skip;
  return step::more;
}

void resp_decoder::take_value() {
  if (const auto part = std::min<uint64_t>(available(), left_bytes_); part > 0) {
    std::memcpy(to_, buffer_.data() + begin_, part);
    to_ += part;
    left_bytes_ -= part;
    begin_ += part;
  }
  if (left_bytes_ == 0)
    state_ = state::value_end;
}

void resp_decoder::skip_value() {
  const auto part = std::min<uint64_t>(available(), left_bytes_);
  left_bytes_ -= part;
  begin_ += part;
  if (left_bytes_ == 0)
    state_ = state::value_end;
}

// The reply is known; nothing after it can be read.
resp_decoder::step resp_decoder::refuse_value(resp_reply& reply) {
  reply = {};
  reply.what = resp_reply::kind::other_length;
  reply.number = skipped_;
  fail("a value of " + std::to_string(skipped_) + " bytes that nobody wants");
  return step::reply;
}

resp_decoder::step resp_decoder::end_value(resp_reply& reply) {
  if (available() < line_end.size())
    return step::more;
  if (std::string_view{buffer_.data() + begin_, line_end.size()} != line_end)
    return fail("a value that does not end where it said");
  begin_ += line_end.size();
  state_ = state::head;
  reply = {};
  reply.what = skipped_ < 0 ? resp_reply::kind::value : resp_reply::kind::other_length;
  reply.number = skipped_;
  return step::reply;
}

size_t resp_decoder::portion() const {
  const std::string_view all{buffer_.data() + begin_, available()};
  if (const auto end = all.find(line_end); end != all.npos)
    return end + line_end.size();
  if (all.size() < buffer_.size())
    return 0;
  // A long string: a reply cannot end here.
  return all.back() == '\r' ? all.size() - 1 : all.size();
}

resp_decoder::step resp_decoder::read_other(resp_reply& reply) {
  void* root = nullptr;
  while (!root) {
    const auto bytes = portion();
    if (bytes == 0)
      return step::more;
    fed_bytes_ += bytes;
    if (fed_bytes_ > max_reply_bytes)
      return fail("a reply of more than " + std::to_string(max_reply_bytes) + " bytes");
    if (redisReaderFeed(reader_.get(), buffer_.data() + begin_, bytes) != REDIS_OK
        || redisReaderGetReply(reader_.get(), &root) != REDIS_OK)
      return fail(printable(reader_->errstr));
    begin_ += bytes;
  }
  reply = {};
  reply.tree.reset(static_cast<redisReply*>(root));
  if (reader_->pos != reader_->len) // hiredis does not look at what follows a string
    return fail("a string that does not end where it said");
  state_ = state::head;
  const auto& tree = *reply.tree;
  switch (tree.type) {
    case REDIS_REPLY_NIL: reply.what = resp_reply::kind::null; break;
    case REDIS_REPLY_STATUS: reply.what = resp_reply::kind::status; break;
    case REDIS_REPLY_ERROR: reply.what = resp_reply::kind::error; break;
    case REDIS_REPLY_STRING: reply.what = resp_reply::kind::text; break;
    case REDIS_REPLY_INTEGER: reply.what = resp_reply::kind::number; break;
    case REDIS_REPLY_ARRAY: reply.what = resp_reply::kind::list; break;
    default: return fail("a reply of a kind that was not asked for");
  }
  if (tree.str)
    reply.text.assign(tree.str, tree.len);
  reply.number = tree.integer;
  return step::reply;
}

resp_decoder::step resp_decoder::fail(std::string why) {
  state_ = state::broken;
  why_ = std::move(why);
  return step::broken;
}

} // namespace actord
