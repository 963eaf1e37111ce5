// The events of a JSON parser, taken as the index of a raw_block device.
#pragma once

#include "storage/json_text.hpp"
#include "storage/raw_block_checkpoint.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// A member that is no container.
struct checkpoint_scalar {
  enum kind : uint8_t { null, number, text, other } is = other;
  uint64_t value = 0; // of a number
  std::string json;   // spelled canonically
};

inline checkpoint_scalar number_scalar(uint64_t value) {
  return {checkpoint_scalar::number, value, std::to_string(value)};
}

inline checkpoint_scalar text_scalar(std::string_view value) {
  checkpoint_scalar result{checkpoint_scalar::text, 0, {}};
  append_json_string(result.json, value);
  return result;
}

using checkpoint_members = std::map<std::string, checkpoint_scalar, std::less<>>;

/// Takes events of a JSON parser and keeps what a checkpoint is made of; nothing else of the text
/// takes memory. A call that returns false ends the parsing. (SAX interface of nlohmann::json.)
class checkpoint_reader {
public:
  explicit checkpoint_reader(const raw_block_layout& layout) : layout_{layout} {
  }

  /// What was read; spent afterwards. `error` says only why the text cannot be read.
  checkpoint_result take_result();
  /// The members of the top that a checkpoint is judged by.
  const checkpoint_members& members() const noexcept {
    return members_;
  }

  bool null() {
    return take({checkpoint_scalar::null, 0, "null"});
  }
  bool boolean(bool value) {
    return take({checkpoint_scalar::other, 0, value ? "true" : "false"});
  }
  bool number_integer(int64_t value) { // negative
    return take({checkpoint_scalar::other, 0, std::to_string(value)});
  }
  bool number_unsigned(uint64_t value) {
    return take(number_scalar(value));
  }
  bool number_float(double, const std::string&) {
    return take({checkpoint_scalar::other, 0, "a fraction"});
  }
  bool string(const std::string& value) {
    return take(text_scalar(value));
  }
  template <class Bytes>
  bool binary(const Bytes&) {
    return fail("its index is no JSON");
  }
  bool start_object(size_t) {
    return open(false);
  }
  bool start_array(size_t) {
    return open(true);
  }
  bool key(std::string& name);
  bool end_object();
  bool end_array();

  template <class Exception>
  bool parse_error(size_t byte, const std::string&, const Exception&) {
    if (error_.empty())
      error_ = "its index is no JSON from byte " + std::to_string(byte) + " on";
    return false;
  }

private:
  enum class place : uint8_t { outside, top, entries, entry, list };
  // Members of an entry that describe it, in the order of a description.
  static constexpr std::array<std::string_view, 4> described{"shape", "dtype", "fmt",
                                                             "cached_positions"};

  bool take(checkpoint_scalar value);
  bool open(bool array);
  bool open_ignored();
  bool begin_entry();
  void end_entry();
  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  /// Which of `described` the present member is.
  std::optional<size_t> description_part() const;
  void drop_repeated();

  const raw_block_layout& layout_;
  std::string error_;
  place at_ = place::outside;
  size_t depth_ = 0;
  size_t ignored_ = 0; // depth inside a value that nobody asks for

  std::string member_; // of the top or of an entry
  checkpoint_members members_;
  std::string name_; // of the present entry
  std::optional<uint64_t> offset_, size_;
  std::array<std::string, described.size()> parts_; // JSON; empty: null
  std::string list_;
  bool list_good_ = false;
  std::vector<checkpoint_entry> entries_; // payload_bytes 0: to be skipped
  size_t skipped_ = 0;
};

} // namespace actord
