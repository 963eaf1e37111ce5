#include "observability/tracing/span_registry.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

constexpr size_t decided_limit = 4096;
std::string name_of(std::string_view session) {
  return std::string{session.substr(0, request_name_limit)};
}

constexpr std::string_view abandoned = "lmcache.abandoned";

/// Whether a span lies below the root at `root`; one whose parent is over counts as such.
bool is_below(const std::vector<open_span>& open, size_t span, size_t root) {
  for (size_t at = span;;) {
    if (at == root)
      return true;
    if (open[at].root)
      return false;
    const auto parent = std::ranges::find(open, open[at].record.parent,
                                          [](const open_span& x) { return x.record.span; });
    if (parent == open.end())
      return true;
    const auto next = static_cast<size_t>(parent - open.begin());
    if (next >= at)
      return true;
    at = next;
  }
}

} // namespace

span_registry::span_registry(std::shared_ptr<trace_directory> directory, span_sampling sampling,
                             sink out, span_limits limits)
  : directory_(std::move(directory)), sampling_(sampling), out_(std::move(out)), limits_(limits),
    sessions_(limits.sessions), decided_(decided_limit) {
}

bool span_registry::sampled(const trace_id& trace, const trace_parent* remote) const {
  if (remote && sampling_.parent_based)
    return remote->sampled;
  if (sampling_.rate >= 1)
    return true;
  constexpr auto mask = (uint64_t{1} << 63) - 1;
  return static_cast<double>(trace.low & mask) < sampling_.rate * static_cast<double>(mask);
}

/// What became of the session's last root, where the ratio says something else.
std::optional<bool> span_registry::decided(std::string_view session) {
  const auto root = decided_.size() > 0 ? directory_->closed_root(session) : std::nullopt;
  const auto* known = root ? decided_.find(root->span) : nullptr;
  return known ? std::optional{*known} : std::nullopt;
}

span_registry::session_spans&
span_registry::session_of(std::string_view session, bool asked, double now_s) {
  auto name = name_of(session);
  auto* known = sessions_.find(name);
  if (!known) {
    if (sessions_.size() >= sessions_.capacity()) {
      const std::string oldest = *sessions_.oldest();
      abandon(oldest, *sessions_.find(oldest), now_s);
    }
    session_spans fresh;
    fresh.goes_out = decided(session).value_or(asked);
    sessions_.put(name, std::move(fresh));
    known = sessions_.find(name);
  }
  known->last_s = std::max(known->last_s, now_s);
  return *known;
}

void span_registry::abandon_former(const span_key& key, double now_s) {
  if (auto* former = find(key)) {
    former->record.set(abandoned, true);
    close(key, now_s);
  }
}

open_span& span_registry::open_root(const span_key& key, std::string_view scope, double start_s,
                                    const trace_parent* remote) {
  abandon_former(key, start_s);
  open_span fresh;
  auto& record = fresh.record;
  record = begin(key.session, key.name, scope, start_s);
  const auto context
    = key.session.empty() ? directory_->next_root() : directory_->begin_root(key.session, remote);
  record.trace = context.trace;
  record.span = context.span;
  if (remote) {
    record.trace = remote->trace;
    record.parent = remote->span;
    record.remote_parent = true;
    record.trace_state = remote->state;
  }
  fresh.sequence = key.sequence;
  fresh.root = true;
  return add_open(key.session, std::move(fresh), sampled(record.trace, remote), start_s);
}

open_span& span_registry::open(const span_key& key, std::string_view scope, double start_s,
                               const std::optional<span_context>& parent) {
  if (!parent)
    return open_root(key, scope, start_s);
  abandon_former(key, start_s);
  open_span fresh;
  fresh.record = make(key.session, key.name, scope, start_s, parent);
  fresh.sequence = key.sequence;
  const bool asked = sampled(parent->trace, nullptr);
  return add_open(key.session, std::move(fresh), asked, start_s);
}

open_span&
span_registry::add_open(std::string_view session, open_span fresh, bool asked, double now_s) {
  make_room(now_s);
  auto& of = session_of(session, asked, now_s);
  of.had_root = of.had_root || fresh.root;
  ++open_count_;
  return of.open.emplace_back(std::move(fresh));
}

void span_registry::make_room(double now_s) {
  while (open_count_ >= limits_.open && sessions_.oldest()) {
    const std::string oldest = *sessions_.oldest();
    abandon(oldest, *sessions_.find(oldest), now_s);
  }
}

span_record span_registry::begin(std::string_view session, std::string_view name,
                                 std::string_view scope, double start_s) {
  span_record result;
  result.attributes.reserve(16);
  result.scope = scope;
  result.name = name;
  result.start_ns = result.end_ns = to_span_ns(start_s);
  if (!session.empty())
    result.set("session_id", session);
  return result;
}

span_record
span_registry::make(std::string_view session, std::string_view name, std::string_view scope,
                    double start_s, const std::optional<span_context>& parent) {
  auto result = begin(session, name, scope, start_s);
  if (parent) {
    result.trace = parent->trace;
    result.parent = parent->span;
    result.span = directory_->next_span();
  } else {
    const auto context
      = session.empty() ? directory_->next_root() : directory_->begin_root(session, nullptr);
    result.trace = context.trace;
    result.span = context.span;
  }
  return result;
}

open_span* span_registry::find(const span_key& key) {
  auto* of = sessions_.find(name_of(key.session));
  if (!of)
    return nullptr;
  auto found = std::ranges::find_if(of->open, [&](const open_span& x) {
    return x.sequence == key.sequence && x.record.name == key.name;
  });
  return found == of->open.end() ? nullptr : &*found;
}

std::optional<span_context>
span_registry::parent_of(std::string_view session, std::initializer_list<std::string_view> names) {
  auto* of = session.empty() ? nullptr : sessions_.find(name_of(session));
  if (!of)
    return std::nullopt;
  for (const auto name : names)
    for (auto each = of->open.rbegin(); each != of->open.rend(); ++each)
      if (each->record.name == name)
        return each->record.context();
  return std::nullopt;
}

void span_registry::close(const span_key& key, double end_s) {
  const auto name = name_of(key.session);
  auto* of = sessions_.find(name);
  if (!of)
    return;
  auto found = std::ranges::find_if(of->open, [&](const open_span& x) {
    return x.sequence == key.sequence && x.record.name == key.name;
  });
  if (found == of->open.end())
    return;
  of->last_s = std::max(of->last_s, end_s);
  const auto end_ns = to_span_ns(end_s);
  if (found->root && !key.session.empty()) {
    const auto root = static_cast<size_t>(found - of->open.begin());
    abandon_below(name, *of, root, end_ns);
    found = of->open.begin() + static_cast<ptrdiff_t>(root); // those before it stay in place
  }
  auto span = std::move(*found);
  of->open.erase(found);
  finish(name, *of, std::move(span), end_ns);
  if (of->open.empty())
    end_session(name);
}

void span_registry::abandon_below(std::string_view session, session_spans& of, size_t root,
                                  int64_t end_ns) {
  for (size_t at = of.open.size(); at-- > root + 1;) {
    if (!is_below(of.open, at, root))
      continue;
    auto span = std::move(of.open[at]);
    of.open.erase(of.open.begin() + static_cast<ptrdiff_t>(at));
    span.record.set(abandoned, true);
    finish(session, of, std::move(span), end_ns);
  }
}

void span_registry::finish(std::string_view session, session_spans& of, open_span span,
                           int64_t end_ns) {
  --open_count_;
  span.record.end_ns = std::max(span.record.start_ns, end_ns);
  emit(session, of, std::move(span.record), span.root);
}

void span_registry::emit(std::string_view session, session_spans& of, span_record record,
                         bool root) {
  const auto lasted_ns = record.end_ns - record.start_ns;
  const bool slow = !root && sampling_.slow_ns > 0 && lasted_ns >= sampling_.slow_ns;
  if (session.empty()) { // each is a trace of its own
    if (record.failure || slow || sampled(record.trace, nullptr))
      out_(std::move(record));
    return;
  }
  if (!of.goes_out && (record.failure || slow))
    let_out(of);
  if (of.goes_out) {
    out_(std::move(record));
  } else if (held_count_ < limits_.held) {
    ++held_count_;
    of.held.push_back(std::move(record));
  }
}

void span_registry::let_out(session_spans& of) {
  of.goes_out = true;
  held_count_ -= of.held.size();
  for (auto& record : std::exchange(of.held, {}))
    out_(std::move(record));
}

void span_registry::add(std::string_view session, span_record record) {
  const bool root = record.parent == 0 && !session.empty();
  const auto now_s = static_cast<double>(record.end_ns) / 1e9;
  auto& of = session_of(session, sampled(record.trace, nullptr), now_s);
  of.had_root = of.had_root || root;
  emit(session, of, std::move(record), root);
  if (of.open.empty())
    end_session(name_of(session));
}

void span_registry::keep(std::string_view session) {
  auto* of = session.empty() ? nullptr : sessions_.find(name_of(session));
  if (of && !of->goes_out)
    let_out(*of);
}

void span_registry::end_session(const std::string& session) {
  auto of = sessions_.take(session);
  if (!of)
    return;
  held_count_ -= of->held.size();
  if (session.empty())
    return;
  if (of->had_root)
    directory_->end_root(session);
  const auto context = directory_->find(session);
  if (context && of->goes_out != sampled(context->trace, nullptr))
    decided_.put(context->span, of->goes_out);
}

void span_registry::abandon(const std::string& session, session_spans& of, double now_s) {
  while (!of.open.empty()) {
    auto span = std::move(of.open.back());
    of.open.pop_back();
    span.record.set(abandoned, true);
    const auto end_s = span.root ? span.ended_s.value_or(now_s) : now_s;
    finish(session, of, std::move(span), to_span_ns(end_s));
  }
  end_session(session);
}

void span_registry::sweep(double now_s, double idle_s) {
  if (auto* loose = sessions_.find(std::string{}))
    while (!loose->open.empty()
           && loose->open.front().record.start_ns < to_span_ns(now_s - idle_s)) {
      auto span = std::move(loose->open.front());
      loose->open.erase(loose->open.begin());
      span.record.set(abandoned, true);
      finish({}, *loose, std::move(span), to_span_ns(now_s));
    }
  std::vector<std::string> idle;
  sessions_.erase_if([&](const std::string& name, const session_spans& of) {
    if (now_s - of.last_s > idle_s)
      idle.push_back(name);
    return false;
  });
  for (const auto& name : idle)
    abandon(name, *sessions_.find(name), now_s);
}

void span_registry::close_all(double now_s) {
  while (sessions_.oldest()) {
    const std::string oldest = *sessions_.oldest();
    abandon(oldest, *sessions_.find(oldest), now_s);
  }
}

} // namespace actord
