#include "actors/l2/resp_connection.hpp"

#include "actors/l2/resp_request.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace actord {

namespace {

// What one connection has under way: enough to keep it busy, little enough to lose.
constexpr size_t window_commands = 128;
constexpr uint64_t window_bytes = 4 << 20;
constexpr size_t pieces_per_write = 96;

// Appends what is left of the text after `skip` bytes, which it counts down.
void append_rest(std::array<iovec, pieces_per_write>& to, size_t& count, const void* bytes,
                 size_t length, uint64_t& skip) {
  const auto skipped = std::min<uint64_t>(skip, length);
  skip -= skipped;
  if (skipped < length)
    to[count++] = {static_cast<char*>(const_cast<void*>(bytes)) + skipped, length - skipped};
}

// The first word: the rest may repeat what was sent, a password too.
std::string code_of(std::string_view error) {
  return printable(error.substr(0, std::min<size_t>(error.find(' '), 32)));
}

} // namespace

resp_connection::resp_connection(const resp_login& login, std::string host,
                                 std::vector<socket_address> addresses, resp_time limit)
  : login_(login), host_(std::move(host)), addresses_(std::move(addresses)), connect_limit_(limit) {
  connect_next();
}

void resp_connection::connect_next() {
  if (next_address_ == addresses_.size()) {
    kill(link_ ? link_->error() : "the host has no address");
    return;
  }
  ++links_;
  link_ = std::make_unique<resp_link>(addresses_[next_address_++], login_.tls,
                                      login_.server_name.empty() ? host_ : login_.server_name);
}

bool resp_connection::wants_write() const noexcept {
  return link_ && (link_->wants_write() || written_ < queue_.size());
}

bool resp_connection::has_room() const noexcept {
  return phase_ == phase::ready && queue_.size() < window_commands && queued_bytes_ < window_bytes;
}

void resp_connection::give(resp_command command, resp_time time) {
  if (command.to_slot_owner) {
    resp_command asking;
    asking.head = resp_request({"ASKING"});
    asking.what = resp_command::step::asking;
    push(std::move(asking), time);
  }
  push(std::move(command), time);
}

void resp_connection::push(resp_command command, resp_time time) {
  if (queue_.empty())
    head_since_ = time;
  queued_bytes_ += command.moved_bytes();
  command.offered = false;
  queue_.push_back(std::move(command));
}

void resp_connection::greet(resp_time time) {
  using step = resp_command::step;
  auto say = [&](step what, std::initializer_list<std::string_view> words) {
    resp_command command;
    command.head = resp_request(words);
    command.what = what;
    push(std::move(command), time);
  };
  phase_ = phase::greeting;
  if (!login_.password.empty() && login_.username.empty())
    say(step::auth, {"AUTH", login_.password});
  else if (!login_.password.empty())
    say(step::auth, {"AUTH", login_.username, login_.password});
  if (login_.database_id)
    say(step::select, {"SELECT", std::to_string(*login_.database_id)});
  say(step::ping, {"PING"});
}

void resp_connection::work(resp_time time, std::vector<finished>& out) {
  while (phase_ == phase::connecting) {
    const auto progress = link_->advance();
    if (progress == resp_link::progress::under_way)
      return;
    if (progress == resp_link::progress::open)
      greet(time);
    else
      connect_next();
  }
  if (phase_ != phase::dead)
    send();
  // Also when sending has failed: the server may have said why before it closed.
  if (phase_ != phase::dead)
    receive(time, out);
  if (phase_ != phase::dead && send_failed_)
    kill(link_->error());
}

void resp_connection::send() {
  while (written_ < queue_.size()) {
    std::array<iovec, pieces_per_write> pieces;
    size_t count = 0;
    auto skip = written_bytes_;
    for (size_t i = written_; i < queue_.size() && count + 3 <= pieces.size(); ++i) {
      auto& each = queue_[i];
      each.offered = true;
      append_rest(pieces, count, each.head.data(), each.head.size(), skip);
      append_rest(pieces, count, each.payload.data(), each.payload.size(), skip);
      append_rest(pieces, count, each.tail.data(), each.tail.size(), skip);
    }
    const auto moved = link_->write({pieces.data(), count});
    send_failed_ = moved < 0;
    if (moved <= 0)
      return;
    sent(static_cast<size_t>(moved));
  }
}

void resp_connection::sent(size_t bytes) {
  written_bytes_ += bytes;
  while (written_ < queue_.size() && written_bytes_ >= queue_[written_].request_bytes())
    written_bytes_ -= queue_[written_++].request_bytes();
}

void resp_connection::receive(resp_time time, std::vector<finished>& out) {
  while (true) {
    while (phase_ != phase::dead && !queue_.empty() && take_reply(time, out)) {
    }
    if (phase_ == phase::dead)
      return;
    if (queue_.empty() && !decoder_.idle()) {
      kill("the server said something that nobody asked for");
      return;
    }
    const auto room = decoder_.room();
    const auto moved = link_->read(room);
    if (moved == 0)
      return;
    if (moved < 0) {
      kill(link_->error());
      return;
    }
    decoder_.received(static_cast<size_t>(moved));
  }
}

bool resp_connection::take_reply(resp_time time, std::vector<finished>& out) {
  resp_reply reply;
  const auto step = decoder_.next(queue_.front().value, reply);
  if (step == resp_decoder::step::broken)
    kill("the server does not speak RESP: " + decoder_.why());
  if (step != resp_decoder::step::reply)
    return false;
  // A server may refuse a request before it has read it all, and closes then.
  const bool whole = written_ > 0;
  if (!whole && (!queue_.front().offered || reply.what != resp_reply::kind::error)) {
    kill("the server answered what was not sent yet");
    return false;
  }
  auto command = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= command.moved_bytes();
  head_since_ = time;
  if (whole)
    --written_;
  else
    kill("the server refused a request before it was sent as a whole");
  if (command.sink)
    out.push_back({std::move(command), std::move(reply)});
  else if (command.what != resp_command::step::asking)
    judge_greeting(command, reply);
  return phase_ != phase::dead;
}

void resp_connection::judge_greeting(const resp_command& command, const resp_reply& reply) {
  const bool refused = reply.what == resp_reply::kind::error;
  const auto code = refused ? code_of(reply.text) : std::string{};
  switch (command.what) {
    case resp_command::step::auth:
      if (refused)
        kill("the server refused the password (" + code
             + "): set \"username\" and \"password\" as the server has them");
      break;
    case resp_command::step::select:
      if (refused)
        kill("the server has no database " + std::to_string(*login_.database_id) + " for us ("
             + printable(reply.text) + "): set \"database_id\" to one that it has");
      break;
    case resp_command::step::ping:
      if (code == "NOAUTH")
        kill("the server wants a password (NOAUTH): set \"password\"");
      else if (refused && code != "NOPERM")
        kill("the server is not ready: " + printable(reply.text));
      else if (!refused && reply.text != "PONG")
        kill("the server does not speak RESP: no PONG for a PING");
      else
        phase_ = phase::ready;
      break;
    case resp_command::step::ordinary:
    case resp_command::step::asking: break;
  }
}

std::optional<resp_time>
resp_connection::limit(std::chrono::milliseconds of_command) const noexcept {
  if (phase_ == phase::connecting || phase_ == phase::greeting)
    return connect_limit_;
  if (phase_ == phase::ready && !queue_.empty())
    return head_since_ + of_command;
  return std::nullopt;
}

std::string resp_connection::pending() const {
  if (phase_ != phase::connecting || !link_)
    return "no answer";
  return link_->connected() ? "no end of the TLS handshake" : "no connection";
}

void resp_connection::kill(std::string why) {
  if (phase_ == phase::dead)
    return;
  phase_ = phase::dead;
  error_ = std::move(why);
  link_.reset();
}

std::deque<resp_command> resp_connection::leave() {
  std::deque<resp_command> result;
  for (auto& each : queue_)
    if (each.sink)
      result.push_back(std::move(each));
  queue_.clear();
  return result;
}

std::deque<resp_command> resp_connection::take_back(const resp_sink& sink, const std::string& why) {
  std::deque<resp_command> result, rest;
  auto is_mine = [&](const resp_command& each) { return each.sink.get() == &sink; };
  if (std::ranges::any_of(queue_, [&](const auto& each) { return each.offered && is_mine(each); }))
    kill(why);
  for (auto& each : queue_)
    (is_mine(each) ? result : rest).push_back(std::move(each));
  for (const auto& each : result)
    queued_bytes_ -= each.moved_bytes();
  queue_ = std::move(rest);
  return result;
}

} // namespace actord
