#include "actors/l2/resp_tasks.hpp"
#include "actors/l2/resp_request.hpp"
#include "runtime/options/option_values.hpp"
#include "storage/l2_names.hpp"

#include <utility>

namespace actord {

namespace {

// The server has no room, or takes no writes until somebody has seen to it.
bool refuses_writes(std::string_view error) {
  for (std::string_view code : {"OOM ", "READONLY ", "MISCONF ", "NOREPLICAS "})
    if (error.starts_with(code))
      return true;
  return false;
}

bool unknown_command(std::string_view error) {
  return error.starts_with("NOPERM") || error.starts_with("ERR unknown command");
}

resp_queue queue_of(resp_task::kind what) {
  switch (what) {
    case resp_task::kind::probe: return resp_queue::lookup;
    case resp_task::kind::load: return resp_queue::load;
    case resp_task::kind::store:
    case resp_task::kind::erase: break;
  }
  return resp_queue::write;
}

} // namespace

std::string resp_form::name(const object_ref& object) const {
  return valkey_name(key_prefix, to_key(object));
}

std::optional<object_key> resp_form::parse(std::string_view name) const {
  return parse_valkey_name(key_prefix, name);
}

resp_command resp_form::about(std::string_view verb, const std::string& name) const {
  resp_command result;
  result.head = resp_request({verb, name});
  if (cluster)
    result.slot = resp_slot(name);
  return result;
}

resp_task::resp_task(kind what, l2_batch batch, l2_backend::done answer, resp_time limit)
  : what_(what), batch_(std::move(batch)), answer_(std::move(answer)), limit_(limit) {
}

void resp_task::start(resp_pool& pool, resp_form& form) {
  pool_ = &pool;
  form_ = &form;
  left_ = batch_->size();
  report_.results.assign(left_, l2_result::failed);
  report_.stored_bytes.assign(left_, 0);
  if (left_ == 0) {
    finish();
    return;
  }
  const auto batch = batch_; // a pool that is closed fails all of it at once
  for (size_t i = 0; i < batch->size(); ++i)
    pool_->submit(command_for(i));
}

resp_command resp_task::command_for(size_t item) const {
  const auto& each = (*batch_)[item];
  const auto name = form_->name(each.object);
  resp_command result;
  switch (what_) {
    case kind::probe:
      result = form_->about(form_->strlen_refused ? "EXISTS" : "STRLEN", name);
      break;
    case kind::load:
      result = form_->about("GET", name);
      result.value = {each.bytes, each.object.length_bytes};
      break;
    case kind::store: {
      auto request = resp_set(name, each.object.length_bytes, form_->ttl_s);
      result = form_->about("SET", name);
      result.head = std::move(request.head);
      result.tail = std::move(request.tail);
      result.payload = {each.bytes, static_cast<size_t>(each.object.length_bytes)};
      break;
    }
    case kind::erase: result = form_->about("DEL", name); break;
  }
  result.sink = const_cast<resp_task*>(this)->shared_from_this();
  result.queue = queue_of(what_);
  result.item = item;
  return result;
}

bool resp_task::answered(resp_command& command, resp_reply& reply, const std::string& from) {
  switch (what_) {
    case kind::probe: return judge_probe(command, reply, from);
    case kind::load: return judge_load(command, reply, from);
    case kind::store: return judge_store(command, reply, from);
    case kind::erase: return judge_erase(command, reply, from);
  }
  return false;
}

bool resp_task::judge_probe(resp_command& command, const resp_reply& reply,
                            const std::string& from) {
  const bool asked_length = command.head.find("\r\nSTRLEN\r\n") == 6;
  if (reply.what == resp_reply::kind::error && asked_length && unknown_command(reply.text)) {
    form_->strlen_refused = true;
    pool_->submit(command_for(command.item));
    return true;
  }
  if (reply.what != resp_reply::kind::number || reply.number < 0) {
    refused(command.item, reply, from);
    return reply.what == resp_reply::kind::error;
  }
  const auto stored = asked_length ? static_cast<uint64_t>(reply.number) : 0;
  settle(command.item, reply.number > 0 ? l2_result::ok : l2_result::absent, stored);
  return true;
}

bool resp_task::judge_load(const resp_command& command, const resp_reply& reply,
                           const std::string& from) {
  switch (reply.what) {
    case resp_reply::kind::value:
      settle(command.item, l2_result::ok, command.value->length_bytes);
      return true;
    case resp_reply::kind::null: settle(command.item, l2_result::absent); return true;
    case resp_reply::kind::other_length:
      settle(command.item, l2_result::wrong_length, static_cast<uint64_t>(reply.number));
      return true;
    default: refused(command.item, reply, from); return reply.what == resp_reply::kind::error;
  }
}

bool resp_task::judge_store(const resp_command& command, const resp_reply& reply,
                            const std::string& from) {
  if (reply.what == resp_reply::kind::status && reply.text == "OK") {
    settle(command.item, l2_result::ok, command.payload.size());
    return true;
  }
  refused(command.item, reply, from);
  return reply.what == resp_reply::kind::error;
}

bool resp_task::judge_erase(const resp_command& command, const resp_reply& reply,
                            const std::string& from) {
  if (reply.what == resp_reply::kind::number && (reply.number == 0 || reply.number == 1)) {
    settle(command.item, reply.number == 1 ? l2_result::ok : l2_result::absent);
    return true;
  }
  refused(command.item, reply, from);
  return reply.what == resp_reply::kind::error;
}

void resp_task::refused(size_t item, const resp_reply& reply, const std::string& from) {
  const bool error = reply.what == resp_reply::kind::error;
  // Somebody's list or set has the name: no fault of the server, and a store replaces it.
  if (error && reply.text.starts_with("WRONGTYPE")) {
    settle(item, l2_result::wrong_length);
    return;
  }
  if (report_.error.empty())
    report_.error = from
                    + (error ? " refused a command: " + printable(reply.text)
                             : " answered a command with something that is no answer to it");
  if (error && reply.text.starts_with("MOVED ") && !form_->cluster)
    report_.error += "; it is part of a cluster: set cluster mode";
  settle(item, error && refuses_writes(reply.text) ? l2_result::no_space : l2_result::failed);
}

void resp_task::failed(resp_command& command, const std::string& why) {
  if (report_.error.empty())
    report_.error = why;
  settle(command.item, l2_result::failed);
}

void resp_task::settle(size_t item, l2_result result, uint64_t stored_bytes) {
  report_.results[item] = result;
  report_.stored_bytes[item] = stored_bytes;
  if (--left_ == 0)
    finish();
}

void resp_task::finish() {
  over_ = true;
  batch_.reset();
  std::exchange(answer_, nullptr)(std::move(report_));
}

} // namespace actord
