#include "observability/trace/reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace actord::trace {

namespace {

constexpr size_t prefix_bytes = 4;
constexpr uint64_t read_step_bytes = 1 << 20; // a length is believed that far before bytes come

// As Python writes bytes: b'LMCT'.
std::string shown(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string result = "b'";
  for (const char each : bytes.substr(0, 16)) {
    const auto code = static_cast<unsigned char>(each);
    if (code >= 0x20 && code < 0x7f && each != '\'' && each != '\\')
      result += each;
    else
      ((result += "\\x") += hex[code >> 4]) += hex[code & 15];
  }
  return result + "'";
}

size_t read_fully(const byte_source& from, std::span<char> into) {
  size_t got = 0;
  while (got < into.size()) {
    const size_t more = from(into.subspan(got));
    if (more == 0)
      break;
    got += more;
  }
  return got;
}

// Why this build does not read a file with such a header; "": it does.
std::string refusal(const header& head) {
  const header known;
  if (head.magic != known.magic)
    return "bad magic (got " + shown(head.magic) + ", expected " + shown(known.magic) + ")";
  const auto unsupported = [](std::string_view what, int64_t found, int64_t expected) {
    return "unsupported " + std::string{what} + ' ' + std::to_string(found)
           + " (this build expects " + std::to_string(expected) + ')';
  };
  if (head.format != format_version)
    return unsupported("format_version", head.format, format_version);
  if (head.schema != schema_version)
    return unsupported("trace_schema_version", head.schema, schema_version);
  return {};
}

} // namespace

byte_source bytes_of(std::string_view text) {
  return [text](std::span<char> into) mutable {
    const auto count = std::min(into.size(), text.size());
    std::memcpy(into.data(), text.data(), count);
    text.remove_prefix(count);
    return count;
  };
}

reader::reader(byte_source from, warning warn) : from_(std::move(from)), warn_(std::move(warn)) {
}

std::variant<reader, std::string>
reader::open(std::string_view path, byte_source from, warning warn) {
  reader result{std::move(from), std::move(warn)};
  const auto fault
    = [&](const std::string& why) { return "trace file '" + std::string{path} + "': " + why; };
  switch (result.read_frame()) {
    case outcome::frame: break;
    case outcome::too_long: return fault("its first frame is too long for a header");
    case outcome::end: return fault("unexpected EOF reading frame length");
    case outcome::cut: return fault(result.cut_);
  }
  auto head = decode_header(result.body_);
  if (const auto* why = std::get_if<std::string>(&head))
    return fault("it does not begin with a header: " + *why);
  result.head_ = std::get<header>(std::move(head));
  if (auto why = refusal(result.head_); !why.empty())
    return fault(why);
  return result;
}

uint64_t reader::pass_over(uint64_t bytes) {
  std::array<char, 4096> scratch;
  uint64_t passed = 0;
  while (passed < bytes) {
    const auto step = std::min<uint64_t>(bytes - passed, scratch.size());
    const auto got = read_fully(from_, std::span{scratch}.first(step));
    passed += got;
    if (got < step)
      break;
  }
  return passed;
}

void reader::read_body(uint64_t bytes) {
  body_.clear();
  while (body_.size() < bytes) {
    const auto before = body_.size();
    const auto step = std::min<uint64_t>(bytes - before, std::max(read_step_bytes, before));
    body_.resize(before + step);
    const auto got = read_fully(from_, std::span{body_}.subspan(before));
    body_.resize(before + got);
    if (got < step)
      return;
  }
}

reader::outcome reader::read_frame() {
  std::array<char, prefix_bytes> prefix;
  const auto prefix_got = read_fully(from_, prefix);
  if (prefix_got == 0)
    return outcome::end;
  if (prefix_got < prefix_bytes) {
    cut_ = "truncated frame length prefix at offset " + std::to_string(offset_);
    return outcome::cut;
  }
  uint64_t length = 0;
  for (const char each : prefix)
    length = length << 8 | static_cast<unsigned char>(each);
  const bool fits = length <= max_frame_bytes;
  if (fits)
    read_body(length);
  const uint64_t got = fits ? body_.size() : pass_over(length);
  if (got < length) {
    cut_ = "truncated frame body at offset " + std::to_string(offset_ + prefix_bytes) + " (got "
           + std::to_string(got) + " of " + std::to_string(length) + ')';
    return outcome::cut;
  }
  offset_ += prefix_bytes + length;
  return fits ? outcome::frame : outcome::too_long;
}

std::optional<record> reader::next() {
  const auto pass = [this](const std::string& why) {
    ++skipped_;
    warn_("TraceReader: skipping malformed record at offset " + std::to_string(offset_) + ": "
          + why);
  };
  for (;;) {
    switch (read_frame()) {
      case outcome::end: return std::nullopt;
      case outcome::cut: warn_("TraceReader: " + cut_); return std::nullopt;
      case outcome::too_long:
        pass("longer than " + std::to_string(max_frame_bytes) + " bytes");
        continue;
      case outcome::frame: break;
    }
    auto what = decode_record(body_);
    if (auto* found = std::get_if<record>(&what))
      return std::move(*found);
    if (const auto* lost = std::get_if<gap>(&what)) {
      if (lost->dropped > 0 && lost->dropped <= std::numeric_limits<int64_t>::max() - lost_)
        lost_ += lost->dropped;
    } else {
      pass(std::get<std::string>(what));
    }
  }
}

} // namespace actord::trace
