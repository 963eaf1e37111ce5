#include "observability/trace/request_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace actord::trace {

namespace {

constexpr request_format mooncake_fields{"timestamp", 1e-3, "input_length", "output_length", false};
constexpr request_format agentic_fields{"t", 1, "in", "out", true};
constexpr size_t piece_bytes = 64 << 10;

/// A source's bytes one by one, with the line that the parser has reached.
class characters {
public:
  characters(const byte_source& from, uint64_t limit_bytes)
    : from_{from}, buffer_(piece_bytes), left_bytes_{limit_bytes} {
    fill();
  }

  bool at_end() const noexcept {
    return at_ == end_;
  }
  char current() const noexcept {
    return buffer_[at_];
  }
  /// The line of the last character that was passed: a parser looks one ahead behind a number.
  const uint64_t& line() const noexcept {
    return line_;
  }
  bool over_limit() const noexcept {
    return over_limit_;
  }
  void advance() {
    line_ += pending_line_ ? 1 : 0;
    pending_line_ = buffer_[at_] == '\n';
    if (++at_ == end_)
      fill();
  }

private:
  void fill() {
    at_ = end_ = 0;
    const auto got = left_bytes_ > 0 ? from_(buffer_) : 0;
    over_limit_ |= left_bytes_ == 0;
    end_ = std::min<uint64_t>(got, left_bytes_);
    left_bytes_ -= end_;
  }

  const byte_source& from_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  uint64_t left_bytes_;
  uint64_t line_ = 1;
  bool pending_line_ = false; // the last character that was passed ended a line
  bool over_limit_ = false;
};

/// What nlohmann::json asks of an input iterator.
class character_iterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit character_iterator(characters* from = nullptr) : from_{from} {
  }
  char operator*() const {
    return from_->current();
  }
  character_iterator& operator++() {
    from_->advance();
    return *this;
  }
  bool operator==(const character_iterator& other) const {
    return at_end() == other.at_end();
  }
  bool operator!=(const character_iterator& other) const {
    return !(*this == other);
  }

private:
  bool at_end() const {
    return from_ == nullptr || from_->at_end();
  }
  characters* from_;
};

std::string read_session(const byte_source& from, const request_events::told& tell) {
  characters text{from, max_session_bytes};
  request_events events{agentic_fields, text.line(), tell};
  const bool parsed
    = nlohmann::json::sax_parse(character_iterator{&text}, character_iterator{}, &events);
  if (parsed || events.stopped())
    return {};
  const auto why = text.over_limit() ? "longer than " + std::to_string(max_session_bytes) + " bytes"
                                     : events.error();
  return "line " + std::to_string(text.line()) + ": " + why;
}

/// The lines of a source, without their ends. A line that is too long comes empty, with a flag.
class lines {
public:
  explicit lines(const byte_source& from) : from_{from}, buffer_(piece_bytes) {
  }

  bool next() {
    text.clear();
    too_long = false;
    ++number;
    bool any = false;
    for (;;) {
      if (at_ == end_) {
        at_ = 0;
        end_ = from_(buffer_);
        if (end_ == 0)
          return any;
      }
      any = true;
      const std::string_view rest{buffer_.data() + at_, end_ - at_};
      const auto found = rest.find('\n');
      const auto piece = rest.substr(0, found);
      too_long |= piece.size() > max_line_bytes - text.size();
      if (too_long)
        text.clear();
      else
        text += piece;
      at_ += piece.size() + (found == std::string_view::npos ? 0 : 1);
      if (found != std::string_view::npos)
        return true;
    }
  }

  std::string text;
  uint64_t number = 0;
  bool too_long = false;

private:
  const byte_source& from_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
};

std::variant<workload_request, bad_request> read_line(const lines& line) {
  std::variant<workload_request, bad_request> result = bad_request{};
  if (line.too_long)
    return bad_request{line.number, "longer than " + std::to_string(max_line_bytes) + " bytes"};
  request_events events{mooncake_fields, line.number, [&](auto request) {
                          result = std::move(request);
                          return true;
                        }};
  if (nlohmann::json::sax_parse(line.text, &events))
    return result;
  return bad_request{line.number, events.error()};
}

} // namespace

std::optional<workload_format> parse_workload_format(std::string_view name) {
  if (name == "mooncake")
    return workload_format::mooncake;
  if (name == "agentic")
    return workload_format::agentic;
  return std::nullopt;
}

uint32_t block_tokens(workload_format format) {
  return format == workload_format::mooncake ? 512 : 64;
}

std::string
read_requests(workload_format format, const byte_source& from, const request_events::told& tell) {
  if (format == workload_format::agentic)
    return read_session(from, tell);
  lines line{from};
  while (line.next())
    if (line.too_long || line.text.find_first_not_of(" \t\r") != std::string::npos)
      if (!tell(read_line(line)))
        break;
  return {};
}

} // namespace actord::trace
