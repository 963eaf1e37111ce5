// The files that list all options: conf/lmcache-actord.toml and docs/operations/options.md.
#include "runtime/options/config_view.hpp"
#include "runtime/options/option_draft.hpp"
#include "runtime/options/toml_reader.hpp"
#include "runtime/options/version.hpp"
#include "tests/runtime/options/option_fixture.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace actord;
using namespace actord::test;

namespace {

std::string repository_file(const std::string& path) {
  std::ifstream file(std::string(ACTORD_TEST_DATA "/../../") + path);
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

TEST_CASE("the file of all options holds exactly the defaults") {
  option_world world;
  world.files["conf"] = repository_file("conf/lmcache-actord.toml");
  auto from_file = world.started({"--config", "conf"});
  CHECK(from_file.warnings.empty());
  from_file.config_file.clear();
  auto defaults = world.started({"--l1-size-gb", "2", "--eviction-policy", "LRU"});
  CHECK(config_view(from_file).dump(2) == config_view(defaults).dump(2));
}

TEST_CASE("every option stands in the file, with a line that says why") {
  option_draft draft;
  option_set flags;
  declare_options(flags, draft);
  auto text = repository_file("conf/lmcache-actord.toml");
  for (const auto& flag : flags.flags()) {
    CAPTURE(flag.name);
    auto key = "\n" + flag.name.substr(2) + " = ";
    auto at = text.find(key);
    if (at == std::string::npos)
      at = text.find("\n#" + key.substr(1));
    CHECK((at != std::string::npos) == !flag.command_line_only);
    if (flag.command_line_only || at == std::string::npos)
      continue;
    auto line_before = text.rfind('\n', at - 1);
    CHECK(text.substr(line_before, 3) == "\n# ");
  }
}

TEST_CASE("every option stands in the documentation, with its default") {
  option_draft draft;
  option_set flags;
  declare_options(flags, draft);
  auto text = repository_file("docs/operations/options.md");
  for (const auto& flag : flags.flags()) {
    CAPTURE(flag.name);
    CHECK(contains(text, "`" + flag.name + "`"));
    if (flag.hidden || flag.form != flag_form::value)
      continue;
    auto shown = flag.default_text.empty() ? "" : "`" + flag.default_text + "`";
    CHECK(contains(text, "| `" + flag.name + "` | " + shown + " | "));
  }
}

TEST_CASE("every option explains itself and has a variable of its own") {
  option_draft draft;
  option_set flags;
  declare_options(flags, draft);
  std::map<std::string, int> names;
  for (const auto& flag : flags.flags()) {
    CHECK_FALSE(flag.help.empty());
    CHECK_FALSE(flag.group.empty());
    CHECK(++names[flag.name] == 1);
  }
  CHECK(flags.find("--l1-size-gb")->our_variable() == "LMCACHE_ACTORD_L1_SIZE_GB");
}

TEST_CASE("the version is the one of the build") {
  CHECK(
    contains(repository_file("CMakeLists.txt"), "VERSION " + std::string(daemon_version) + " "));
}
