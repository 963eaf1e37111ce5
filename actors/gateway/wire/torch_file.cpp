#include "actors/gateway/wire/torch_file.hpp"

#include "actors/gateway/wire/pickle_machine.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace actord::wire {

namespace {

using kind = pickle_value::kind;

constexpr pickle_limits header_limits = {64, true}; // the longest header takes 29 opcodes

constexpr std::array<pickle_global, 11> storage_classes = {{
  {"torch.storage", "UntypedStorage"},
  {"torch", "HalfStorage"},
  {"torch", "BFloat16Storage"},
  {"torch", "FloatStorage"},
  {"torch", "DoubleStorage"},
  {"torch", "ByteStorage"},
  {"torch", "CharStorage"},
  {"torch", "ShortStorage"},
  {"torch", "IntStorage"},
  {"torch", "LongStorage"},
  {"torch", "BoolStorage"},
}};

/// Walks the five pickles. A step that finds something wrong leaves `error`.
class legacy_file {
public:
  explicit legacy_file(std::span<const std::byte> bytes) : bytes_(bytes) {
  }

  torch_storage read() {
    constexpr std::string_view magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
    const pickle_tree first = next();
    expect(first.root.type == kind::big && first.root.text == magic, "has no magic number");
    const pickle_tree version = next();
    expect(is_int(version.root, protocol_version), "has another protocol version");
    check_system(next());
    torch_storage result;
    const std::string key = read_storage(next(), result);
    check_keys(next(), key);
    read_data(result);
    return result;
  }

  std::string error;

private:
  static constexpr int64_t protocol_version = 1001;

  static bool is_int(const pickle_value& value, int64_t expected) {
    return value.type == kind::integer && value.number == expected;
  }

  static bool is_str(const pickle_value& value, std::string_view expected) {
    return value.type == kind::str && value.text == expected;
  }

  void expect(bool holds, std::string_view what) {
    if (!holds && error.empty()) {
      error = "the torch file " + std::string(what);
    }
  }

  pickle_tree next() {
    if (!error.empty()) {
      return {};
    }
    auto parsed = parse_pickle(bytes_, storage_classes, header_limits);
    if (auto* reason = std::get_if<std::string>(&parsed)) {
      error = "the torch file: " + *reason;
      return {};
    }
    auto& tree = std::get<pickle_tree>(parsed);
    bytes_ = bytes_.subspan(tree.consumed);
    return std::move(tree);
  }

  /// The machine that wrote the file must order bytes as we do; its type sizes
  /// mean nothing.
  void check_system(const pickle_tree& tree) {
    bool little_endian = false;
    if (tree.root.type == kind::dict) {
      const auto& items = tree.nodes[static_cast<size_t>(tree.root.number)];
      for (size_t i = 0; i + 1 < items.size(); i += 2) {
        if (is_str(items[i], "little_endian")) {
          little_endian = items[i + 1].type == kind::boolean && items[i + 1].number != 0;
        }
      }
    }
    expect(little_endian, "is not little-endian");
  }

  /// Reads ('storage', class, key, 'cpu', count, None) and returns the key.
  std::string read_storage(const pickle_tree& tree, torch_storage& out) {
    if (tree.root.type == kind::persistent) {
      const pickle_value id = tree.nodes[static_cast<size_t>(tree.root.number)][0];
      if (id.type == kind::tuple) {
        const auto& items = tree.nodes[static_cast<size_t>(id.number)];
        if (items.size() == 6 && is_str(items[0], "storage") && items[1].type == kind::global
            && items[2].type == kind::str && is_str(items[3], "cpu")
            && items[4].type == kind::integer && items[4].number >= 0
            && items[5].type == kind::none) {
          const auto index = static_cast<size_t>(items[1].number);
          out.dtype = find_storage_class(storage_classes[index].name);
          count_ = items[4].number;
          return std::string(items[2].text);
        }
      }
    }
    expect(false, "does not describe one CPU storage");
    return {};
  }

  void check_keys(const pickle_tree& tree, std::string_view key) {
    bool found = false;
    if (tree.root.type == kind::list) {
      const auto& keys = tree.nodes[static_cast<size_t>(tree.root.number)];
      found = keys.size() == 1 && is_str(keys[0], key);
    }
    expect(found, "does not list its storage");
  }

  /// An int64 count, which repeats the described one, then the data to the end
  /// of the file.
  void read_data(torch_storage& out) {
    int64_t stored = 0;
    expect(bytes_.size() >= sizeof stored, "ends before its data");
    if (!error.empty()) {
      return;
    }
    for (size_t i = sizeof stored; i > 0; --i) {
      stored = static_cast<int64_t>(static_cast<uint64_t>(stored) << 8
                                    | std::to_integer<uint64_t>(bytes_[i - 1]));
    }
    out.bytes = bytes_.subspan(sizeof stored);
    const uint64_t item_bytes = out.dtype ? out.dtype->item_bytes : 1;
    expect(stored == count_ && out.bytes.size() % item_bytes == 0
             && out.bytes.size() / item_bytes == static_cast<uint64_t>(count_),
           "has data of another length than it says");
  }

  std::span<const std::byte> bytes_;
  int64_t count_ = 0;
};

} // namespace

std::variant<torch_storage, std::string> read_torch_file(std::span<const std::byte> bytes) {
  legacy_file file(bytes);
  const torch_storage result = file.read();
  if (!file.error.empty()) {
    return std::move(file.error);
  }
  return result;
}

} // namespace actord::wire
