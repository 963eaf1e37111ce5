#include "tests/runtime/options/option_fixture.hpp"

#include "runtime/options/argparse_forms.hpp"
#include "runtime/options/cli11_values.hpp"
#include "runtime/options/option_draft.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct all_flags {
  option_draft draft;
  option_set flags;

  all_flags() {
    declare_options(flags, draft);
  }

  /// Canonical pairs, or the error as the only word.
  words canonical(const words& args) const {
    auto result = normalise_arguments(args, flags);
    if (auto* error = std::get_if<syntax_error>(&result))
      return {error->text};
    return std::get<canonical_arguments>(result).pairs;
  }
};

} // namespace

TEST_CASE("every accepted spelling becomes flag and value") {
  const all_flags all;
  const std::pair<words, words> cases[] = {
    {{}, {}},
    {{"server"}, {}},
    {{"--port", "1"}, {"--port", "1"}},
    {{"--port=1"}, {"--port", "1"}},
    {{"--port="}, {"--port", ""}},
    {{"--port", ""}, {"--port", ""}},
    {{"--host", "-"}, {"--host", "-"}},
    {{"--host", "-a b"}, {"--host", "-a b"}},
    {{"--host=--port"}, {"--host", "--port"}},
    {{"--host", "server"}, {"--host", "server"}},
    {{"--l1-size", "2"}, {"--l1-size-gb", "2"}},
    {{"--l1-size=2"}, {"--l1-size-gb", "2"}},
    {{"--null-block-id", "-1"}, {"--null-block-id", "-1"}},
    {{"--eviction-ratio", "-.5"}, {"--eviction-ratio", "-.5"}},
    {{"--no-l1-use-l"}, {"--l1-use-lazy", "false"}},
    {{"--isolated-ipc", "--no-isolated-ipc"},
     {"--isolated-ipc", "true", "--isolated-ipc", "false"}},
    {{"--disable-metrics"}, {"--disable-metrics", "true"}},
    {{"-q"}, {"--quiet", "true"}},
    {{"--enable"}, {"--enable", "[]"}},
    {{"--enable", "a", "b", "--port", "1"}, {"--enable", "[\"a\",\"b\"]", "--port", "1"}},
    {{"--enable=a"}, {"--enable", "[\"a\"]"}},
    {{"--prometheus", "1"}, {"--prometheus-port", "1"}},
    {{"--prometheus-h", "x"}, {"--prometheus-host", "x"}},
  };
  for (const auto& item : cases) {
    const auto& args = item.first;
    const auto& expected = item.second;
    CAPTURE(args);
    CHECK(all.canonical(args) == expected);
  }
}

TEST_CASE("wrong spellings are told in argparse's words") {
  const all_flags all;
  const std::pair<words, const char*> cases[] = {
    {{"--port"}, "argument --port: expected one argument"},
    {{"--port", "--host", "x"}, "argument --port: expected one argument"},
    {{"--port", "--", "1"}, "argument --port: expected one argument"},
    {{"--host", "-x"}, "argument --host: expected one argument"},
    {{"--nope", "a", "b"}, "unrecognized arguments: --nope a b"},
    {{"--port", "1", "--", "-q"}, "unrecognized arguments: -- -q"},
    {{"stray"}, "unrecognized arguments: stray"},
    {{"--port", "1", "server"}, "unrecognized arguments: server"},
    {{"--enable=a", "b"}, "unrecognized arguments: b"},
    {{"-z"}, "unrecognized arguments: -z"},
    {{"--quiet=1"}, "argument -q/--quiet: ignored explicit argument '1'"},
    {{"--no-l1-use-lazy=1"},
     "argument --l1-use-lazy/--no-l1-use-lazy: ignored explicit argument '1'"},
    {{"--port", "x", "--no-l1-use"},
     "ambiguous option: --no-l1-use could match --no-l1-use-lazy, --no-l1-use-hugepages"},
    {{"\xff"}, "argument 1 is not UTF-8 text"},
  };
  for (const auto& item : cases) {
    const auto& args = item.first;
    const auto& expected = item.second;
    CAPTURE(args);
    CHECK(all.canonical(args) == words{expected});
  }
  CHECK(all.canonical({"--l1", "1"})[0].starts_with(
    "ambiguous option: --l1 could match --l1-manager, --l1-size-gb, "));
}

TEST_CASE("our additions leave every old abbreviation as it was") {
  const all_flags all;
  for (const auto& flag : all.flags.flags()) {
    if (flag.ours || flag.form != flag_form::value)
      continue;
    for (std::size_t size = 3; size <= flag.name.size(); ++size) {
      auto prefix = flag.name.substr(0, size);
      std::size_t old_matches = 0;
      bool exact = all.flags.find(prefix) != nullptr;
      for (const auto& other : all.flags.flags())
        old_matches
          += !other.ours && other.name.starts_with(prefix) && (!exact || other.name == prefix);
      bool negated = std::string("--no-").starts_with(prefix) || prefix.starts_with("--no-");
      if (old_matches != 1 || negated)
        continue;
      CAPTURE(prefix);
      REQUIRE(all.canonical({prefix, "1"}).size() == 2);
      CHECK_FALSE(all.flags.find(all.canonical({prefix, "1"})[0])->ours);
    }
  }
}

TEST_CASE("help and version stop the reading") {
  const all_flags all;
  auto early = [&](const words& args) {
    auto result = normalise_arguments(args, all.flags);
    REQUIRE(std::holds_alternative<canonical_arguments>(result));
    return std::get<canonical_arguments>(result).early;
  };
  CHECK(early({"--port", "1", "-h", "--nope"}) == canonical_arguments::stop::help);
  CHECK(early({"--hel"}) == canonical_arguments::stop::help);
  CHECK(early({"--version"}) == canonical_arguments::stop::version);
  CHECK(all.canonical({"--port", "-h"})[0] == "argument --port: expected one argument");
}

TEST_CASE("CLI11 hands every value back exactly as written") {
  const all_flags all;
  const words values = {"",  "{}",  "[a,b]", "%%", "-1", "--port", "--", "-q",    "a b",
                        "=", "\"x", "'y'",   ",",  "#",  "true",   "++", "/help", "{}{}"};
  words pairs;
  for (const auto& value : values)
    pairs = pairs + words{"--l2-adapter", value};
  for (const auto& value : values)
    pairs = pairs + words{"--host", value};
  auto collected = collect_values(pairs, all.flags);
  REQUIRE(std::holds_alternative<collected_values>(collected));
  const auto& map = std::get<collected_values>(collected);
  CHECK(map.size() == 2);
  CHECK(map.at("--l2-adapter") == values);
  CHECK(map.at("--host") == values);
}
