// --l2-adapter among the other flags: order, L1, several adapters, /config, documentation.
#include "runtime/options/config_view.hpp"
#include "tests/runtime/options/l2_adapter_fixture.hpp"

#include <fstream>
#include <sstream>

using namespace actord;
using namespace actord::test;

namespace {

words adapter(const ordered_json& object) {
  return {"--l2-adapter", object.dump()};
}

const words minimum_with_fs = minimum + adapter(least("fs"));

} // namespace

TEST_CASE("adapters keep the order of their flags") {
  const option_world world;
  auto options
    = world.started(minimum_with_fs + adapter(least("mock")) + adapter(least("fault_inject")));
  REQUIRE(options.l2.adapters.size() == 3);
  CHECK(options.l2.adapters[0].type == "fs");
  CHECK(options.l2.adapters[1].type == "mock");
  CHECK(options.l2.adapters[2].type == "fault_inject");
  CHECK(options.warnings.empty());
}

TEST_CASE("adapters come from the environment and the file like any flag") {
  option_world world;
  world.variables["LMCACHE_ACTORD_L2_ADAPTER"] = least("mock").dump();
  CHECK(world.started(minimum).l2.adapters.at(0).type == "mock");
  world.variables.clear();
  world.files["f"]
    = "l2-adapter = ['" + least("mock").dump() + "', '" + least("fs").dump() + "']\n";
  CHECK(world.started(minimum + words{"--config", "f"}).l2.adapters.size() == 2);
}

TEST_CASE("all problems of all adapters are told at once, by number, with exit status 1") {
  const option_world world;
  auto answer = world.refused(minimum_with_fs + adapter({{"type", "fs"}, {"num_workers", 0}})
                              + adapter({{"type", "zzz"}}) + words{"--l2-adapter", "{"});
  CHECK(answer.code == 1);
  CAPTURE(answer.text);
  CHECK(contains(answer.text, "error: --l2-adapter #2 ('fs'): base_path must be"));
  CHECK(contains(answer.text, "error: --l2-adapter #2 ('fs'): num_workers must be"));
  CHECK(contains(answer.text, "error: --l2-adapter #3: unknown adapter type 'zzz'"));
  CHECK(contains(answer.text, "error: Invalid JSON for --l2-adapter #4"));
  CHECK_FALSE(contains(answer.text, "#1"));
}

TEST_CASE("unknown keys warn once when the daemon starts") {
  const option_world world;
  auto options = world.started(minimum + adapter(with(least("fs"), R"({"a":1,"b":2})")));
  CHECK(options.warnings
        == std::vector<std::string>{"--l2-adapter #1 ('fs'): unknown keys are ignored: a, b"});
}

TEST_CASE("affinity_tag names the only L1") {
  const option_world world;
  auto hot = adapter(with(least("fs"), R"({"affinity_tag":"hot"})"));
  auto answer = world.refused(minimum + hot);
  CHECK(contains(answer.text, "affinity_tag must name an L1, not \"hot\"; the only one is "
                              "\"_default\""));
  const words l1 = {"--l1-manager", R"({"type":"DRAM","tag":"hot","size_gb":1,
    "eviction":{"eviction_policy":"LRU"}})"};
  CHECK(world.started(l1 + hot).l2.adapters.at(0).affinity_tag == "hot");
  CHECK(contains(world.refused(l1 + adapter(least("fs"))).text, "the only one is \"hot\""));
}

TEST_CASE("a folder may be given twice, a device may not") {
  const option_world world;
  auto again = with(least("fs_native"), R"({"base_path":"/data/./kv/"})");
  auto options = world.started(minimum_with_fs + adapter(again));
  REQUIRE(options.warnings.size() == 1);
  CHECK(contains(options.warnings[0], "--l2-adapter #2 ('fs_native'): base_path is that of "
                                      "--l2-adapter #1 too"));
  auto other = with(least("fs"), R"({"base_path":"/data/kv2"})");
  CHECK(world.started(minimum_with_fs + adapter(other)).warnings.empty());
  const std::string twice = "#2 ('raw_block'): device_path is that of --l2-adapter #1 too";
  auto raw = adapter(least("raw_block"));
  CHECK(contains(world.refused(minimum + raw + raw).text, twice));
  auto second = adapter(with(least("raw_block"), R"({"device_path":"/dev/ng1n1"})"));
  CHECK(world.started(minimum + raw + second).l2.adapters.size() == 2);
}

TEST_CASE("blocks that pass the page cache by are no larger than L1's alignment") {
  const option_world world;
  const std::string text = "block_align must be at most --l1-align-bytes, which is 4096, not 8192";
  auto large = with(least("raw_block"), R"({"block_align":8192,"header_bytes":8192})");
  CHECK(contains(world.refused(minimum + adapter(large)).text, text));
  auto aligned = minimum + words{"--l1-align-bytes", "8192"};
  CHECK(world.started(aligned + adapter(large)).l2.adapters.size() == 1);
  auto cached = with(large, R"({"use_odirect":false})");
  CHECK(world.started(minimum + adapter(cached)).l2.adapters.size() == 1);
}

TEST_CASE("there are at most 64 adapters") {
  const option_world world;
  auto args = minimum;
  for (int i = 0; i < 64; ++i)
    args = args + adapter(least("mock"));
  CHECK(world.started(args).l2.adapters.size() == 64);
  auto answer = world.refused(args + adapter(least("mock")));
  CHECK(contains(answer.text, "--l2-adapter is given 65 times: at most 64"));
}

TEST_CASE("/config shows an adapter as the peer does, and ours after that") {
  std::ifstream file(ACTORD_TEST_DATA "/options.json");
  auto expected = ordered_json::parse(file).at("fs_adapter");
  const option_world world;
  auto object = least("fs");
  object["base_path"] = expected["base_path"];
  auto view = config_view(world.started(minimum + adapter(object)));
  auto shown = view["storage_manager"]["l2_adapter_config"]["adapters"][0];
  CHECK(shown["type"] == "fs");
  CHECK(shown["cpp"]["store_timeout_ms"] == 30'000);
  CHECK_FALSE(shown["cpp"].contains("max_capacity_gb")); // nobody said
  shown.erase("type");
  shown.erase("cpp");
  CHECK(shown.dump(2) == expected.dump(2)); // order of keys included
  auto evicting = with(least("fs"), R"({"persist_enabled":0,"eviction":{"eviction_policy":"LRU",
    "trigger_watermark":1}})");
  shown = config_view(world.started(
    minimum + adapter(evicting)))["storage_manager"]["l2_adapter_config"]["adapters"][0];
  CHECK(shown["eviction_config"]
        == "EvictionConfig(eviction_policy='LRU', trigger_watermark=1.0, eviction_ratio=0.2, "
           "extra_logging_enabled=False, extra_logging_interval=10.0)");
  CHECK(shown["persist_config"] == "PersistConfig(persist_enabled=False)");
}

TEST_CASE("every key of every type stands in the table of its type in the documentation") {
  std::ifstream file(ACTORD_TEST_DATA "/../../docs/operations/l2-adapters.md");
  REQUIRE(file.good());
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::map<std::string, std::string> sections; // heading -> its text
  std::istringstream lines(text);
  std::string heading;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## "))
      heading = line.substr(3);
    sections[heading] += line + "\n";
  }
  const std::map<std::string, std::string> headings
    = {{"fs", "fs, fs_native"},        {"fs_native", "fs, fs_native"},
       {"raw_block", "raw_block"},     {"resp", "resp"},
       {"valkey", "valkey"},           {"s3", "s3"},
       {"mock", "mock, fault_inject"}, {"fault_inject", "mock, fault_inject"}};
  for (const auto& item : least_adapters())
    for (const auto& key : read(item.second).known_keys) {
      CAPTURE(item.first);
      CAPTURE(key);
      auto row = "| `" + key + "` | ";
      CHECK((contains(sections.at(headings.at(item.first)), row)
             || contains(sections.at("Keys of every type"), row)));
    }
}
