#include "runtime/options/bounded_json.hpp"

namespace actord {

namespace {

bool is_too_deep(const std::string& text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && (text[i] == '[' || text[i] == '{') && ++depth > max_json_depth)
      return true;
    else if (!in_string && (text[i] == ']' || text[i] == '}') && depth > 0)
      --depth;
  }
  return false;
}

} // namespace

std::optional<nlohmann::ordered_json> parse_bounded_json(const std::string& text) {
  if (is_too_deep(text))
    return std::nullopt;
  auto result = nlohmann::ordered_json::parse(text, nullptr, false);
  if (result.is_discarded())
    return std::nullopt;
  return result;
}

} // namespace actord
