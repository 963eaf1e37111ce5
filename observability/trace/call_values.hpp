// Tagged values of recorded calls: {"__t__": tag, "v": value} (spec observability §6.3).
#pragma once

#include "observability/trace/calls.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace actord::trace {

value write_keys(const key_list& keys);
value write_layout(const layout_desc& layout);
value write_spec(const submit_prefetch_call& what);

/// Reads the same. The first failure sticks; every later read returns something empty, so that
/// `error()` is asked once per call. A null pointer is a value that is missing, told by `of`.
class call_values {
public:
  /// The value of a key, which must be there.
  const value* of(const value_map& map, std::string_view key);

  key_list keys(const value* from);
  layout_desc layout(const value* from);
  submit_prefetch_call spec(const value* from);
  std::string string(const value* from);
  bool boolean(const value* from);
  int64_t integer(const value* from, int64_t least, int64_t most);

  const std::string& error() const noexcept {
    return error_;
  }

private:
  void fail(std::string why);
  /// What a tag holds. Both are null when it is not that tag.
  const value* tagged(const value* from, std::string_view tag);
  const value_map* tagged_map(const value* from, std::string_view tag);
  const value_list* list(const value* from);
  void add_key(key_list& to, const value& from);
  key_group group(const value& from);

  std::string error_;
};

} // namespace actord::trace
