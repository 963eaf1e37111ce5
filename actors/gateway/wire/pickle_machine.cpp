#include "actors/gateway/wire/pickle_machine.hpp"

#include "actors/gateway/wire/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace actord::wire {

namespace {

using kind = pickle_value::kind;

/// The opcodes that are understood, by Python's names for them.
enum opcode : uint8_t {
  op_mark = '(',
  op_empty_tuple = ')',
  op_stop = '.',
  op_binbytes = 'B',
  op_short_binbytes = 'C',
  op_binint = 'J',
  op_binint1 = 'K',
  op_binint2 = 'M',
  op_none = 'N',
  op_binpersid = 'Q',
  op_reduce = 'R',
  op_binunicode = 'X',
  op_empty_list = ']',
  op_append = 'a',
  op_global = 'c',
  op_appends = 'e',
  op_binget = 'h',
  op_long_binget = 'j',
  op_binput = 'q',
  op_long_binput = 'r',
  op_setitem = 's',
  op_tuple = 't',
  op_setitems = 'u',
  op_empty_dict = '}',
  op_proto = 0x80,
  op_tuple1 = 0x85,
  op_tuple2 = 0x86,
  op_tuple3 = 0x87,
  op_newtrue = 0x88,
  op_newfalse = 0x89,
  op_long1 = 0x8a,
  op_short_binunicode = 0x8c,
  op_binunicode8 = 0x8d,
  op_binbytes8 = 0x8e,
  op_stack_global = 0x93,
  op_memoize = 0x94,
  op_frame = 0x95,
};

class pickle_machine {
public:
  pickle_machine(std::span<const std::byte> bytes, std::span<const pickle_global> allowed,
                 pickle_limits limits)
    : bytes_(reinterpret_cast<const char*>(bytes.data()), bytes.size()), allowed_(allowed),
      limits_(limits) {
  }

  std::variant<pickle_tree, std::string> run() {
    for (size_t count = 0; error_.empty(); ++count) {
      if (count == limits_.max_opcodes) {
        fail("more than " + std::to_string(limits_.max_opcodes) + " opcodes");
      } else if (const auto code = static_cast<uint8_t>(number(1)); !error_.empty()) {
        break;
      } else if (code == op_stop) {
        return finish();
      } else {
        step(code);
      }
    }
    return error_ + " at byte " + std::to_string(position_) + " of a pickle";
  }

private:
  void fail(std::string reason) {
    if (error_.empty()) {
      error_ = std::move(reason);
    }
  }

  std::variant<pickle_tree, std::string> finish() {
    tree_.root = pop();
    if (!error_.empty() || !stack_.empty() || tree_.root.type == kind::mark) {
      return "STOP with more or less than one value at byte " + std::to_string(position_)
             + " of a pickle";
    }
    tree_.consumed = position_;
    return std::move(tree_);
  }

  // Input.

  std::string_view take(uint64_t length) {
    if (bytes_.size() - position_ < length) {
      fail("the data ends early");
      return {};
    }
    const auto result = bytes_.substr(position_, static_cast<size_t>(length));
    position_ += static_cast<size_t>(length);
    return result;
  }

  uint64_t number(size_t width) {
    uint64_t result = 0;
    const std::string_view text = take(width);
    for (size_t i = text.size(); i > 0; --i) {
      result = result << 8 | static_cast<uint8_t>(text[i - 1]);
    }
    return result;
  }

  std::string_view line() {
    constexpr size_t max_line = 256;
    const size_t length = bytes_.substr(position_, max_line).find('\n');
    if (length == std::string_view::npos) {
      fail("a global's name does not end");
      return {};
    }
    const std::string_view result = take(length);
    take(1);
    return result;
  }

  // Stack.

  void push(kind type, int64_t value = 0, std::string_view text = {}) {
    stack_.push_back({type, value, text});
  }

  void push_node(kind type, std::vector<pickle_value> node) {
    push(type, static_cast<int64_t>(tree_.nodes.size()));
    tree_.nodes.push_back(std::move(node));
  }

  pickle_value pop() {
    if (stack_.empty()) {
      fail("nothing on the stack");
      return {};
    }
    const pickle_value result = stack_.back();
    stack_.pop_back();
    return result;
  }

  /// The values above the newest mark, which goes too.
  std::vector<pickle_value> pop_to_mark() {
    const auto is_mark = [](const pickle_value& each) { return each.type == kind::mark; };
    const auto mark = std::find_if(stack_.rbegin(), stack_.rend(), is_mark);
    if (mark == stack_.rend()) {
      fail("no mark on the stack");
      return {};
    }
    std::vector<pickle_value> result(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return result;
  }

  std::vector<pickle_value> pop_values(size_t count) {
    std::vector<pickle_value> result(count);
    for (size_t i = count; i > 0; --i) {
      result[i - 1] = pop();
      if (result[i - 1].type == kind::mark) {
        fail("a mark where a value is due");
      }
    }
    return result;
  }

  /// Adds to the container on top of the stack.
  void extend(kind type, std::vector<pickle_value> values) {
    if (stack_.empty() || stack_.back().type != type) {
      fail("no container to add to");
      return;
    }
    if (type == kind::dict && values.size() % 2 != 0) {
      fail("a key without a value");
      return;
    }
    auto& node = tree_.nodes[static_cast<size_t>(stack_.back().number)];
    node.insert(node.end(), values.begin(), values.end());
  }

  // Memo.

  void remember(uint64_t index) {
    if (stack_.empty() || stack_.back().type == kind::mark) {
      fail("nothing to remember");
    } else if (index < memo_.size()) {
      memo_[static_cast<size_t>(index)] = stack_.back();
    } else if (index == memo_.size()) {
      memo_.push_back(stack_.back());
    } else {
      fail("memo entry " + std::to_string(index) + " leaves a gap");
    }
  }

  void recall(uint64_t index) {
    if (index >= memo_.size()) {
      fail("memo entry " + std::to_string(index) + " does not exist");
      return;
    }
    stack_.push_back(memo_[static_cast<size_t>(index)]);
  }

  // Values.

  void push_global(std::string_view module, std::string_view name) {
    for (size_t i = 0; i < allowed_.size() && error_.empty(); ++i) {
      if (allowed_[i].module == module && allowed_[i].name == name) {
        push(kind::global, static_cast<int64_t>(i));
        return;
      }
    }
    fail("global " + printable(module) + ' ' + printable(name) + " is not allowed");
  }

  void push_long() {
    const std::string_view text = take(number(1));
    if (text.size() > 8) {
      push(kind::big, 0, text);
      return;
    }
    const bool negative = !text.empty() && static_cast<uint8_t>(text.back()) >= 0x80;
    uint64_t result = negative ? ~uint64_t{0} : 0;
    for (size_t i = text.size(); i > 0; --i) {
      result = result << 8 | static_cast<uint8_t>(text[i - 1]);
    }
    push(kind::integer, static_cast<int64_t>(result));
  }

  void push_stack_global() {
    const auto names = pop_values(2);
    if (names[0].type != kind::str || names[1].type != kind::str) {
      fail("STACK_GLOBAL without two strings");
      return;
    }
    push_global(names[0].text, names[1].text);
  }

  void push_call() {
    auto parts = pop_values(2);
    if (parts[0].type != kind::global || parts[1].type != kind::tuple) {
      fail("REDUCE without a global and a tuple");
      return;
    }
    push_node(kind::call, std::move(parts));
  }

  void push_persistent() {
    if (!limits_.persistent_ids) {
      fail("a persistent id is not allowed");
      return;
    }
    push_node(kind::persistent, pop_values(1));
  }

  void check_protocol(uint64_t version) {
    if (error_.empty() && (version < 2 || version > 5)) {
      fail("protocol " + std::to_string(version) + " is not supported");
    }
  }

  void step(uint8_t code) {
    switch (code) {
      case op_proto: check_protocol(number(1)); break;
      case op_frame: number(8); break; // a hint for readers of streams
      case op_mark: push(kind::mark); break;
      case op_none: push(kind::none); break;
      case op_newtrue: push(kind::boolean, 1); break;
      case op_newfalse: push(kind::boolean, 0); break;
      case op_binint: push(kind::integer, static_cast<int32_t>(number(4))); break;
      case op_binint1: push(kind::integer, static_cast<int64_t>(number(1))); break;
      case op_binint2: push(kind::integer, static_cast<int64_t>(number(2))); break;
      case op_long1: push_long(); break;
      case op_short_binunicode: push(kind::str, 0, take(number(1))); break;
      case op_binunicode: push(kind::str, 0, take(number(4))); break;
      case op_binunicode8: push(kind::str, 0, take(number(8))); break;
      case op_short_binbytes: push(kind::bytes, 0, take(number(1))); break;
      case op_binbytes: push(kind::bytes, 0, take(number(4))); break;
      case op_binbytes8: push(kind::bytes, 0, take(number(8))); break;
      case op_empty_tuple: push_node(kind::tuple, {}); break;
      case op_tuple1: push_node(kind::tuple, pop_values(1)); break;
      case op_tuple2: push_node(kind::tuple, pop_values(2)); break;
      case op_tuple3: push_node(kind::tuple, pop_values(3)); break;
      case op_tuple: push_node(kind::tuple, pop_to_mark()); break;
      case op_empty_list: push_node(kind::list, {}); break;
      case op_append: extend(kind::list, pop_values(1)); break;
      case op_appends: extend(kind::list, pop_to_mark()); break;
      case op_empty_dict: push_node(kind::dict, {}); break;
      case op_setitem: extend(kind::dict, pop_values(2)); break;
      case op_setitems: extend(kind::dict, pop_to_mark()); break;
      case op_memoize: remember(memo_.size()); break;
      case op_binput: remember(number(1)); break;
      case op_long_binput: remember(number(4)); break;
      case op_binget: recall(number(1)); break;
      case op_long_binget: recall(number(4)); break;
      case op_stack_global: push_stack_global(); break;
      case op_reduce: push_call(); break;
      case op_binpersid: push_persistent(); break;
      case op_global: {
        const std::string_view module = line();
        push_global(module, line());
        break;
      }
      default: fail("opcode " + std::to_string(code) + " is not allowed");
    }
  }

  std::string_view bytes_;
  std::span<const pickle_global> allowed_;
  pickle_limits limits_;
  size_t position_ = 0;
  std::string error_;
  pickle_tree tree_;
  std::vector<pickle_value> stack_;
  std::vector<pickle_value> memo_;
};

} // namespace

std::variant<pickle_tree, std::string>
parse_pickle(std::span<const std::byte> bytes, std::span<const pickle_global> allowed,
             pickle_limits limits) {
  return pickle_machine(bytes, allowed, limits).run();
}

} // namespace actord::wire
