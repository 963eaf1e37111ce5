#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/values.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace actord::http {

namespace {

constexpr const char* no_dax_l1 = "L1 is not Device-DAX backed (--l1-devdax-path not set)";
constexpr const char* bad_size
  = "size must be a positive integer byte count or a string like '100GiB'";
constexpr std::array<std::string_view, 1> drain_only{"drain"};
constexpr std::array<std::string_view, 3> remove_modes{"migrate", "evict", "drain"};
constexpr std::array<std::string_view, 2> resize_modes{"migrate", "evict"};

std::string normal(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Complains of a size that is neither an integer nor text; a bad number is found later.
const json* read_size(fields& values, complaints& faults) {
  const auto* size = values.find("size", true);
  if (!size || size->is_string() || size->is_number_integer())
    return size;
  auto loc = values.loc_of("size");
  auto as_integer = loc, as_text = loc;
  as_integer.push_back("int");
  as_text.push_back("str");
  faults.add("int_type", as_integer, "Input should be a valid integer", *size);
  faults.add("string_type", as_text, "Input should be a valid string", *size);
  return nullptr;
}

void forbid_others(const json& body, const json& loc, std::span<const std::string_view> known,
                   complaints& faults) {
  for (const auto& [name, value] : body.items())
    if (std::ranges::find(known, name) == known.end()) {
      auto where = loc;
      where.push_back(name);
      faults.add("extra_forbidden", where, "Extra inputs are not permitted", value);
    }
}

reply l1_add(const request& asked) {
  constexpr std::array<std::string_view, 2> known{"device_path", "size"};
  complaints faults;
  const auto body = read_body(asked, "DaxL1AddRequest", false, faults);
  if (!body)
    return faults.answer();
  const auto loc = json::array({"body"});
  fields values{*body, loc, faults};
  values.text("device_path");
  const auto* size = read_size(values, faults);
  forbid_others(*body, loc, known, faults);
  if (!faults.empty())
    return faults.answer();
  return parse_size(*size) ? error_reply(409, no_dax_l1) : error_reply(400, bad_size);
}

reply l1_remove(const request& asked) {
  constexpr std::array<std::string_view, 2> known{"device_path", "mode"};
  complaints faults;
  const auto body = read_body(asked, "DaxL1RemoveRequest", false, faults);
  if (!body)
    return faults.answer();
  const auto loc = json::array({"body"});
  fields values{*body, loc, faults};
  values.text("device_path");
  values.choice("mode", "drain", drain_only);
  forbid_others(*body, loc, known, faults);
  return faults.empty() ? error_reply(409, no_dax_l1) : faults.answer();
}

reply l2_status(const path_values& path) {
  return json_reply({{"enabled", false},
                     {"backend", normal(path[0])},
                     {"num_adapters", 0},
                     {"adapters", json::array()}});
}

// All checks of the dax operations; without an adapter there is nothing to change.
reply dax_l2_change(const json& body, const std::string& operation) {
  constexpr std::array<std::string_view, 5> known{"adapter_index", "device_path", "size", "mode",
                                                  "force"};
  if (operation != "add" && operation != "remove" && operation != "resize")
    return error_reply(400, "unsupported dax reconfigure operation: " + operation);
  complaints faults;
  fields values{body, json::array(), faults};
  values.integer("adapter_index", 0);
  values.text("device_path");
  const auto* size = operation == "remove" ? nullptr : read_size(values, faults);
  if (operation == "remove")
    values.choice("mode", "migrate", remove_modes);
  if (operation == "resize")
    values.choice("mode", "migrate", resize_modes);
  if (operation != "add")
    values.flag("force", false);
  forbid_others(body, json::array(), known, faults);
  if (!faults.empty()) {
    faults.add_urls();
    return faults.answer();
  }
  if (size && !parse_size(*size))
    return error_reply(400, bad_size);
  return error_reply(404, "dax adapter not found");
}

reply l2_change(const request& asked, const path_values& path) {
  complaints faults;
  const auto body = read_body(asked, "ReconfigureRequest", false, faults);
  if (!body)
    return faults.answer();
  const auto backend = normal(path[0]);
  if (backend == "dax")
    return dax_l2_change(*body, normal(path[1]));
  return error_reply(404, backend + " adapter not found");
}

} // namespace

void add_reconfigure_routes(router& to) {
  to.add({"GET", "/reconfigure/dax/l1/status", exposure::read,
          [](const request&, const path_values&) { return error_reply(409, no_dax_l1); }});
  to.add({"POST", "/reconfigure/dax/l1/add", exposure::change,
          [](const request& asked, const path_values&) { return l1_add(asked); }});
  to.add({"POST", "/reconfigure/dax/l1/remove", exposure::change,
          [](const request& asked, const path_values&) { return l1_remove(asked); }});
  to.add({"GET", "/reconfigure/{}/l2/status", exposure::read,
          [](const request&, const path_values& path) { return l2_status(path); }});
  to.add({"POST", "/reconfigure/{}/l2/{}", exposure::change, l2_change});
}

} // namespace actord::http
