#include "runtime/options/argparse_forms.hpp"

#include "runtime/options/option_values.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace actord {

namespace {

/// An argument that names a flag: `--no-x` and `--x=v` are told apart here.
struct flag_word {
  const flag_spec* flag = nullptr; // null: looks like a flag, but none has that name
  std::string spelled;             // full name as written out: --no-l1-use-lazy
  bool negated = false;
  std::optional<std::string> attached; // v of --x=v
};

/// Empty: an ordinary word that may be a value.
using word_class = std::variant<std::monostate, flag_word, syntax_error>;

bool is_negative_number(std::string_view word) {
  if (word.size() < 2 || word.front() != '-')
    return false;
  word.remove_prefix(1);
  auto dot = word.find('.');
  auto all_digits = [](std::string_view part) {
    return part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dot == std::string_view::npos)
    return all_digits(word);
  return all_digits(word.substr(0, dot)) && dot + 1 < word.size()
         && all_digits(word.substr(dot + 1));
}

std::string negated_name(const flag_spec& flag) {
  return "--no-" + flag.name.substr(2);
}

std::vector<flag_word>
matches(std::string_view name, bool exact, bool ours, const option_set& flags) {
  std::vector<flag_word> result;
  auto consider = [&](const flag_spec& flag, const std::string& full, bool negated) {
    if (exact ? full == name : full.starts_with(name))
      result.push_back({&flag, full, negated, std::nullopt});
  };
  for (const auto& flag : flags.flags()) {
    if (!exact && flag.ours != ours)
      continue;
    consider(flag, flag.name, false);
    if (flag.form == flag_form::toggle)
      consider(flag, negated_name(flag), true);
  }
  return result;
}

word_class classify_letters(const std::string& word, const option_set& flags) {
  for (const auto& flag : flags.flags()) {
    if (flag.letter == 0 || word[1] != flag.letter)
      continue;
    flag_word found{&flag, word.substr(0, 2), false, std::nullopt};
    if (word.size() > 2)
      found.attached = word.substr(word[2] == '=' ? 3 : 2);
    return found;
  }
  return std::monostate{};
}

word_class classify_long(const std::string& word, const option_set& flags) {
  auto equals = word.find('=');
  auto name = word.substr(0, equals);
  auto found = matches(name, true, false, flags);
  if (found.empty())
    found = matches(name, false, false, flags);
  if (found.empty())
    found = matches(name, false, true, flags);
  if (found.empty())
    return std::monostate{};
  if (found.size() > 1) {
    // Without what stands behind `=`, which may be a secret.
    std::string text = "ambiguous option: " + printable(name) + " could match ";
    for (std::size_t i = 0; i < found.size(); ++i)
      text += (i == 0 ? "" : ", ") + found[i].spelled;
    return syntax_error{text};
  }
  if (equals != std::string::npos)
    found.front().attached = word.substr(equals + 1);
  return found.front();
}

word_class classify(const std::string& word, const option_set& flags) {
  if (word.size() < 2 || word.front() != '-')
    return std::monostate{};
  auto result = word[1] == '-' ? classify_long(word, flags) : classify_letters(word, flags);
  if (!std::holds_alternative<std::monostate>(result))
    return result;
  if (is_negative_number(word) || word.find(' ') != std::string::npos)
    return std::monostate{};
  return flag_word{nullptr, word, false, std::nullopt};
}

class normaliser {
public:
  normaliser(std::span<const std::string> args, const option_set& flags)
    : args_(args), flags_(flags) {
  }

  std::variant<canonical_arguments, syntax_error> run() {
    // Every word is looked at before any is used: an ambiguous one wins over all other errors.
    bool only_words = false;
    for (const auto& arg : args_) {
      only_words = only_words || arg == "--";
      auto word = only_words ? word_class{} : classify(arg, flags_);
      if (auto* error = std::get_if<syntax_error>(&word))
        return std::move(*error);
      words_.push_back(std::move(word));
    }
    while (next_ < args_.size() && result_.early == canonical_arguments::stop::none)
      if (auto error = take())
        return std::move(*error);
    if (!unknown_.empty() && result_.early == canonical_arguments::stop::none)
      return syntax_error{"unrecognized arguments:" + unknown_};
    return std::move(result_);
  }

private:
  std::optional<syntax_error> take() {
    const auto& arg = args_[next_];
    auto* word = std::get_if<flag_word>(&words_[next_]);
    ++next_;
    if (word == nullptr || word->flag == nullptr) {
      unknown_ += " " + printable(arg);
      return std::nullopt;
    }
    switch (word->flag->form) {
      case flag_form::value:
      case flag_form::repeated: return take_value(*word);
      case flag_form::words: take_words(*word); return std::nullopt;
      case flag_form::toggle:
      case flag_form::switch_on:
      case flag_form::action: break;
    }
    return take_switch(*word);
  }

  /// Name as argparse spells it in messages: `-q/--quiet`, `--l1-use-lazy/--no-l1-use-lazy`.
  static std::string shown_name(const flag_spec& flag) {
    if (flag.letter != 0)
      return std::string("-") + flag.letter + "/" + flag.name;
    return flag.form == flag_form::toggle ? flag.name + "/" + negated_name(flag) : flag.name;
  }

  bool word_follows() const {
    return next_ < args_.size() && std::holds_alternative<std::monostate>(words_[next_])
           && args_[next_] != "--";
  }

  std::optional<syntax_error> take_value(const flag_word& word) {
    if (word.attached) {
      emit(*word.flag, *word.attached);
    } else if (word_follows()) {
      emit(*word.flag, args_[next_++]);
    } else {
      return syntax_error{"argument " + shown_name(*word.flag) + ": expected one argument"};
    }
    return std::nullopt;
  }

  void take_words(const flag_word& word) {
    auto list = nlohmann::json::array();
    if (word.attached)
      list.push_back(*word.attached);
    else
      while (word_follows())
        list.push_back(args_[next_++]);
    emit(*word.flag, list.dump());
  }

  std::optional<syntax_error> take_switch(const flag_word& word) {
    if (word.attached)
      return syntax_error{"argument " + shown_name(*word.flag) + ": ignored explicit argument '"
                          + printable(*word.attached) + "'"};
    if (word.flag->form != flag_form::action)
      emit(*word.flag, word.negated ? "false" : "true");
    else if (word.flag->name == "--help")
      result_.early = canonical_arguments::stop::help;
    else
      result_.early = canonical_arguments::stop::version;
    return std::nullopt;
  }

  void emit(const flag_spec& flag, std::string value) {
    result_.pairs.push_back(flag.name);
    result_.pairs.push_back(std::move(value));
  }

  std::span<const std::string> args_;
  const option_set& flags_;
  std::vector<word_class> words_;
  std::size_t next_ = 0;
  std::string unknown_;
  canonical_arguments result_;
};

} // namespace

std::variant<canonical_arguments, syntax_error>
normalise_arguments(std::span<const std::string> args, const option_set& flags) {
  for (std::size_t i = 0; i < args.size(); ++i)
    if (!is_utf8_text(args[i]))
      return syntax_error{"argument " + std::to_string(i + 1) + " is not UTF-8 text"};
  if (!args.empty() && args.front() == "server")
    args = args.subspan(1);
  return normaliser(args, flags).run();
}

} // namespace actord
