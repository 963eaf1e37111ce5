#include "observability/trace/summary.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace actord::trace {

namespace {

constexpr size_t label_width = 28;

std::string fixed3(double number) {
  std::array<char, 400> text;
  std::snprintf(text.data(), text.size(), "%.3f", number);
  return text.data();
}

// As Python's str() shows what level_meta holds.
std::string shown(const value& what) {
  if (const auto* text = what.as<std::string>())
    return printable_line(*text);
  if (const auto* number = what.as<int64_t>())
    return std::to_string(*number);
  if (const auto* number = what.as<uint64_t>())
    return std::to_string(*number);
  if (const auto* number = what.as<double>())
    return fixed3(*number);
  if (const auto* flag = what.as<bool>())
    return *flag ? "True" : "False";
  return what.as<std::monostate>() ? "None" : "(nested)";
}

void append_line(std::string& out, std::string_view label, const std::string& what,
                 size_t indent = 2) {
  out.append(indent, ' ').append(label).append(":");
  if (label.size() + 1 < label_width)
    out.append(label_width - label.size() - 1, ' ');
  out.append(what).append("\n");
}

std::string string_or(const value_map& map, std::string_view key, const char* otherwise) {
  const auto* found = find(map, key);
  const auto* text = found ? found->as<std::string>() : nullptr;
  return text ? *text : otherwise;
}

int64_t integer_or_zero(const value_map& map, std::string_view key) {
  const auto* found = find(map, key);
  const auto* number = found ? found->as<int64_t>() : nullptr;
  return number ? *number : 0;
}

} // namespace

std::string printable_line(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string result;
  for (const char each : text) {
    const auto code = static_cast<unsigned char>(each);
    if (code >= 0x20 && code != 0x7f)
      result += each;
    else
      ((result += "\\x") += hex[code >> 4]) += hex[code & 15];
  }
  return result;
}

void summary::add(const record& what) {
  ++total_;
  ++calls_[what.qualname];
  last_mono_ = std::max(last_mono_, what.t_mono);
  if (head_.level != "events")
    return;
  if (what.qualname == "events.lifecycle")
    ++lifecycle_[string_or(what.args, "phase", "?")];
  else if (what.qualname == "events.batch")
    add_batch(what.args);
}

void summary::add_batch(const value_map& args) {
  incarnations_[string_or(args, "instance_id", "?")].insert(integer_or_zero(args, "incarnation"));
  const auto type = string_or(args, "event_type", "?");
  const auto* shared_flag = find(args, "shared");
  const auto* shared = shared_flag ? shared_flag->as<bool>() : nullptr;
  ++batches_[{type, string_or(args, "tier", "?"), string_or(args, "backend", ""),
              shared && *shared}];
  const auto* found = find(args, "entries");
  const auto* entries = found ? found->as<value_list>() : nullptr;
  entries_[type] += entries ? entries->size() : 0;
  if (type != "store" || !entries)
    return;
  for (const auto& each : *entries) {
    const auto* entry = each.as<value_map>();
    if (!entry)
      continue;
    __builtin_add_overflow(store_bytes_, integer_or_zero(*entry, "size_bytes"), &store_bytes_);
    const auto* tokens = find(*entry, "token_ids");
    const auto* list = tokens ? tokens->as<value_list>() : nullptr;
    entries_with_tokens_ += list && !list->empty() ? 1 : 0;
  }
}

std::string summary::text(std::string_view path) const {
  std::string out = "Trace file: " + std::string{path} + "\n";
  append_line(out, "level", printable_line(head_.level));
  append_line(out, "format_version", std::to_string(head_.format));
  append_line(out, "trace_schema_version", std::to_string(head_.schema));
  append_line(out, "duration", fixed3(last_mono_) + "s");
  append_line(out, "sm_config_digest",
              head_.sm_config_digest.empty() ? "(none)" : printable_line(head_.sm_config_digest));
  std::map<std::string, std::string> meta;
  for (const auto& [key, what] : head_.level_meta)
    meta.emplace(shown(key), shown(what));
  for (const auto& [key, what] : meta)
    append_line(out, key, what);
  append_line(out, "total_records", std::to_string(total_));
  out += calls_.empty() ? "  ops: (none)\n" : "  ops:\n";
  for (const auto& [name, count] : calls_)
    out += "    " + printable_line(name) + ": " + std::to_string(count) + "\n";
  if (head_.level == "events")
    append_events(out);
  return out;
}

void summary::append_events(std::string& out) const {
  out += "  events:\n";
  append_line(out, "instances", std::to_string(incarnations_.size()), 4);
  for (const auto& [instance, starts] : incarnations_) {
    std::string list;
    for (const auto start : starts)
      list += (list.empty() ? "" : ", ") + std::to_string(start);
    out += "      " + printable_line(instance) + ": incarnations=[" + list
           + "] restarts=" + std::to_string(starts.size() - 1) + "\n";
  }
  out += "    batches (type/tier/backend/shared):\n";
  for (const auto& [kind, count] : batches_) {
    const auto& [type, tier, backend, shared] = kind;
    out += "      " + printable_line(type) + "/" + printable_line(tier) + "/"
           + (backend.empty() ? "-" : printable_line(backend)) + (shared ? "/shared" : "/local")
           + ": " + std::to_string(count) + "\n";
  }
  out += "    entries:\n";
  for (const auto& [type, count] : entries_)
    out += "      " + printable_line(type) + ": " + std::to_string(count) + "\n";
  append_line(out, "store_bytes", std::to_string(store_bytes_), 4);
  append_line(out, "entries_with_tokens", std::to_string(entries_with_tokens_), 4);
  std::string marks;
  for (const auto& [phase, count] : lifecycle_)
    marks += (marks.empty() ? "" : ", ") + printable_line(phase) + "=" + std::to_string(count);
  if (!marks.empty())
    append_line(out, "lifecycle", marks, 4);
}

} // namespace actord::trace
