#include "actors/l2/resp_request.hpp"
#include "actors/l2/resp_tasks.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

constexpr auto names_per_page = "512";
constexpr uint64_t max_pages = 1 << 24; // of one node: whatever its cursors say
constexpr size_t longest_cursor = 20;

bool good_cursor(const redisReply& cursor) {
  if (cursor.type != REDIS_REPLY_STRING || cursor.len < 1
      || static_cast<size_t>(cursor.len) > longest_cursor)
    return false;
  return std::all_of(cursor.str, cursor.str + cursor.len,
                     [](char each) { return each >= '0' && each <= '9'; });
}

} // namespace

resp_scan::resp_scan(resp_pool& pool, const resp_form& form, l2_backend::page more)
  : pool_(pool), form_(form), more_(std::move(more)) {
}

void resp_scan::start() {
  nodes_ = pool_.primaries();
  cursor_ = "0";
  if (nodes_.empty())
    more_({});
  else
    next_page();
}

void resp_scan::next_page() {
  resp_command command;
  command.head = resp_request(
    {"SCAN", cursor_, "MATCH", resp_scan_pattern(form_.key_prefix), "COUNT", names_per_page});
  command.sink = shared_from_this();
  ++pages_;
  pool_.submit(std::move(command), nodes_.back());
}

void resp_scan::next_node() {
  nodes_.pop_back();
  cursor_ = "0";
  pages_ = 0;
  if (nodes_.empty())
    more_({});
  else
    next_page();
}

bool resp_scan::answered(resp_command& command, resp_reply& reply, const std::string&) {
  if (left_ == 0) {
    if (reply.what == resp_reply::kind::error) {
      next_node();
      return true;
    }
    if (take_names(reply))
      return true;
    next_node();
    return false;
  }
  const bool number = reply.what == resp_reply::kind::number && reply.number >= 0;
  if (number && reply.number > 0)
    page_.push_back({to_ref(found_[command.item], static_cast<uint64_t>(reply.number)), 0});
  sized();
  return number || reply.what == resp_reply::kind::error;
}

void resp_scan::failed(resp_command&, const std::string&) {
  if (left_ == 0)
    next_node();
  else
    sized();
}

bool resp_scan::take_names(const resp_reply& reply) {
  if (reply.what != resp_reply::kind::list || reply.tree->elements != 2)
    return false;
  const auto& cursor = *reply.tree->element[0];
  const auto& names = *reply.tree->element[1];
  if (!good_cursor(cursor) || names.type != REDIS_REPLY_ARRAY)
    return false;
  cursor_.assign(cursor.str, static_cast<size_t>(cursor.len));
  found_.clear();
  page_.clear();
  for (size_t i = 0; i < names.elements; ++i) {
    const auto& name = *names.element[i];
    if (name.type != REDIS_REPLY_STRING)
      return false;
    if (auto key = form_.parse({name.str, static_cast<size_t>(name.len)}))
      found_.push_back(std::move(*key));
  }
  left_ = found_.size() + 1; // itself, so that commands that fail at once end nothing early
  for (size_t i = 0; i < found_.size(); ++i) {
    auto command = form_.about("STRLEN", form_.name(to_ref(found_[i], 0)));
    command.slot.reset();
    command.sink = shared_from_this();
    command.item = i;
    pool_.submit(std::move(command), nodes_.back());
  }
  sized();
  return true;
}

void resp_scan::sized() {
  if (--left_ > 0)
    return;
  if (!page_.empty())
    more_(std::exchange(page_, {}));
  if (cursor_ == "0" || pages_ >= max_pages)
    next_node();
  else
    next_page();
}

} // namespace actord
