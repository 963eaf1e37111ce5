// Trace files: whatever they hold, the reader ends, and what it took is written again as it was.
#include "observability/trace/calls.hpp"
#include "observability/trace/plot.hpp"
#include "observability/trace/reader.hpp"
#include "observability/trace/replay_stats.hpp"
#include "observability/trace/summary.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

using namespace actord::trace;

namespace {

// Bytes come a few at a time.
byte_source in_pieces(std::string_view text) {
  return [text](std::span<char> into) mutable {
    const auto count = std::min<size_t>({into.size(), text.size(), 7});
    std::memcpy(into.data(), text.data(), count);
    text.remove_prefix(count);
    return count;
  };
}

// Writing a record and reading it gives the record.
void check_round(const record& what) {
  const auto bytes = encode(what);
  const auto again = decode_record(std::string_view{bytes}.substr(4));
  const auto* same = std::get_if<record>(&again);
  if (!same || encode(*same) != bytes)
    std::abort();
}

void check_call(const record& what) {
  const auto understood = to_call(what);
  const auto* found = std::get_if<call>(&understood);
  if (!found)
    return;
  const auto written = to_record(what.t_mono, what.t_wall, *found);
  const auto again = to_call(written);
  if (!std::get_if<call>(&again)
      || encode(to_record(what.t_mono, what.t_wall, std::get<call>(again))) != encode(written))
    std::abort();
  if (const auto* write = std::get_if<reserve_write_call>(found))
    if (const auto bytes = object_bytes(write->layout); bytes && *bytes > uint64_t{1} << 40)
      std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  auto opened = reader::open("f", in_pieces(text), [](const std::string&) {});
  if (auto* file = std::get_if<reader>(&opened)) {
    summary all{file->head()};
    size_t records = 0;
    while (auto each = file->next()) {
      if (++records > size)
        std::abort();
      all.add(*each);
      check_round(*each);
      check_call(*each);
    }
    if (file->offset() > size || file->lost() < 0)
      std::abort();
    all.text("f");
  }
  bool has_time = false;
  if (const auto sample = parse_json_line(std::string{text}, has_time)) {
    plot drawn;
    drawn.add(*sample, sample->t_s);
    drawn.svg(sample->qualname, has_time);
    const auto line = json_line(*sample);
    if (const auto again = parse_json_line(line, has_time); !again || json_line(*again) != line)
      std::abort();
  }
  return 0;
}
