// The part of l2_index that lists its objects page by page.
#include "storage/l2_index.hpp"

#include <algorithm>
#include <charconv>

namespace actord {

namespace {

constexpr uint32_t scan_limit = 1u << 16; // records that one page looks at

/// Where a listing goes on: at `record`, for records made before `births`. A
/// record keeps its number as long as it lives, and a name that comes back has
/// a later birth: so nothing is listed twice.
struct place {
  uint32_t record = 0;
  uint64_t births = 0;
};

template <class Number>
bool parse_hex(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<place> parse_place(std::string_view cursor) {
  place result;
  auto dot = cursor.find('.');
  if (dot == std::string_view::npos || !parse_hex(cursor.substr(0, dot), result.record)
      || !parse_hex(cursor.substr(dot + 1), result.births))
    return std::nullopt;
  return result;
}

std::string to_text(const place& from) {
  char text[32];
  auto* end = std::to_chars(text, text + 8, from.record, 16).ptr;
  *end++ = '.';
  end = std::to_chars(end, text + sizeof text, from.births, 16).ptr;
  return {text, end};
}

} // namespace

std::optional<l2_index::page> l2_index::list(size_t max_objects, std::string_view cursor,
                                             std::optional<std::string_view> model_name) const {
  auto from = cursor.empty() ? std::optional{place{0, births_}} : parse_place(cursor);
  if (!from)
    return std::nullopt;
  max_objects = std::clamp<size_t>(max_objects, 1, max_page_objects);
  page result;
  auto space = nil; // seen last
  bool wanted = false;
  auto end = objects_.touched() - std::min(objects_.touched(), from->record) > scan_limit
               ? from->record + scan_limit
               : objects_.touched();
  auto at = from->record;
  for (; at < end && result.objects.size() < max_objects; ++at) {
    const auto& object = objects_[at];
    if (object.now != state::resident || object.birth >= from->births)
      continue;
    if (object.space != space) {
      space = object.space;
      wanted = !model_name || spaces_.space(space).model_name == *model_name;
    }
    if (wanted)
      result.objects.push_back(ref_of(object));
  }
  if (at < objects_.touched())
    result.next = to_text({at, from->births});
  return result;
}

} // namespace actord
